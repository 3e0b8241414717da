package dev.impersonation.engine;

import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * {@code ./dev test soak}: a long soak in two halves, after each of which the process must be of the same size.
 */
final class SoakProgram
{
    /**
     * By how much it may have grown in the second half. What leaks with each decision doubles.
     */
    private static final double TOLERANCE = 1.15;

    private SoakProgram() {}

    public static void main(String[] arguments)
            throws Exception
    {
        PrintStream output = System.out;
        Path directory = Path.of(arguments[0]);
        long decisions = Long.parseLong(arguments[1]);
        long seed = Long.parseLong(arguments[2]);
        output.printf("%s decisions on %s threads with the seed %s%n", decisions, Soak.THREADS, seed);
        try (Soak soak = new Soak(directory, seed)) {
            soak.run(decisions / 2);
            Map<String, Long> middle = sizes();
            output.printf("in the middle: %s%n", middle);
            soak.run(decisions - decisions / 2);
            Map<String, Long> end = sizes();
            output.printf("at the end: %s%n", end);
            soak.summary().forEach(output::println);
            output.println(soak.reasons());
            end.forEach((name, size) -> {
                if (size > middle.get(name) * TOLERANCE) {
                    throw new AssertionError("%s grew from %s to %s".formatted(name, middle.get(name), size));
                }
            });
            output.printf("%s decisions, none wrong; no growth beyond %s times%n", soak.reasons().values().stream().mapToLong(Long::longValue).sum(), TOLERANCE);
        }
        output.println("soak: 1 passed");
    }

    /**
     * The heap after a collection, and what the system knows of the process. The heap is of fixed size, so that what the process takes besides is native.
     */
    private static Map<String, Long> sizes()
            throws IOException
    {
        System.gc();
        Map<String, Long> sizes = new TreeMap<>();
        sizes.put("heap bytes", ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        sizes.put("resident kB", status("VmRSS"));
        sizes.put("engine threads", engineThreads());
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            sizes.put("open files", files.count());
        }
        return sizes;
    }

    /**
     * Those of the JVM come and go by themselves.
     */
    private static long engineThreads()
            throws IOException
    {
        long count = 0;
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path thread : threads) {
                if (isOfEngine(thread)) {
                    count++;
                }
            }
        }
        return count;
    }

    private static boolean isOfEngine(Path thread)
    {
        try {
            // The system cuts names short: impersonation-audit, reqwest-internal-sync-runtime.
            String name = Files.readString(thread.resolve("comm"));
            return name.startsWith("impersonation-") || name.startsWith("reqwest-");
        }
        catch (IOException e) {
            // It has ended meanwhile.
            return false;
        }
    }

    private static long status(String name)
            throws IOException
    {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith(name + ":"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        }
    }
}
