package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Engine;
import dev.impersonation.engine.Reason;
import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaName;
import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;
import io.trino.spi.security.ViewExpression;
import io.trino.spi.type.VarcharType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

/**
 * The checks of a query, each on a delegate that remembers whom it was asked for.
 */
final class TestCheckedForTarget
{
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();
    private static final SystemSecurityContext CONTEXT = context(SVC);
    private static final CatalogSchemaTableName WHOAMI = new CatalogSchemaTableName("immuta", new SchemaTableName("impersonation", "whoami"));
    private static final CatalogSchemaTableName TABLE = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "nation"));
    private static final Set<String> SESSION = Set.of("checkCanExecuteQuery", "checkCanSetSystemSessionProperty");
    private static final Set<String> REFUSED_TO_TARGETS = Set.of("checkCanCreateFunction", "checkCanCreateMaterializedView", "checkCanCreateView",
            "checkCanRefreshMaterializedView", "checkCanShowCurrentRoles", "checkCanShowRoleGrants");

    private static final FilterExpressions EXPRESSIONS = new FilterExpressions(
            (expression, binding) -> expression.replace("current_user", "'%s'".formatted(binding.effective().getUser())));

    private static EngineLifecycle engine;

    private final RecordingAccessControl delegate = new RecordingAccessControl();
    private final LiveParts liveParts = new LiveParts();
    private final PropertyPath path = new PropertyPath(
            request -> request.target().equals("alice")
                    ? new Bound(new Decision(true, new Reason(1, "permission", "may")), "alice", Set.of("analysts"))
                    : new Bound(new Decision(false, new Reason(21, "no-permission", "the user may not")), request.target(), Set.of()),
            refused -> {},
            user -> Optional.empty(),
            true,
            new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH));
    private final ExtendedSystemAccessControl control = ImpersonationAccessControl.create(
            ExtendedSystemAccessControl.class,
            Delegate.ofServer(RecordingAccessControl.create(ExtendedSystemAccessControl.class, delegate)),
            new ImpersonationCheck((chained, impersonator, target) -> {
                throw new AssertionError("Not on the native path");
            }),
            true,
            engine,
            new QueryRecorder(user -> Optional.empty(), path::binding, engine.getEngine()::recordQuery, InstantSource.system()),
            new CheckedForTarget.Environment(
                    path,
                    liveParts,
                    new SecurityContexts(),
                    EXPRESSIONS));

    @BeforeAll
    static void openEngine(@TempDir Path directory)
            throws IOException
    {
        engine = EngineLifecycle.start(Engine.open(new TestingConfiguration(directory).properties()), false);
    }

    @AfterAll
    static void closeEngine()
    {
        engine.close();
    }

    @BeforeEach
    void startConnector()
    {
        liveParts.catalog().connectorStarted();
    }

    static Stream<Method> methodsOfQueries()
    {
        return Arrays.stream(ExtendedSystemAccessControl.class.getMethods())
                .filter(CheckedForTarget::isAskedByQuery)
                .filter(KnownForms::isKnown)
                .filter(method -> !method.getName().equals("checkCanImpersonateUser"));
    }

    @Test
    void testEveryMethodThatKnowsItsQueryIsTested()
    {
        assertThat(methodsOfQueries().map(Method::getName))
                .contains("canAccessCatalog", "checkCanSelectFromColumns", "checkCanSetSystemSessionProperty", "filterCatalogs", "getColumnMask", "getRowFilters")
                .hasSizeGreaterThan(65);
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testDelegateIsAskedForTheTarget(Method method)
            throws Exception
    {
        bind("alice");
        if (REFUSED_TO_TARGETS.contains(method.getName())) {
            assertThat(failure(method, CONTEXT)).isExactlyInstanceOf(AccessDeniedException.class).hasMessageContaining("while user svc impersonates user alice: ");
            assertThat(delegate.calls()).isEmpty();
            return;
        }
        Object[] arguments = TestingArguments.of(method, CONTEXT);
        Object answer = method.invoke(control, arguments);
        RecordingAccessControl.Call call = onlyCall();
        assertThat(call.method()).isEqualTo(method);
        assertThat(call.arguments().subList(1, arguments.length)).isEqualTo(Arrays.asList(arguments).subList(1, arguments.length));
        Identity asked = identity(call.arguments().get(0));
        if (SESSION.contains(method.getName())) {
            assertThat(asked).isSameAs(SVC);
            return;
        }
        assertThat(asked).isEqualTo(Identity.forUser("alice").withGroups(Set.of("analysts")).build());
        assertThat(answer).isEqualTo(delegate.lastAnswer());
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testRefusedTargetLeavesNobodysRights(Method method)
            throws Exception
    {
        bind("bob");
        if (SESSION.contains(method.getName())) {
            method.invoke(control, TestingArguments.of(method, CONTEXT));
            assertThat(identity(onlyCall().arguments().get(0))).isSameAs(SVC);
            return;
        }
        if (method.getName().equals("filterCatalogs")) {
            assertThat(control.filterCatalogs(CONTEXT, Set.of("tpch", "immuta"))).containsExactly("immuta");
            assertThat(control.filterCatalogs(CONTEXT, Set.of("tpch"))).isEmpty();
        }
        else {
            assertThat(failure(method, CONTEXT))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: User svc cannot impersonate user bob: the user may not");
        }
        assertThat(failureOrNull(method, context(Identity.ofUser("owner")))).as("of a view").satisfiesAnyOf(
                failure -> assertThat(failure).isExactlyInstanceOf(AccessDeniedException.class),
                failure -> assertThat(method.getName()).isEqualTo("filterCatalogs"));
        assertThat(delegate.calls()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testUntilTheValueIsKnownOnlySessionsCanBegin(Method method)
            throws Exception
    {
        path.propertyChecked("query", SVC);
        if (SESSION.contains(method.getName()) || Set.of("canAccessCatalog", "checkCanSetCatalogSessionProperty").contains(method.getName())) {
            method.invoke(control, TestingArguments.of(method, CONTEXT));
            assertThat(identity(onlyCall().arguments().get(0))).isSameAs(SVC);
            return;
        }
        if (!method.getName().equals("filterCatalogs")) {
            assertThat(failure(method, CONTEXT)).isExactlyInstanceOf(AccessDeniedException.class).hasMessageContaining("has not told its value");
        }
        assertThat(delegate.calls()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testOtherIdentitiesAreLeftAlone(Method method)
            throws Exception
    {
        bind("alice");
        if (method.getName().equals("checkCanRefreshMaterializedView")) {
            // Refused whoever asks.
            assertThat(failure(method, context(Identity.ofUser("owner")))).isExactlyInstanceOf(AccessDeniedException.class);
            return;
        }
        List<Identity> others = List.of(
                Identity.ofUser("owner"),
                Identity.forUser("owner").withPrincipal(new BasicPrincipal("svc")).build());
        for (Identity other : others) {
            SystemSecurityContext context = context(other);
            method.invoke(control, TestingArguments.of(method, context));
            assertThat(identity(delegate.calls().get(delegate.calls().size() - 1).arguments().get(0))).isSameAs(other);
        }
        assertThat(delegate.methods()).containsOnly(method.getName()).hasSize(others.size());
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testOtherQueriesOfTheImpersonatorAreLeftAlone(Method method)
            throws Exception
    {
        bind("alice");
        SystemSecurityContext context = new SystemSecurityContext(SVC, QueryId.valueOf("another"), Instant.EPOCH);
        Object[] arguments = TestingArguments.of(method, context);
        method.invoke(control, arguments);
        assertThat(onlyCall().arguments().get(0)).isSameAs(arguments[0]);
    }

    /**
     * Of a certificate or of Kerberos, where Trino hands the session's on as a text.
     */
    @Test
    void testPartsOfTheQueryThatGetAnotherPrincipalAskForTheTarget()
    {
        bind("alice");
        control.checkCanShowTables(context(Identity.forUser("svc").withPrincipal(new BasicPrincipal("CN=svc")).build()), new CatalogSchemaName("tpch", "tiny"));
        assertThat(identity(onlyCall().arguments().get(0)).getUser()).isEqualTo("alice");
    }

    /**
     * The session's user is what Trino evaluates the words to even in the filter of a table inside somebody's view, and it is not the impersonator that they should mean
     * there.
     */
    @ParameterizedTest
    @ValueSource(strings = {"svc", "owner", "alice"})
    void testFiltersAndMasksMeanTheTargetWhoeverIsAskedFor(String user)
    {
        bind("alice");
        ViewExpression expression = ViewExpression.builder().expression("name = current_user").build();
        for (SystemSecurityContext context : List.of(CONTEXT, context(Identity.ofUser(user)))) {
            delegate.answerWith(List.of(expression));
            assertThat(control.getRowFilters(context, TABLE)).extracting(ViewExpression::getExpression).containsExactly("name = 'alice'");
            delegate.answerWith(Optional.of(expression));
            assertThat(control.getColumnMask(context, TABLE, "name", VarcharType.VARCHAR)).map(ViewExpression::getExpression).contains("name = 'alice'");
        }
        assertThat(delegate.calls()).extracting(call -> identity(call.arguments().get(0)).getUser()).containsExactly("alice", "alice", user, user);
    }

    @Test
    void testFiltersOfOtherQueriesStay()
    {
        bind("alice");
        ViewExpression expression = ViewExpression.builder().expression("name = current_user").build();
        delegate.answerWith(List.of(expression));
        assertThat(control.getRowFilters(new SystemSecurityContext(SVC, QueryId.valueOf("another"), Instant.EPOCH), TABLE)).containsExactly(expression);
    }

    @Test
    void testKillingQueriesIsRefused()
    {
        bind("alice");
        assertThatThrownBy(() -> control.checkCanExecuteProcedure(CONTEXT, new CatalogSchemaRoutineName("system", "runtime", "kill_query")))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot kill queries while user svc impersonates user alice: it would be any of the queries that svc may kill; connect as alice");
        control.checkCanExecuteProcedure(CONTEXT, new CatalogSchemaRoutineName("tpch", "runtime", "kill_query"));
        assertThat(identity(onlyCall().arguments().get(0)).getUser()).isEqualTo("alice");
    }

    @Test
    void testEverybodyMayLookAtTheCatalogOfTheProperty()
    {
        for (String target : List.of("", "alice", "bob")) {
            SystemSecurityContext context = new SystemSecurityContext(SVC, QueryId.valueOf("query_" + target), Instant.EPOCH);
            bind(context, target);
            assertThat(control.canAccessCatalog(context, "immuta")).isTrue();
            control.checkCanSetCatalogSessionProperty(context, "immuta", "immuta_user");
            control.checkCanShowSchemas(context, "immuta");
            assertThat(control.filterSchemas(context, "immuta", Set.of("impersonation"))).containsExactly("impersonation");
            control.checkCanShowTables(context, new CatalogSchemaName("immuta", "impersonation"));
            assertThat(control.filterTables(context, "immuta", Set.of(WHOAMI.getSchemaTableName()))).containsExactly(WHOAMI.getSchemaTableName());
            control.checkCanShowColumns(context, WHOAMI);
            assertThat(control.filterColumns(context, "immuta", Map.of(WHOAMI.getSchemaTableName(), Set.of("principal")))).hasSize(1);
            control.checkCanSelectFromColumns(context, WHOAMI, Set.of("principal"));
            control.checkCanSelectFromColumns(context, WHOAMI, Optional.empty(), Set.of("principal"));
            // Which decides by itself who may, and for whom.
            control.checkCanExecuteProcedure(context, new CatalogSchemaRoutineName("immuta", "impersonation", "flush"));
            assertThat(control.getRowFilters(context, WHOAMI)).isEmpty();
            assertThat(control.getColumnMask(context, WHOAMI, "principal", VarcharType.VARCHAR)).isEmpty();
            assertThat(delegate.calls()).isEmpty();
        }
        control.checkCanCreateTable(CONTEXT, WHOAMI, Map.of());
        assertThat(delegate.methods()).containsExactly("checkCanCreateTable");
    }

    @Test
    void testCatalogOfSomebodyElseThatIsCalledImmutaIsLeftToTheDelegate()
    {
        liveParts.catalog().connectorEnded();
        control.canAccessCatalog(CONTEXT, "immuta");
        control.checkCanSelectFromColumns(CONTEXT, WHOAMI, Set.of("principal"));
        control.checkCanSetCatalogSessionProperty(CONTEXT, "immuta", "immuta_user");
        control.checkCanExecuteProcedure(CONTEXT, new CatalogSchemaRoutineName("immuta", "impersonation", "flush"));
        assertThat(delegate.methods()).containsExactly("canAccessCatalog", "checkCanSelectFromColumns", "checkCanSetCatalogSessionProperty", "checkCanExecuteProcedure");
        assertThat(control.filterCatalogs(CONTEXT, Set.of("immuta"))).isSameAs(delegate.lastAnswer());
        assertThat(path.isInUse()).isFalse();
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testWhatStillRunsOfACancelledQueryHasNobodysRights(Method method)
            throws Exception
    {
        bind("alice");
        path.queryCompleted("query");
        if (SESSION.contains(method.getName())) {
            return;
        }
        if (!method.getName().equals("filterCatalogs")) {
            assertThat(failure(method, CONTEXT)).isExactlyInstanceOf(AccessDeniedException.class).hasMessage("Access Denied: the query has ended");
        }
        assertThat(delegate.calls()).isEmpty();
    }

    @Test
    void testQueryKeepsItsTargetWhenTheCatalogIsDropped()
    {
        bind("alice");
        liveParts.catalog().connectorEnded();
        control.checkCanShowColumns(CONTEXT, TABLE);
        assertThat(identity(onlyCall().arguments().get(0)).getUser()).isEqualTo("alice");
    }

    @Test
    void testCatalogIsListedThoughTheDelegateHidesIt()
    {
        assertThat(control.filterCatalogs(CONTEXT, Set.of("immuta", "tpch"))).containsExactlyInAnyOrder("answer", "immuta");
        assertThat(control.filterCatalogs(CONTEXT, Set.of("tpch"))).containsExactly("answer");
    }

    @Test
    void testSettingAnotherPropertyOfTheCatalogBindsNothing()
    {
        control.checkCanSetCatalogSessionProperty(CONTEXT, "immuta", "other");
        control.checkCanSetCatalogSessionProperty(CONTEXT, "tpch", "immuta_user");
        assertThat(path.isInUse()).isFalse();
    }

    private void bind(String target)
    {
        bind(CONTEXT, target);
    }

    private void bind(SystemSecurityContext context, String target)
    {
        control.checkCanSetCatalogSessionProperty(context, "immuta", "immuta_user");
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created(context.getQueryId().getId(), "svc", Map.of("immuta.immuta_user", target)));
    }

    private RecordingAccessControl.Call onlyCall()
    {
        assertThat(delegate.calls()).hasSize(1);
        return delegate.calls().get(0);
    }

    private Throwable failure(Method method, SystemSecurityContext context)
    {
        Throwable failure = failureOrNull(method, context);
        assertThat(failure).isNotNull();
        return failure;
    }

    private Throwable failureOrNull(Method method, SystemSecurityContext context)
    {
        Throwable failure = catchThrowable(() -> method.invoke(control, TestingArguments.of(method, context)));
        if (failure instanceof InvocationTargetException) {
            return failure.getCause();
        }
        return failure;
    }

    private static SystemSecurityContext context(Identity identity)
    {
        return new SystemSecurityContext(identity, QueryId.valueOf("query"), Instant.EPOCH);
    }

    private static Identity identity(Object argument)
    {
        if (argument instanceof SystemSecurityContext context) {
            return context.getIdentity();
        }
        return (Identity) argument;
    }
}
