package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.Connector;
import io.trino.spi.connector.ConnectorFactory;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;
import io.trino.spi.security.ViewExpression;
import io.trino.spi.type.VarcharType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * The whole plugin in the order in which a server calls it, over the server's own file control.
 */
final class TestPropertyPathOverFileControl
{
    private static final String POLICY = """
            {"users": [
              {"name": "svc", "permissions": ["IMPERSONATE_USER"]},
              {"name": "alice", "permissions": ["IMPERSONATE_USER"], "groups": ["analysts"]},
              {"name": "bob"}]}
            """;
    private static final String RULES = """
            {"catalogs": [{"catalog": "tpch", "allow": "all"}],
             "schemas": [{"owner": false}],
             "tables": [
               {"group": "analysts", "table": "orders", "privileges": ["SELECT"], "filter": "orderkey < 10"},
               {"user": "alice|owner", "table": "customer", "privileges": ["SELECT"],
                "filter": "name /* not 'current_user' */ = CURRENT_USER OR contains(current_groups(), 'current_groups()')",
                "filter_environment": {"user": "keeper"},
                "columns": [{"name": "phone", "mask": "IF(name = current_user, phone)"}]},
               {"user": "alice|owner|svc", "table": "part", "privileges": ["SELECT"], "filter": "system.builtin.current_groups() = x"},
               {"user": "alice|svc", "table": "region", "privileges": ["SELECT"], "columns": [{"name": "name", "mask": "current_user || 'it''"}]},
               {"group": "analysts", "table": "supplier", "privileges": ["SELECT"],
                "filter": "suppkey <= 3", "filter_environment": {"user": "alice"},
                "columns": [{"name": "name", "mask": "IF(suppkey > 1, 'hidden', name)", "mask_environment": {"user": "alice"}}]},
               {"user": "svc", "table": "nation|orders", "privileges": ["SELECT"]}]}
            """;
    private static final CatalogSchemaTableName ORDERS = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "orders"));
    private static final CatalogSchemaTableName NATION = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "nation"));
    private static final CatalogSchemaTableName CUSTOMER = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "customer"));
    private static final CatalogSchemaTableName PART = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "part"));
    private static final CatalogSchemaTableName SUPPLIER = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "supplier"));
    private static final CatalogSchemaTableName REGION = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "region"));
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();

    @TempDir
    private Path directory;

    private Connector connector;
    private RunningControl running;
    private TestingConfiguration configuration;
    private SystemAccessControl control;
    private int queries;

    @BeforeEach
    void start()
            throws IOException
    {
        ConnectorFactory factory = new ImpersonationPlugin().getConnectorFactories().iterator().next();
        connector = factory.create("immuta", Map.of(), null);
        configuration = new TestingConfiguration(directory, POLICY);
        configuration.withDelegate("access-control.name=file\nsecurity.config-file=%s\n".formatted(configuration.write("rules.json", RULES)));
        running = new RunningControl(new ImpersonationAccessControlFactory().create(configuration.properties(), new TestingContext()));
        control = running.control();
    }

    @AfterEach
    void stop()
    {
        running.close();
        connector.shutdown();
        assertThat(LiveParts.OF_THIS_PLUGIN.hasControl()).isFalse();
        assertThat(LiveParts.OF_THIS_PLUGIN.catalog().isOurs()).isFalse();
    }

    @Test
    void testImpersonatorHasItsOwnRights()
    {
        SystemSecurityContext context = begin(SVC, Optional.empty());
        control.checkCanSelectFromColumns(context, NATION, Set.of("name"));
        assertThat(control.getRowFilters(context, ORDERS)).isEmpty();
    }

    @Test
    void testTargetsRightsApply()
    {
        SystemSecurityContext context = begin(SVC, Optional.of("alice"));
        control.checkCanSelectFromColumns(context, ORDERS, Set.of("orderkey"));
        assertThat(control.getRowFilters(context, ORDERS)).extracting(ViewExpression::getExpression).containsExactly("orderkey < 10");
        assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, NATION, Set.of("name")))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot select from table tpch.tiny.nation");
        assertThat(control.filterTables(context, "tpch", Set.of(ORDERS.getSchemaTableName(), NATION.getSchemaTableName())))
                .containsExactly(ORDERS.getSchemaTableName());
    }

    /**
     * Those of a table inside a view of another user as well: the delegate is asked for the owner there, and what Trino evaluates the words to is the session.
     */
    @Test
    void testFiltersAndMasksMeanTheTarget()
    {
        SystemSecurityContext context = begin(SVC, Optional.of("alice"));
        for (SystemSecurityContext asking : List.of(context, new SystemSecurityContext(Identity.ofUser("owner"), context.getQueryId(), Instant.EPOCH))) {
            assertThat(control.getRowFilters(asking, CUSTOMER)).singleElement().satisfies(filter -> {
                assertThat(filter.getExpression())
                        .isEqualTo("name /* not 'current_user' */ = CAST('alice' AS varchar) OR contains(CAST(ARRAY['analysts'] AS array(varchar)), 'current_groups()')");
                assertThat(filter.getSecurityIdentity()).contains("keeper");
                assertThat(filter.getCatalog()).contains("tpch");
            });
            assertThat(control.getColumnMask(asking, CUSTOMER, "phone", VarcharType.VARCHAR))
                    .map(ViewExpression::getExpression)
                    .contains("IF(name = CAST('alice' AS varchar), phone)");
        }
    }

    /**
     * Trino asks for the identity that the filter or mask names, without the groups that the plugin alone knows.
     */
    @Test
    void testFiltersAndMasksWithTheTargetsIdentityHaveTheTargetsGroups()
    {
        SystemSecurityContext context = begin(SVC, Optional.of("alice"));
        ViewExpression filter = control.getRowFilters(context, SUPPLIER).get(0);
        ViewExpression mask = control.getColumnMask(context, SUPPLIER, "name", VarcharType.VARCHAR).orElseThrow();
        for (ViewExpression expression : List.of(filter, mask)) {
            Identity named = Identity.ofUser(expression.getSecurityIdentity().orElseThrow());
            SystemSecurityContext asking = new SystemSecurityContext(named, context.getQueryId(), context.getQueryStart());
            control.checkCanSelectFromColumns(asking, SUPPLIER, Set.of("suppkey", "name"));
            assertThat(control.getRowFilters(asking, SUPPLIER)).hasSize(1);
            SystemSecurityContext other = new SystemSecurityContext(named, begin(SVC, Optional.empty()).getQueryId(), context.getQueryStart());
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(other, SUPPLIER, Set.of("suppkey")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot select from table tpch.tiny.supplier");
        }
    }

    @Test
    void testFiltersAndMasksThatCouldMeanTheImpersonatorAreNotApplied()
    {
        SystemSecurityContext context = begin(SVC, Optional.of("alice"));
        for (SystemSecurityContext asking : List.of(context, new SystemSecurityContext(Identity.ofUser("owner"), context.getQueryId(), Instant.EPOCH))) {
            assertThatThrownBy(() -> control.getRowFilters(asking, PART))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot apply the row filters of table tpch.tiny.part while user svc impersonates user alice: "
                            + "the function current_groups at character 16 would mean the session's user; write current_groups(), with no qualifier and no arguments");
        }
        assertThatThrownBy(() -> control.getColumnMask(context, REGION, "name", VarcharType.VARCHAR))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot apply the column mask of table tpch.tiny.region while user svc impersonates user alice: "
                        + "the string that begins at character 17 does not end");
        SystemSecurityContext own = begin(SVC, Optional.empty());
        assertThat(control.getRowFilters(own, PART)).extracting(ViewExpression::getExpression).containsExactly("system.builtin.current_groups() = x");
        assertThat(control.getColumnMask(own, REGION, "name", VarcharType.VARCHAR)).map(ViewExpression::getExpression).contains("current_user || 'it''");
    }

    @Test
    void testQueriesOfTheImpersonatorAreShownToNoTarget()
    {
        CatalogSchemaTableName queries = new CatalogSchemaTableName("system", "runtime", "queries");
        SystemSecurityContext context = begin(SVC, Optional.of("alice"));
        for (Identity asking : List.of(SVC, Identity.ofUser("svc"), Identity.ofUser("owner"))) {
            SystemSecurityContext view = new SystemSecurityContext(asking, context.getQueryId(), context.getQueryStart());
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(view, queries, Set.of("query")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessageStartingWith("Access Denied: Cannot select from system.runtime.queries while user svc impersonates user alice");
        }
    }

    @Test
    void testRefusedTarget()
    {
        SystemSecurityContext context = begin(SVC, Optional.of("nobody"));
        for (CatalogSchemaTableName table : new CatalogSchemaTableName[] {ORDERS, NATION}) {
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, table, Set.of("name")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessageStartingWith("Access Denied: User svc cannot impersonate user nobody: the target is not known");
        }
        assertThat(control.canAccessCatalog(context, "immuta")).isTrue();
    }

    @SuppressWarnings("deprecation")
    @Test
    void testImpersonatedUserDoesNotImpersonateFurther()
            throws IOException
    {
        Identity svcAsAlice = Identity.forUser("alice").withPrincipal(new BasicPrincipal("svc")).build();
        control.checkCanSetUser(svcAsAlice.getPrincipal(), "alice");
        control.checkCanImpersonateUser(SVC, "alice");
        SystemSecurityContext context = begin(svcAsAlice, Optional.of("bob"));
        assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, ORDERS, Set.of("orderkey")))
                .hasMessageStartingWith("Access Denied: User alice cannot impersonate user bob: the impersonator is already being impersonated");

        Identity alice = Identity.forUser("alice").withPrincipal(new BasicPrincipal("alice")).build();
        control.checkCanSetUser(alice.getPrincipal(), "alice");
        SystemSecurityContext own = begin(alice, Optional.of("bob"));
        assertThatThrownBy(() -> control.checkCanSelectFromColumns(own, ORDERS, Set.of("orderkey"))).hasMessageContaining("Cannot select from");
        running.close();
        assertThat(Files.readAllLines(configuration.auditFile()))
                .anyMatch(line -> line.contains("\"reason\":\"chained\"") && line.contains("\"queryId\":\"" + context.getQueryId() + "\""))
                .anyMatch(line -> line.contains("\"decision\":\"allow\"") && line.contains("\"queryId\":\"" + own.getQueryId() + "\""));
    }

    @Test
    void testClosedEngineLeavesNobodysRights()
    {
        try (CapturedLog log = new CapturedLog(PropertyPath.class)) {
            running.close();
            SystemSecurityContext context = begin(SVC, Optional.of("alice"));
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, ORDERS, Set.of("orderkey")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessageContaining("the impersonation check failed (CLOSED)");
            assertThat(log.records()).as("that it failed, and that this cannot be recorded").hasSize(2);
        }
    }

    @Test
    void testWithoutDelegateTheOperatorIsTold()
            throws IOException
    {
        Path other = Files.createDirectories(directory.resolve("other"));
        try (CapturedLog log = new CapturedLog(ImpersonationAccessControlFactory.class);
                RunningControl bare = new RunningControl(new ImpersonationAccessControlFactory().create(new TestingConfiguration(other).properties(), new TestingContext()))) {
            assertThat(bare.control()).isNotNull();
            assertThat(log.records()).singleElement().satisfies(record -> assertThat(record.getMessage())
                    .isEqualTo("The catalog 'immuta' is there, but immuta.delegate.config-file is not set: whoever sets immuta.immuta_user will be refused all data"));
        }
    }

    @Test
    void testPropertyCanBeSetWhileTheControlIsThere()
    {
        assertThat(connector.getSessionProperties()).singleElement()
                .satisfies(property -> assertThat(property.decode("alice")).isEqualTo("alice"));
        running.close();
        assertThatThrownBy(() -> connector.getSessionProperties().get(0).decode("alice")).hasMessageContaining("no access control");
        assertThatCode(() -> connector.getSessionProperties().get(0).decode("")).doesNotThrowAnyException();
    }

    /**
     * What a server does before it analyzes a query.
     */
    private SystemSecurityContext begin(Identity session, Optional<String> target)
    {
        queries++;
        SystemSecurityContext context = new SystemSecurityContext(session, QueryId.valueOf("20261124_110000_%05d_abcde".formatted(queries)), Instant.EPOCH);
        control.checkCanExecuteQuery(session);
        if (target.isPresent()) {
            assertThat(control.canAccessCatalog(context, "immuta")).isTrue();
            control.checkCanSetCatalogSessionProperty(context, "immuta", "immuta_user");
        }
        Map<String, String> properties = target.map(user -> Map.of("immuta.immuta_user", user)).orElse(Map.of());
        for (EventListener listener : control.getEventListeners()) {
            listener.queryCreated(QueryEvents.created(context.getQueryId().getId(), session.getUser(), properties));
        }
        return context;
    }
}
