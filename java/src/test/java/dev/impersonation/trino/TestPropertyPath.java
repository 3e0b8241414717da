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
import io.trino.spi.security.SelectedRole;
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
import java.util.function.Function;
import java.util.stream.IntStream;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static io.trino.spi.security.SelectedRole.Type.ALL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestPropertyPath
{
    private static final Reason PERMISSION = new Reason(1, "permission", "may");
    private static final Reason ADMIN = new Reason(2, "admin-user", "may");
    private static final Bound SELF = new Bound(new Decision(true, new Reason(4, "self", "may")), "svc", Set.of("source"));
    private static final Bound ALLOW = new Bound(new Decision(true, PERMISSION), "alice", Set.of("analysts", "bi"));
    private static final Bound DENY = new Bound(new Decision(false, new Reason(25, "out-of-scope", "no rule lets this impersonator")), "alice", Set.of());
    private static final Map<String, String> AS_ALICE = Map.of("immuta.immuta_user", "alice");
    private static final Identity SVC = Identity.forUser("svc")
            .withPrincipal(new BasicPrincipal("svc@EXAMPLE"))
            .withGroups(Set.of("services"))
            .withEnabledRoles(Set.of("admin"))
            .withConnectorRole("hive", new SelectedRole(ALL, Optional.empty()))
            .withExtraCredentials(Map.of("token", "secret"))
            .build();

    private final List<Request> requests = new ArrayList<>();
    private final List<Request> refusals = new ArrayList<>();
    private Instant now = Instant.EPOCH;
    private Optional<String> impersonated = Optional.empty();
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
    void testNothingIsKeptOfQueriesThatSetNothing()
    {
        PropertyPath path = path(request -> ALLOW);
        BindingListener listener = new BindingListener(path, new PropertyCatalog());
        listener.queryCreated(QueryEvents.created("q1", "svc", Map.of("query_max_run_time", "1h", "tpch.immuta_user", "alice")));
        assertThat(path.isInUse()).isFalse();
        assertThat(requests).isEmpty();
    }

    @Test
    void testAllowedTargetComesWithItsGroupsAndNothingOfTheImpersonator()
    {
        PropertyPath path = path(request -> ALLOW);
        Binding.Allowed binding = (Binding.Allowed) run(path, SVC, AS_ALICE);
        Identity effective = binding.effective();
        assertThat(effective.getUser()).isEqualTo("alice");
        assertThat(effective.getGroups()).containsExactlyInAnyOrder("analysts", "bi");
        assertThat(effective.getPrincipal()).isEmpty();
        assertThat(effective.getEnabledRoles()).isEmpty();
        assertThat(effective.getCatalogRoles()).isEmpty();
        assertThat(effective.getExtraCredentials()).isEmpty();
        assertThat(binding.session()).isSameAs(SVC);
        assertThat(binding.reason()).isEqualTo(PERMISSION);
    }

    @Test
    void testTargetHasTheNameThatTheEngineKnowsWhateverSpellingWasSent()
    {
        Binding.Allowed binding = (Binding.Allowed) run(path(request -> ALLOW), SVC, Map.of("immuta.immuta_user", "ALICE"));
        assertThat(binding.effective().getUser()).isEqualTo("alice");
        assertThat(run(path(request -> SELF), SVC, Map.of("immuta.immuta_user", "SVC"))).isEqualTo(new Binding.Own(PROPERTY, "self"));
    }

    @Test
    void testEngineIsAskedOnceWithAllThatIsKnown()
    {
        run(path(request -> ALLOW), SVC, AS_ALICE);
        assertThat(requests).containsExactly(
                new Request(PROPERTY, false, "svc", "alice", Optional.of("svc@EXAMPLE"), Optional.of("q1")));
    }

    @Test
    void testImpersonatedImpersonatorIsAChain()
    {
        impersonated = Optional.of("svc");
        run(path(request -> ALLOW), SVC, AS_ALICE);
        impersonated = Optional.empty();
        PropertyPath path = path(request -> ALLOW);
        path.propertyChecked("q1", SVC);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", "somebody", AS_ALICE));
        assertThat(requests).hasSize(2).allMatch(Request::chained);
    }

    @Test
    void testDeniedTarget()
    {
        assertRefused(run(path(request -> DENY), SVC, AS_ALICE), "svc", "alice", "no rule lets this impersonator");
    }

    @Test
    void testEveryFailureOfTheEngineIsARefusal()
    {
        for (EngineException.Code code : EngineException.Code.values()) {
            PropertyPath path = path(request -> {
                throw TestingEngineException.create(code);
            });
            assertRefused(run(path, SVC, AS_ALICE), "svc", "alice",
                    "the impersonation check failed (%s); nobody is let in until it works again, see the server log".formatted(code));
        }
        for (Function<Request, Bound> broken : List.<Function<Request, Bound>>of(
                request -> null,
                request -> {
                    throw new IllegalStateException("broken");
                },
                request -> {
                    throw new StackOverflowError();
                })) {
            assertRefused(run(path(broken), SVC, AS_ALICE), "svc", "alice",
                    "the impersonation check failed (INTERNAL); nobody is let in until it works again, see the server log");
        }
        assertThat(log.records()).hasSize(EngineException.Code.values().length + 3);
        assertThat(log.records()).allSatisfy(record -> assertThat(record.getMessage()).doesNotContain("svc").doesNotContain("alice"));
    }

    @Test
    void testUntilTheValueIsKnownNobodysRightsApply()
    {
        PropertyPath path = path(request -> ALLOW);
        path.propertyChecked("q1", SVC);
        assertThat(path.binding("q1")).get()
                .satisfies(binding -> assertThat(((Binding.Denied) binding).denial()).hasMessageStartingWith(
                        "Access Denied: immuta.immuta_user is set, but the server has not told its value to the access control 'immuta'"));
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", Map.of()));
        assertThat(path.binding("q1")).containsInstanceOf(Binding.Expected.class);
    }

    @Test
    void testEmptyNameIsNobody()
    {
        PropertyPath path = path(request -> ALLOW);
        path.propertyChecked("q1", SVC);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", Map.of("immuta.immuta_user", "")));
        assertThat(path.isInUse()).isFalse();
    }

    @Test
    void testWhoNamesHimselfKeepsHisOwnRightsWhereverTheyComeFrom()
    {
        Binding own = new Binding.Own(PROPERTY, "self");
        assertThat(run(path(request -> SELF), SVC, Map.of("immuta.immuta_user", "svc"))).isEqualTo(own);
        assertThat(run(path(request -> SELF), SVC, Map.of("immuta.immuta_user", "SVC"))).as("where case does not count").isEqualTo(own);
        PropertyPath withoutDelegate = new PropertyPath(recording(request -> SELF), refusals::add, this::impersonation, false, new Bindings(Bindings.Limits.DEFAULT, () -> now));
        assertThat(run(withoutDelegate, Identity.ofUser("svc"), Map.of("immuta.immuta_user", "svc"))).isEqualTo(own);
        assertThat(requests).hasSize(3);
    }

    @Test
    void testWhoMayImpersonateNobodyCannotNameHimselfEither()
    {
        assertThat(run(path(request -> DENY), SVC, Map.of("immuta.immuta_user", "svc"))).isInstanceOf(Binding.Refused.class);
    }

    @Test
    void testQueryOfAnImpersonatedUserIsKnownWithWhatItsSessionSaysOfIt()
    {
        impersonated = Optional.of("svc");
        Binding own = new Binding.Own(NATIVE, "admin-user");
        assertThat(run(path(request -> DENY), SVC, Map.of("immuta.immuta_user", "svc"))).isEqualTo(own);
        assertThat(run(path(request -> DENY), SVC, Map.of("immuta.immuta_user", ""))).isEqualTo(own);
        PropertyPath path = path(request -> DENY);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", Map.of()));
        assertThat(path.binding("q1")).contains(own);
        path.queryCompleted("q1");
        assertThat(path.isInUse()).isFalse();
        assertThat(requests).as("the engine decided before").isEmpty();
    }

    @Test
    void testQueryOfAnImpersonatedUserWhosePropertyHasNoValueIsRefused()
    {
        impersonated = Optional.of("svc");
        assertThat(run(path(request -> ALLOW), SVC, Map.of())).isInstanceOf(Binding.Expected.class);
    }

    @Test
    void testValueThatTrinoDidNotCheckIsRefused()
    {
        PropertyPath path = path(request -> ALLOW);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", AS_ALICE));
        assertRefused(path.binding("q1").orElseThrow(), "svc", "alice", "the server did not ask whether the session property may be set");
        assertThat(requests).isEmpty();
    }

    @Test
    void testTwoUsersForOneQueryAreRefused()
    {
        PropertyPath path = path(request -> ALLOW);
        path.propertyChecked("q1", SVC);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "other", AS_ALICE));
        assertRefused(path.binding("q1").orElseThrow(), "other", "alice", "the server named two users for one query");
        assertThat(requests).isEmpty();
    }

    @Test
    void testSessionWithoutPrincipalIsRefused()
    {
        Binding binding = run(path(request -> ALLOW), Identity.ofUser("svc"), AS_ALICE);
        assertThat(((Binding.Refused) binding).sentence()).startsWith("the session has no principal");
        assertThat(requests).isEmpty();
    }

    @Test
    void testWithoutDelegateEverythingIsRefusedAndTheEngineIsNotAsked()
    {
        PropertyPath path = new PropertyPath(recording(request -> ALLOW), refusals::add, this::impersonation, false, new Bindings(Bindings.Limits.DEFAULT, () -> now));
        assertRefused(run(path, SVC, AS_ALICE), "svc", "alice",
                "no access control is configured that could hold up the target's rights; name one in immuta.delegate.config-file");
        assertThat(requests).isEmpty();
    }

    @Test
    void testAnswerHoldsForTheQuery()
    {
        PropertyPath path = path(request -> ALLOW);
        Binding binding = run(path, SVC, AS_ALICE);
        path.propertyChecked("q1", SVC);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", "svc", Map.of("immuta.immuta_user", "bob")));
        assertThat(path.binding("q1")).containsSame(binding);
        assertThat(requests).hasSize(1);
    }

    @Test
    void testFailureOfTheListenerIsARefusal()
    {
        PropertyPath path = path(request -> ALLOW);
        path.propertyChecked("q1", SVC);
        BindingListener listener = new BindingListener(path, new PropertyCatalog());
        listener.queryCreated(QueryEvents.created("q1", "svc", new BrokenMap()));
        assertThat(((Binding.Refused) path.binding("q1").orElseThrow()).sentence()).startsWith("the impersonation check failed (INTERNAL)");
        listener.queryCreated(QueryEvents.created("q2", "svc", new BrokenMap()));
        assertThat(path.binding("q2")).as("does not set the property").isEmpty();
        listener.queryCreated(null);
        listener.queryCompleted(null);
        assertThat(log.records()).hasSize(4);
    }

    @Test
    void testTooManyQueriesAreRefusedBeforeTheyBegin()
    {
        Bindings bindings = new Bindings(new Bindings.Limits(1, Duration.ofHours(1), 10, Duration.ofMinutes(1)), () -> now);
        PropertyPath path = new PropertyPath(recording(request -> ALLOW), refusals::add, this::impersonation, true, bindings);
        path.propertyChecked("q1", SVC);
        assertThatThrownBy(() -> path.propertyChecked("q2", SVC))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: immuta.immuta_user is set in too many queries at once; try again later");
        path.queryCompleted("q1");
        path.propertyChecked("q2", SVC);
    }

    @Test
    void testManyQueriesLeaveNothingBehind()
    {
        Bindings bindings = new Bindings(new Bindings.Limits(100, Duration.ofHours(1), 10, Duration.ofMinutes(1)), () -> now);
        PropertyPath path = new PropertyPath(request -> request.target().equals("alice") ? ALLOW : DENY, refusals::add, this::impersonation, true, bindings);
        BindingListener listener = new BindingListener(path, new PropertyCatalog());
        IntStream.range(0, 100_000).parallel().forEach(number -> {
            String queryId = "20261124_110000_%05d_abcde".formatted(number);
            String target = List.of("alice", "bob", "").get(number % 3);
            path.propertyChecked(queryId, SVC);
            listener.queryCreated(QueryEvents.created(queryId, "svc", Map.of("immuta.immuta_user", target)));
            path.queryCompleted(queryId);
        });
        bindings.dropOld();
        assertThat(bindings.size()).isEqualTo(10);
        now = now.plus(Duration.ofMinutes(1));
        bindings.dropOld();
        assertThat(bindings.size()).isZero();
    }

    private PropertyPath path(Function<Request, Bound> engine)
    {
        return new PropertyPath(recording(engine), refusals::add, this::impersonation, true, new Bindings(Bindings.Limits.DEFAULT, () -> now));
    }

    private Optional<Reason> impersonation(String user)
    {
        return impersonated.filter(user::equals).map(name -> ADMIN);
    }

    private Function<Request, Bound> recording(Function<Request, Bound> engine)
    {
        return request -> {
            requests.add(request);
            return engine.apply(request);
        };
    }

    private static Binding run(PropertyPath path, Identity session, Map<String, String> properties)
    {
        path.propertyChecked("q1", session);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q1", session.getUser(), properties));
        return path.binding("q1").orElseThrow();
    }

    private static void assertRefused(Binding binding, String user, String target, String sentence)
    {
        assertThat(binding).isInstanceOf(Binding.Refused.class);
        assertThat(((Binding.Refused) binding).denial())
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: User %s cannot impersonate user %s: %s".formatted(user, target, sentence));
    }

    /**
     * What a server would give whose events changed.
     */
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
