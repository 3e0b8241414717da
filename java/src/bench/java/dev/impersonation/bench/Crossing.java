package dev.impersonation.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.infra.Blackhole;

import java.util.concurrent.TimeUnit;

/**
 * What no check in native code can do without. The native methods are in the library that is built with the feature {@code boundary-test}.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Crossing
{
    private static final int USERS = 1000;

    static {
        System.load(System.getProperty("bench.crossing-library"));
    }

    static native void nothing();

    static native boolean knows(byte[] names);

    @Benchmark
    @OperationsPerInvocation(Questions.BATCH)
    public void emptyCall()
    {
        for (int index = 0; index < Questions.BATCH; index++) {
            nothing();
        }
    }

    /**
     * One call with both names in one array, of which one is looked up.
     */
    @Benchmark
    @OperationsPerInvocation(Questions.BATCH)
    public void packedArrayAndLookup(Hits hits)
    {
        for (int index = 0; index < Questions.BATCH; index++) {
            if (!knows(packed(hits.questions.impersonator(index).getUser(), hits.questions.target(index)))) {
                throw new IllegalStateException("not known");
            }
        }
    }

    private static byte[] packed(String impersonator, String target)
    {
        byte[] packed = new byte[impersonator.length() + target.length()];
        int position = 0;
        for (int index = 0; index < impersonator.length(); index++) {
            packed[position++] = (byte) impersonator.charAt(index);
        }
        for (int index = 0; index < target.length(); index++) {
            packed[position++] = (byte) target.charAt(index);
        }
        return packed;
    }

    /**
     * Names that are looked up.
     */
    @State(Scope.Thread)
    public static class Hits
    {
        private final Questions questions = new Questions(Names.ofServices(USERS), 0);

        @Setup(Level.Invocation)
        public void draw(Blackhole blackhole)
        {
            blackhole.consume(questions.draw());
        }
    }
}
