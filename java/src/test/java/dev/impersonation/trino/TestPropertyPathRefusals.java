package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.Reason;
import dev.impersonation.engine.Request;
import dev.impersonation.engine.TestingEngineException;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.time.Instant;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What is refused before the engine is asked leaves a line all the same.
 */
final class TestPropertyPathRefusals
{
    private static final Bindings.Limits LIMITS = new Bindings.Limits(1, Duration.ofHours(1), 10, Duration.ofMinutes(1));
    private static final Bound SELF = new Bound(new Decision(true, new Reason(4, "self", "may")), "svc", Set.of());
    private static final Bound ALLOW = new Bound(new Decision(true, new Reason(1, "permission", "may")), "alice", Set.of());
    private static final Bound DENY = new Bound(new Decision(false, new Reason(25, "out-of-scope", "no rule lets this impersonator")), "alice", Set.of());
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc@EXAMPLE")).withGroups(Set.of("services")).build();
    private static final Request AS_ALICE = request(false, "svc", "alice");
    private static final Request AS_SOMEBODY = request(false, "svc", "");
    private static final Request UNCHECKED = new Request(PROPERTY, false, "svc", "alice", Optional.empty(), Optional.of("q1"));

    private final List<Request> refusals = new ArrayList<>();
    private Optional<Reason> impersonation = Optional.empty();
    private CapturedLog log;

    @BeforeEach
    void captureLog()
    {
        log = new CapturedLog(PropertyPath.class);
    }

    @AfterEach
    void releaseLog()
    {
        log.close();
    }

    @Test
    void testWhatTheEngineDecidesItRecordsItself()
    {
        for (Bound decided : List.of(ALLOW, DENY)) {
            run(path(request -> decided, true), SVC, "alice");
        }
        run(path(request -> SELF, true), SVC, "svc");
        run(path(request -> ALLOW, true), SVC, "");
        assertRecorded("nothing");
    }

    @Test
    void testEveryRefusalWithoutADecisionIsRecordedOnce()
    {
        Function<Request, Bound> broken = request -> {
            throw TestingEngineException.create(EngineException.Code.INTERNAL);
        };
        run(path(broken, true), SVC, "alice");
        assertRecorded("engine failed", AS_ALICE);
        run(path(request -> ALLOW, false), SVC, "alice");
        assertRecorded("no delegate", AS_ALICE);
        run(path(request -> ALLOW, true), Identity.ofUser("svc"), "alice");
        assertRecorded("no principal", UNCHECKED);

        BindingListener listener = listener(path(request -> ALLOW, true));
        listener.queryCreated(QueryEvents.created("q1", "svc", Map.of("immuta.immuta_user", "alice")));
        listener.queryCreated(QueryEvents.created("q1", "svc", Map.of("immuta.immuta_user", "alice")));
        assertRecorded("not asked by the server", UNCHECKED);

        checked().queryCreated(QueryEvents.created("q1", "other", Map.of("immuta.immuta_user", "alice")));
        assertRecorded("two users", request(false, "other", "alice"));
        checked().queryCreated(QueryEvents.created("q1", "svc", Map.of()));
        assertRecorded("no value", AS_SOMEBODY);
        checked().queryCreated(QueryEvents.created("q1", "svc", new BrokenMap()));
        assertRecorded("the session cannot be read", AS_SOMEBODY);

        PropertyPath full = path(request -> ALLOW, true);
        full.propertyChecked("q0", SVC);
        assertThatThrownBy(() -> full.propertyChecked("q1", SVC)).isInstanceOf(AccessDeniedException.class);
        assertRecorded("too many queries", AS_SOMEBODY);
        impersonation = Optional.of(new Reason(1, "permission", "may"));
        assertThatThrownBy(() -> full.propertyChecked("q1", SVC)).isInstanceOf(AccessDeniedException.class);
        assertRecorded("too many queries of one who is impersonated", request(true, "svc", ""));
    }

    @Test
    void testFailureToRecordChangesNoRefusal()
    {
        for (RuntimeException failure : List.of(TestingEngineException.create(EngineException.Code.CLOSED), new IllegalStateException("broken"))) {
            assertRefusedAllTheSame(refused -> {
                throw failure;
            });
        }
        assertRefusedAllTheSame(refused -> {
            throw new StackOverflowError();
        });
        assertThat(log.records()).hasSize(6).allSatisfy(record -> assertThat(record.getMessage()).isEqualTo("A refusal on the property path cannot be recorded"));
    }

    private void assertRefusedAllTheSame(Consumer<Request> recorder)
    {
        PropertyPath path = new PropertyPath(request -> ALLOW, recorder, user -> impersonation, false, new Bindings(LIMITS, () -> Instant.EPOCH));
        assertThat(((Binding.Denied) run(path, SVC, "alice")).denial())
                .hasMessage("Access Denied: User svc cannot impersonate user alice: "
                        + "no access control is configured that could hold up the target's rights; name one in immuta.delegate.config-file");
        assertThatThrownBy(() -> path.propertyChecked("q2", SVC))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: immuta.immuta_user is set in too many queries at once; try again later");
    }

    private PropertyPath path(Function<Request, Bound> engine, boolean hasDelegate)
    {
        return new PropertyPath(engine, refusals::add, user -> impersonation, hasDelegate, new Bindings(LIMITS, () -> Instant.EPOCH));
    }

    private BindingListener checked()
    {
        PropertyPath path = path(request -> ALLOW, true);
        path.propertyChecked("q1", SVC);
        return listener(path);
    }

    private void assertRecorded(String why, Request... expected)
    {
        assertThat(refusals).as(why).containsExactly(expected);
        refusals.clear();
    }

    private static Binding run(PropertyPath path, Identity session, String target)
    {
        path.propertyChecked("q1", session);
        listener(path).queryCreated(QueryEvents.created("q1", "svc", Map.of("immuta.immuta_user", target)));
        return path.binding("q1").orElse(null);
    }

    private static BindingListener listener(PropertyPath path)
    {
        return new BindingListener(path, new PropertyCatalog());
    }

    private static Request request(boolean chained, String user, String target)
    {
        return new Request(PROPERTY, chained, user, target, Optional.of("svc@EXAMPLE"), Optional.of("q1"));
    }

    private static final class BrokenMap
            extends AbstractMap<String, String>
    {
        @Override
        public Set<Entry<String, String>> entrySet()
        {
            throw new NoSuchMethodError("broken");
        }
    }
}
