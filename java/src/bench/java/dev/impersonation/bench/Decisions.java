package dev.impersonation.bench;

import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;
import org.openjdk.jmh.infra.ThreadParams;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What Trino's question whether one user may act as another costs, asked as Trino asks it.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Decisions
{
    @Benchmark
    @OperationsPerInvocation(Questions.BATCH)
    public void hit(Control control, Hits hits)
    {
        for (int index = 0; index < Questions.BATCH; index++) {
            control.control.checkCanImpersonateUser(hits.questions.impersonator(index), hits.questions.target(index));
        }
    }

    @Benchmark
    @OperationsPerInvocation(Questions.BATCH)
    public void denial(Control control, Denials denials, Blackhole blackhole)
    {
        for (int index = 0; index < Questions.BATCH; index++) {
            blackhole.consume(control.denial(denials.questions.impersonator(index), denials.questions.target(index)));
        }
    }

    /**
     * An access control by the name of its properties file, which has {@code bench.users}, the number of users who take part, and {@code bench.pause-micros}, the
     * pause after so many decisions as {@link Questions} draws.
     */
    @State(Scope.Benchmark)
    public static class Control
    {
        @Param("")
        private String name;

        private SystemAccessControl control;
        private int users;
        private long pauseNanos;

        @Setup
        public void start()
                throws IOException
        {
            Map<String, String> properties = Controls.properties(name);
            users = Integer.parseInt(properties.get("bench.users"));
            pauseNanos = TimeUnit.MICROSECONDS.toNanos(Long.parseLong(properties.get("bench.pause-micros")));
            control = Controls.start(properties);
            Controls.askOtherThings(control);
        }

        @TearDown
        public void end()
                throws ReflectiveOperationException
        {
            Controls.shutdown(control);
        }

        private AccessDeniedException denial(Identity impersonator, String target)
        {
            try {
                control.checkCanImpersonateUser(impersonator, target);
            }
            catch (AccessDeniedException e) {
                return e;
            }
            throw new IllegalStateException("%s was allowed to be %s".formatted(impersonator.getUser(), target));
        }

        private void pause()
        {
            // Not by sleeping, from which a processor wakes up slower than it was.
            long began = System.nanoTime();
            while (System.nanoTime() - began < pauseNanos) {
                Thread.onSpinWait();
            }
        }
    }

    /**
     * Questions that are answered by yes, from users who are known.
     */
    @State(Scope.Thread)
    public static class Hits
    {
        private Questions questions;

        @Setup
        public void prepare(Control control, ThreadParams threads)
        {
            Names names = Names.ofServices(control.users);
            // Also makes everybody known.
            for (int number = 0; number < names.count(); number++) {
                control.control.checkCanImpersonateUser(names.impersonator(number), names.target(number));
            }
            questions = new Questions(names, (double) threads.getThreadIndex() / threads.getThreadCount());
        }

        @Setup(Level.Invocation)
        public void draw(Control control, Blackhole blackhole)
        {
            control.pause();
            blackhole.consume(questions.draw());
        }
    }

    /**
     * Questions that are answered by no, from users who are known.
     */
    @State(Scope.Thread)
    public static class Denials
    {
        private Questions questions;

        @Setup
        public void prepare(Control control, ThreadParams threads)
        {
            Names names = Names.ofPeople(control.users);
            for (int number = 0; number < names.count(); number++) {
                control.denial(names.impersonator(number), names.target(number));
            }
            questions = new Questions(names, (double) threads.getThreadIndex() / threads.getThreadCount());
        }

        @Setup(Level.Invocation)
        public void draw(Control control, Blackhole blackhole)
        {
            control.pause();
            blackhole.consume(questions.draw());
        }
    }
}
