package dev.impersonation.engine;

import dev.impersonation.testing.FakeImmuta;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

import static java.util.concurrent.TimeUnit.MINUTES;

/**
 * Decisions of all kinds on many threads, through the jar and the library, each compared with what must come of it, while files change and break, permissions
 * are taken away, the stand-in for Immuta misbehaves and engines are closed.
 */
final class Soak
        implements AutoCloseable
{
    static final int THREADS = 8;

    private static final int BATCH = 100;

    private final SplittableRandom random;
    private final FakeImmuta immuta;
    private final List<Soaked> soaked;
    private final Map<String, Long> reasons = new TreeMap<>();
    private volatile boolean stopped;

    Soak(Path directory, long seed)
            throws IOException, InterruptedException
    {
        random = new SplittableRandom(seed);
        immuta = FakeImmuta.start(directory);
        // Looking users up is the smaller part: of what is remembered a decision is the same.
        soaked = List.of(
                new SoakedFile(Files.createDirectory(directory.resolve("file"))),
                new SoakedImmuta(Files.createDirectory(directory.resolve("immuta")), immuta));
    }

    /**
     * Makes as many decisions, or a few more, and every disturbance at least once.
     *
     * @throws AssertionError if an answer was wrong
     */
    void run(long decisions)
            throws Exception
    {
        stopped = false;
        AtomicLong made = new AtomicLong();
        ExecutorService executor = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<Map<String, Long>>> workers = new ArrayList<>();
            for (int thread = 0; thread < THREADS; thread++) {
                SplittableRandom own = random.split();
                workers.add(executor.submit(() -> decide(own, made, decisions)));
            }
            do {
                for (Soaked.Disturbance disturbance : inAnyOrder()) {
                    disturbance.make(random);
                    if (workers.stream().anyMatch(Future::isDone)) {
                        break;
                    }
                }
            }
            while (made.get() < decisions && workers.stream().noneMatch(Future::isDone));
            stopped = true;
            for (Future<Map<String, Long>> worker : workers) {
                counts(worker).forEach((reason, count) -> reasons.merge(reason, count, Long::sum));
            }
        }
        finally {
            stopped = true;
            executor.shutdown();
        }
        // Whoever measures the process next must not find them.
        if (!executor.awaitTermination(1, MINUTES)) {
            throw new AssertionError("a worker did not end");
        }
    }

    /**
     * How often each reason came.
     */
    Map<String, Long> reasons()
    {
        return reasons;
    }

    List<String> summary()
    {
        return soaked.stream().map(Soaked::summary).toList();
    }

    private Map<String, Long> decide(SplittableRandom own, AtomicLong made, long decisions)
    {
        Map<String, Long> counts = new TreeMap<>();
        while (!stopped) {
            for (int decision = 0; decision < BATCH; decision++) {
                counts.merge(soaked.get(own.nextInt(4) == 0 ? 1 : 0).decide(own), 1L, Long::sum);
            }
            if (made.addAndGet(BATCH) >= decisions) {
                // Only what disturbs goes on, and it needs the processor.
                LockSupport.parkNanos(Duration.ofMillis(10).toNanos());
            }
        }
        return counts;
    }

    private List<Soaked.Disturbance> inAnyOrder()
    {
        List<Soaked.Disturbance> disturbances = new ArrayList<>();
        soaked.forEach(each -> disturbances.addAll(each.disturbances()));
        Collections.shuffle(disturbances, new Random(random.nextLong()));
        return disturbances;
    }

    private static Map<String, Long> counts(Future<Map<String, Long>> worker)
            throws Exception
    {
        try {
            return worker.get();
        }
        catch (ExecutionException e) {
            throw new AssertionError("a worker stopped: " + e.getCause().getMessage(), e.getCause());
        }
    }

    @Override
    public void close()
            throws IOException
    {
        soaked.forEach(Soaked::close);
        immuta.close();
    }
}
