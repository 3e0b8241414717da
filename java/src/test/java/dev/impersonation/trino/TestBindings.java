package dev.impersonation.trino;

import io.trino.spi.security.Identity;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.IntStream;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;

final class TestBindings
{
    private static final Binding FIRST = new Binding.Refused("svc", "alice", Optional.empty(), "first");
    private static final Binding SECOND = new Binding.Refused("svc", "alice", Optional.empty(), "second");
    private static final Duration MAX_AGE = Duration.ofHours(1);
    private static final Duration AFTER_END = Duration.ofMinutes(1);

    private Instant now = Instant.EPOCH;
    private final Bindings bindings = new Bindings(new Bindings.Limits(3, MAX_AGE, 2, AFTER_END), () -> now);

    @Test
    void testBindingLivesFromPutToRemove()
    {
        assertThat(bindings.isInUse()).isFalse();
        assertThat(bindings.find("q1")).isEmpty();
        assertThat(bindings.putIfAbsent("q1", FIRST)).isTrue();
        assertThat(bindings.isInUse()).isTrue();
        assertThat(bindings.find("q1")).contains(FIRST);
        assertThat(bindings.find("q2")).isEmpty();
        bindings.remove("q1");
        bindings.remove("q1");
        assertThat(bindings.find("q1")).isEmpty();
        assertThat(bindings.isInUse()).isFalse();
    }

    @Test
    void testFirstBindingStaysUntilItIsReplaced()
    {
        bindings.putIfAbsent("q1", FIRST);
        assertThat(bindings.putIfAbsent("q1", SECOND)).isTrue();
        assertThat(bindings.find("q1")).contains(FIRST);
        bindings.replace("q1", SECOND);
        assertThat(bindings.find("q1")).contains(SECOND);
    }

    @Test
    void testQueryThatImpersonatesNobodyIsNotBoundAgain()
    {
        bindings.putIfAbsent("q1", FIRST);
        bindings.remove("q1");
        bindings.replace("q1", SECOND);
        assertThat(bindings.find("q1")).isEmpty();
        assertThat(bindings.size()).isZero();
    }

    @Test
    void testQueryThatEndedNeverHasRightsAgain()
    {
        bindings.putIfAbsent("q1", FIRST);
        bindings.end("q1");
        bindings.end("q1");
        bindings.end("q2");
        bindings.replace("q1", SECOND);
        bindings.remove("q1");
        assertThat(bindings.putIfAbsent("q1", SECOND)).isTrue();
        assertThat(bindings.find("q1")).contains(new Binding.Ended());
        assertThat(bindings.find("q2")).as("had no binding").isEmpty();
        now = now.plus(AFTER_END).minusNanos(1);
        bindings.dropOld();
        assertThat(bindings.find("q1")).contains(new Binding.Ended());
        now = now.plusNanos(1);
        bindings.dropOld();
        assertThat(bindings.size()).isZero();
        assertThat(bindings.find("q1")).contains(new Binding.Lost());
        now = now.plus(Duration.ofDays(365));
        bindings.dropOld();
        assertThat(bindings.find("q1")).contains(new Binding.Lost());
        assertThat(bindings.find("q2")).as("a later query").isEmpty();
    }

    @Test
    void testOfManyQueriesThatEndedNoneHasRightsAgain()
    {
        for (String queryId : new String[] {"q1", "q2", "q3", "q4"}) {
            bindings.putIfAbsent(queryId, FIRST);
            bindings.end(queryId);
        }
        assertThat(bindings.size()).isEqualTo(2);
        assertThat(bindings.find("q1")).contains(new Binding.Lost());
        assertThat(bindings.find("q2")).contains(new Binding.Lost());
        assertThat(bindings.find("q3")).contains(new Binding.Ended());
        assertThat(bindings.find("q4")).contains(new Binding.Ended());
        assertThat(bindings.find("q5")).isEmpty();
    }

    /**
     * However long it runs, and however many others come and go meanwhile.
     */
    @Test
    void testQueryThatImpersonatesNobodyKeepsItsRightsUntilItEnds()
    {
        bindings.runUnbound("20261124_110000_00001_abcde");
        bindings.putIfAbsent("20261124_110000_00002_abcde", FIRST);
        bindings.remove("20261124_110000_00002_abcde");
        bindings.putIfAbsent("20261124_110000_00003_abcde", new Binding.Own(NATIVE, "permission"));
        for (int query = 10; query < 20; query++) {
            String queryId = "20261124_110000_%05d_abcde".formatted(query);
            bindings.putIfAbsent(queryId, FIRST);
            bindings.end(queryId);
        }
        bindings.putIfAbsent("20261124_110000_00020_abcde", FIRST);
        now = now.plus(MAX_AGE);
        bindings.dropOld();
        assertThat(bindings.size()).isZero();
        for (int query = 1; query <= 3; query++) {
            String queryId = "20261124_110000_%05d_abcde".formatted(query);
            assertThat(bindings.find(queryId)).isEmpty();
            bindings.end(queryId);
            assertThat(bindings.find(queryId)).as("nobody knows of it any more").contains(new Binding.Lost());
        }
    }

    @Test
    void testQueryThatIsBoundAfterAllIsNotTakenForOneThatImpersonatesNobody()
    {
        bindings.runUnbound("q1");
        bindings.putIfAbsent("q1", FIRST);
        bindings.runUnbound("q1");
        assertThat(bindings.find("q1")).contains(FIRST);
        bindings.end("q1");
        assertThat(bindings.find("q1")).contains(new Binding.Ended());
        now = now.plus(AFTER_END);
        bindings.dropOld();
        assertThat(bindings.find("q1")).contains(new Binding.Lost());
    }

    @Test
    void testOfTooManyQueriesThatImpersonateNobodyTheOldestMayBeTakenForLost()
    {
        for (String queryId : new String[] {"q1", "q2", "q3", "q4"}) {
            bindings.runUnbound(queryId);
        }
        assertThat(bindings.find("q1")).as("while none was dropped").isEmpty();
        bindings.putIfAbsent("q5", FIRST);
        now = now.plus(MAX_AGE);
        bindings.dropOld();
        assertThat(bindings.find("q1")).contains(new Binding.Lost());
        assertThat(bindings.find("q2")).isEmpty();
        assertThat(bindings.size()).isZero();
    }

    @Test
    void testNoMoreThanTheCapacity()
    {
        for (String queryId : new String[] {"q1", "q2", "q3"}) {
            assertThat(bindings.putIfAbsent(queryId, FIRST)).isTrue();
        }
        assertThat(bindings.putIfAbsent("q4", FIRST)).isFalse();
        assertThat(bindings.putIfAbsent("q2", FIRST)).as("has a binding already").isTrue();
        bindings.end("q1");
        assertThat(bindings.putIfAbsent("q4", FIRST)).isTrue();
        assertThat(bindings.size()).as("three that run and one that ended").isEqualTo(4);
    }

    @Test
    void testOldBindingsMakeRoom()
    {
        for (String queryId : new String[] {"q1", "q2", "q3"}) {
            bindings.putIfAbsent(queryId, FIRST);
        }
        now = now.plus(MAX_AGE).minusNanos(1);
        assertThat(bindings.putIfAbsent("q4", FIRST)).isFalse();
        now = now.plusNanos(1);
        assertThat(bindings.putIfAbsent("q4", FIRST)).isTrue();
        assertThat(bindings.size()).isEqualTo(1);
    }

    @Test
    void testQueryOlderThanBindingsAreKeptIsNotTakenForOneWithoutBinding()
    {
        bindings.putIfAbsent("20261124_110000_00001_abcde", FIRST);
        bindings.putIfAbsent("20261124_110000_00002_abcde", FIRST);
        now = now.plus(MAX_AGE);
        bindings.putIfAbsent("20261124_120000_00003_abcde", FIRST);
        assertThat(bindings.find("20261124_110000_00001_abcde")).contains(new Binding.Lost());
        assertThat(bindings.find("20261124_110000_00002_abcde")).contains(new Binding.Lost());
        assertThat(bindings.find("20261124_110000_00003_abcde")).isEmpty();
        bindings.end("20261124_110000_00001_abcde");
        assertThat(bindings.find("20261124_110000_00001_abcde")).contains(new Binding.Lost());
        bindings.remove("20261124_120000_00003_abcde");
        assertThat(bindings.isInUse()).as("for the sake of the lost").isTrue();
        assertThat(bindings.size()).isZero();
        assertThat(new Binding.Lost().denial()).hasMessageStartingWith("Access Denied: the query began so long ago");
    }

    @Test
    void testQueryWithItsOwnRightsIsForgottenAtItsEndAndHidesNoOther()
    {
        Binding own = new Binding.Own(NATIVE, "permission");
        bindings.putIfAbsent("20261124_110000_00002_abcde", own);
        bindings.end("20261124_110000_00002_abcde");
        assertThat(bindings.isInUse()).isFalse();
        bindings.putIfAbsent("20261124_110000_00003_abcde", own);
        now = now.plus(MAX_AGE);
        bindings.dropOld();
        assertThat(bindings.isInUse()).isFalse();
        assertThat(bindings.find("20261124_110000_00001_abcde")).isEmpty();
    }

    @Test
    void testManyQueriesLeaveNothingBehind()
    {
        Bindings bindings = new Bindings(new Bindings.Limits(1_000, MAX_AGE, 1_000, AFTER_END), () -> now);
        Binding.Expected expected = new Binding.Expected(Identity.ofUser("svc"), Optional.empty());
        IntStream.range(0, 100_000).parallel().forEach(query -> {
            String queryId = "20261124_110000_%05d_abcde".formatted(query);
            assertThat(bindings.putIfAbsent(queryId, expected)).isTrue();
            bindings.replace(queryId, FIRST);
            assertThat(bindings.find(queryId)).contains(FIRST);
            bindings.end(queryId);
        });
        assertThat(bindings.size()).isEqualTo(1_000);
        now = now.plus(AFTER_END);
        bindings.dropOld();
        assertThat(bindings.size()).isZero();
        assertThat(bindings.isInUse()).as("for the sake of those that ended").isTrue();
    }
}
