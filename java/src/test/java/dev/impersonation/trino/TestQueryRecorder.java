package dev.impersonation.trino;

import dev.impersonation.engine.EndedQuery;
import dev.impersonation.engine.EndedQuery.Amount;
import dev.impersonation.engine.Impersonation;
import dev.impersonation.engine.Reason;
import io.trino.spi.QueryId;
import io.trino.spi.StandardErrorCode;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;

final class TestQueryRecorder
{
    private static final Reason PERMISSION = new Reason(1, "permission", "may");
    private static final Impersonation NATIVE_ALICE = new Impersonation(NATIVE, PERMISSION, Instant.EPOCH, "svc", "alice", Optional.of("svc@EXAMPLE"));
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc@EXAMPLE")).build();

    private final List<EndedQuery> recorded = new ArrayList<>();
    private Optional<Impersonation> nativePath = Optional.empty();
    private Optional<Binding> propertyPath = Optional.empty();
    private boolean broken;
    private Instant now = Instant.EPOCH;
    private CapturedLog log;

    @BeforeEach
    void captureLog()
    {
        log = new CapturedLog(QueryRecorder.class);
    }

    @AfterEach
    void releaseLog()
    {
        log.close();
    }

    @Test
    void testNativeQueryIsRecordedOnceWithAllThatTheEventTells()
    {
        QueryRecorder recorder = recorder();
        nativePath = Optional.of(NATIVE_ALICE);
        recorder.queryCreated(QueryEvents.created("q1", "alice", Map.of()));
        // It ends on another thread, which has impersonated nobody.
        nativePath = Optional.empty();
        recorder.queryCompleted(QueryEvents.completed("q1", "alice", Optional.empty()));
        recorder.queryCompleted(QueryEvents.completed("q1", "alice", Optional.empty()));
        assertThat(recorded).hasSize(1);
        EndedQuery query = recorded.get(0);
        assertThat(query.impersonation()).isEqualTo(NATIVE_ALICE);
        assertThat(query.queryId()).isEqualTo("q1");
        assertThat(query.state()).isEqualTo("FINISHED");
        assertThat(query.error()).isEmpty();
        assertThat(query.start()).isEqualTo(Instant.EPOCH);
        assertThat(query.elapsed()).isEqualTo(Duration.ofMillis(1500));
        assertThat(query.catalogs()).containsExactly("memory", "tpch");
        assertThat(query.tables()).containsExactly("memory.default.copy", "memory.default.view", "tpch.tiny.nation");
        assertThat(query.input()).isEqualTo(new Amount(25, 250));
        assertThat(query.output()).isEqualTo(new Amount(3, 30));
        assertThat(query.written()).isEqualTo(new Amount(7, 70));
        assertThat(query.text()).isEqualTo("SELECT 1");
        assertThat(log.records()).isEmpty();
    }

    @Test
    void testQueryOnThePropertyPathIsRecordedForItsTarget()
    {
        QueryRecorder recorder = recorder();
        propertyPath = Optional.of(new Binding.Allowed(SVC, Identity.forUser("bob").withGroups(Set.of("analysts")).build(), PERMISSION));
        recorder.queryCreated(QueryEvents.created("q1", "svc", Map.of()));
        // Until then the binding has been replaced by one that says that the query has ended.
        propertyPath = Optional.of(new Binding.Ended());
        recorder.queryCompleted(QueryEvents.completed("q1", "svc", Optional.of(StandardErrorCode.DIVISION_BY_ZERO.toErrorCode())));
        assertThat(recorded).hasSize(1);
        assertThat(recorded.get(0).impersonation()).isEqualTo(new Impersonation(PROPERTY, PERMISSION, now, "svc", "bob", Optional.of("svc@EXAMPLE")));
        assertThat(recorded.get(0).error()).contains("DIVISION_BY_ZERO");
    }

    @Test
    void testQueriesOfPeopleThemselvesAreNotRecorded()
    {
        QueryRecorder recorder = recorder();
        recorder.queryCreated(QueryEvents.created("q1", "alice", Map.of()));
        recorder.queryCompleted(QueryEvents.completed("q1", "alice", Optional.empty()));
        propertyPath = Optional.of(new Binding.Refused("svc", "bob", Optional.empty(), "no"));
        recorder.queryCreated(QueryEvents.created("q2", "svc", Map.of()));
        recorder.queryCompleted(QueryEvents.completed("q2", "svc", Optional.empty()));
        assertThat(recorded).isEmpty();
    }

    @Test
    void testQueryThatFailsBeforeTheListenersAreToldIsRecordedWhereTheServerTellsItsIdEarlier()
    {
        QueryRecorder recorder = recorder();
        nativePath = Optional.of(NATIVE_ALICE);
        recorder.queryAdmitted(new Object[] {Identity.ofUser("alice"), QueryId.valueOf("q1")});
        recorder.queryAdmitted(new Object[] {Identity.ofUser("alice")});
        recorder.queryCompleted(QueryEvents.completed("q1", "alice", Optional.of(StandardErrorCode.INVALID_SESSION_PROPERTY.toErrorCode())));
        assertThat(recorded).extracting(EndedQuery::queryId).containsExactly("q1");
        assertThat(log.records()).isEmpty();
    }

    @Test
    void testFailureIsToldOnceAMinuteAndNeverTouchesTheQuery()
    {
        QueryRecorder recorder = recorder();
        nativePath = Optional.of(NATIVE_ALICE);
        broken = true;
        for (int index = 0; index < 100; index++) {
            recorder.queryCreated(QueryEvents.created("q" + index, "alice", Map.of()));
            recorder.queryCompleted(QueryEvents.completed("q" + index, "alice", Optional.empty()));
        }
        recorder.queryCreated(null);
        recorder.queryCompleted(null);
        recorder.queryAdmitted(new Object[] {Identity.ofUser("alice"), null});
        assertThat(log.records()).hasSize(1);
        assertThat(log.records().get(0).getMessage()).contains("leaves no line in the audit file");
        assertThat(log.records().get(0).getThrown()).hasMessage("broken");
        now = now.plus(Duration.ofMinutes(1));
        recorder.queryCompleted(null);
        assertThat(log.records()).hasSize(2);
        assertThat(log.records().get(1).getMessage()).endsWith("(102 more warnings since the last one)");
    }

    @Test
    void testOldestIsForgottenWhereEndsAreNotTold()
    {
        QueryTrail trail = new QueryTrail(2);
        assertThat(trail.begin("q1", NATIVE_ALICE)).isTrue();
        assertThat(trail.begin("q2", NATIVE_ALICE)).isTrue();
        assertThat(trail.begin("q2", NATIVE_ALICE)).isTrue();
        assertThat(trail.begin("q3", NATIVE_ALICE)).isFalse();
        assertThat(trail.end("q1")).isEmpty();
        assertThat(trail.end("q2")).contains(NATIVE_ALICE);
        assertThat(trail.end("q3")).contains(NATIVE_ALICE);
        assertThat(trail.end("q3")).isEmpty();
    }

    private QueryRecorder recorder()
    {
        return new QueryRecorder(
                user -> nativePath.filter(impersonation -> impersonation.target().equals(user)),
                queryId -> propertyPath,
                query -> {
                    if (broken) {
                        throw new IllegalStateException("broken");
                    }
                    recorded.add(query);
                },
                () -> now);
    }
}
