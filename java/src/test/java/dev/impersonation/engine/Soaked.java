package dev.impersonation.engine;

import dev.impersonation.engine.SoakPolicy.Person;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;

/**
 * An engine, what it should answer, and what is done to it meanwhile.
 */
interface Soaked
        extends AutoCloseable
{
    /**
     * Asks something and returns the reason.
     *
     * @throws AssertionError if it is wrong
     */
    String decide(SplittableRandom random);

    /**
     * Made one at a time, in any order.
     */
    List<Disturbance> disturbances();

    String summary();

    @Override
    void close();

    @FunctionalInterface
    interface Disturbance
    {
        void make(SplittableRandom random)
                throws Exception;
    }

    static Request request(SplittableRandom random, Person impersonator, Person target, boolean chained)
    {
        return new Request(random.nextInt(8) == 0 ? PROPERTY : NATIVE, chained, impersonator.name(), target.name(), Optional.of("principal"));
    }

    @FunctionalInterface
    interface Condition
    {
        boolean holds()
                throws Exception;
    }

    static void await(String what, Condition condition)
    {
        Duration limit = Duration.ofMinutes(2);
        long start = System.nanoTime();
        try {
            while (!condition.holds()) {
                if (System.nanoTime() - start > limit.toNanos()) {
                    throw new AssertionError("it never came to be so: " + what);
                }
                LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
            }
        }
        catch (RuntimeException e) {
            throw e;
        }
        catch (Exception e) {
            throw new AssertionError(what, e);
        }
    }
}
