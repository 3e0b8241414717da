package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Engine;
import dev.impersonation.engine.Reason;
import dev.impersonation.engine.Request;
import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.connector.ConnectorSession;
import io.trino.spi.connector.RecordCursor;
import io.trino.spi.connector.SystemTable;
import io.trino.spi.predicate.TupleDomain;
import io.trino.spi.procedure.Procedure;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.ConnectorIdentity;
import io.trino.spi.security.Identity;
import io.trino.spi.type.Type;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static io.trino.spi.connector.SystemTable.Distribution.SINGLE_COORDINATOR;
import static io.trino.spi.type.BooleanType.BOOLEAN;
import static io.trino.spi.type.VarcharType.VARCHAR;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestOperatorTables
{
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();

    @TempDir
    private Path directory;

    private final LiveParts liveParts = new LiveParts();
    private final Bindings bindings = new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH);
    private final PropertyPath path = new PropertyPath(TestOperatorTables::bound, refused -> {}, user -> Optional.empty(), true, bindings);
    private TestingConfiguration configuration;
    private Engine engine;

    @BeforeEach
    void open()
            throws IOException
    {
        configuration = new TestingConfiguration(directory)
                .with("immuta.user.admin", "root")
                .with("immuta.group.admin", "operators");
        configuration.with("immuta.group-file", configuration.write("groups.txt", "operators:nightshift\n").toString());
        engine = Engine.open(configuration.properties());
        liveParts.operable(new OperatedControl("immuta", path, engine));
        for (String target : List.of("bob", "carol", "root")) {
            engine.check(new Request(NATIVE, false, "svc", target, Optional.empty()));
        }
        engine.check(new Request(NATIVE, false, "alice", "bob", Optional.empty()));
    }

    @AfterEach
    void close()
    {
        engine.close();
    }

    @Test
    void testTablesAreReadOnTheCoordinator()
    {
        Set<SystemTable> tables = new ImmutaConnector(liveParts).getSystemTables();
        assertThat(tables).extracting(table -> table.getTableMetadata().getTable().toString()).containsExactlyInAnyOrder(
                "impersonation.whoami",
                "impersonation.decisions",
                "impersonation.cache",
                "impersonation.metrics",
                "impersonation.config");
        assertThat(tables).allMatch(table -> table.getDistribution() == SINGLE_COORDINATOR);
    }

    @Test
    void testAdministratorsSeeAllDecisionsAndOthersTheirOwn()
    {
        assertThat(pairs(session("root"))).containsExactly("alice bob", "svc root", "svc carol", "svc bob");
        assertThat(pairs(session("nightshift", "operators"))).hasSize(4);
        assertThat(pairs(session("alice"))).containsExactly("alice bob");
        assertThat(pairs(session("bob"))).containsExactly("alice bob", "svc bob");
        assertThat(pairs(session("svc"))).containsExactly("svc root", "svc carol", "svc bob");
        assertThat(pairs(session("stranger"))).isEmpty();
        List<Object> newest = rows(new DecisionsTable(liveParts), session("root")).get(0);
        assertThat(newest.subList(2, newest.size())).isEqualTo(Arrays.asList("allow", "permission", "alice", "bob", null, "native", null));
    }

    @Test
    void testMetricsAreForEverybody()
    {
        assertThat(rows(new MetricsTable(liveParts), session("stranger"))).contains(List.of("immuta", "decisions_allow_permission", 2L));
    }

    @Test
    void testCacheAndConfigAreForAdministrators()
    {
        assertThat(rows(new CacheTable(liveParts), session("root"))).isEmpty();
        assertThat(rows(new ConfigTable(liveParts), session("root")))
                .contains(List.of("immuta", "immuta.user.admin", "root", false), List.of("immuta", "immuta.impersonation.enabled", "true", true));
        for (SystemTable table : List.of(new CacheTable(liveParts), new ConfigTable(liveParts))) {
            assertThatThrownBy(() -> rows(table, session("svc")))
                    .isInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot select from table immuta.%s: it is for administrators (immuta.user.admin, immuta.group.admin), and user svc is none"
                            .formatted(table.getTableMetadata().getTable()));
        }
    }

    @Test
    void testTargetOfThePropertyIsWhoseRightsCount()
    {
        bind("root");
        assertThat(pairs(session("svc"))).hasSize(4);
        assertThat(rows(new ConfigTable(liveParts), session("svc"))).isNotEmpty();
        bindings.end("q");
        assertThatThrownBy(() -> pairs(session("svc"))).isInstanceOf(AccessDeniedException.class).hasMessage("Access Denied: the query has ended");
    }

    @Test
    void testAdministratorWhoImpersonatesHasTheRightsOfTheTarget()
    {
        path.propertyChecked("q", Identity.forUser("root").withPrincipal(SVC.getPrincipal().orElseThrow()).build());
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created("q", "root", Map.of("immuta.immuta_user", "alice")));
        assertThat(pairs(session("root"))).containsExactly("alice bob");
        assertThatThrownBy(() -> rows(new ConfigTable(liveParts), session("root", "operators")))
                .hasMessageEndingWith("and user alice is none");
    }

    @Test
    void testGroupsThatOnlyTheSessionHasMakeNobodyAnAdministrator()
    {
        assertThatThrownBy(() -> rows(new CacheTable(liveParts), session("own", "alice", Set.of("operators")))).isInstanceOf(AccessDeniedException.class);
        assertThatThrownBy(() -> flush(session("own", "alice", Set.of("operators")), null)).isInstanceOf(AccessDeniedException.class);
        bind("alice");
        assertThatThrownBy(() -> rows(new CacheTable(liveParts), session("svc", "operators"))).isInstanceOf(AccessDeniedException.class);
        bind("q2", "nightshift");
        assertThat(rows(new CacheTable(liveParts), session("q2", "svc", Set.of()))).isEmpty();
    }

    @Test
    void testWithoutRightsNothingIsSeenOrDone()
            throws Throwable
    {
        bind("nobody");
        for (SystemTable table : List.of(new DecisionsTable(liveParts), new CacheTable(liveParts), new MetricsTable(liveParts), new ConfigTable(liveParts))) {
            assertThatThrownBy(() -> rows(table, session("root", "operators")))
                    .isInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: User svc cannot impersonate user nobody: the user may not");
        }
        assertThatThrownBy(() -> flush(session("root"), null)).isInstanceOf(AccessDeniedException.class);
        engine.close();
        assertThat(Files.readString(configuration.auditFile())).doesNotContain("\"type\":\"flush\"");
    }

    @Test
    void testOneControlThatRefusesIsEnough()
            throws IOException
    {
        PropertyPath refusing = new PropertyPath(
                request -> bound("nobody"),
                refused -> {},
                user -> Optional.empty(),
                true,
                new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH));
        try (Engine second = Engine.open(new TestingConfiguration(Files.createDirectory(directory.resolve("second"))).properties())) {
            liveParts.operable(new OperatedControl("immuta-2", refusing, second));
            assertThat(pairs(session("root"))).hasSize(4);
            assertThat(rows(new ConfigTable(liveParts), session("root"))).allMatch(row -> row.get(0).equals("immuta"));
            assertThat(rows(new MetricsTable(liveParts), session("root"))).extracting(row -> row.get(0)).contains("immuta", "immuta-2");
            bind("root");
            refusing.propertyChecked("q", SVC);
            assertThatThrownBy(() -> rows(new MetricsTable(liveParts), session("svc"))).isInstanceOf(AccessDeniedException.class);
            liveParts.controlEnded(refusing);
            assertThat(rows(new MetricsTable(liveParts), session("svc"))).isNotEmpty();
        }
    }

    @Test
    void testFlushIsForAdministratorsAndRecorded()
            throws Throwable
    {
        flush(session("root"), "alice");
        flush(session("nightshift", "operators"), null);
        assertThatThrownBy(() -> flush(session("svc"), "alice"))
                .isInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot execute procedure immuta.impersonation.flush: " +
                        "it is for administrators (immuta.user.admin, immuta.group.admin), and user svc is none");
        engine.close();
        assertThat(Files.readAllLines(configuration.auditFile()).stream().filter(line -> line.contains("\"type\":\"flush\""))).satisfiesExactly(
                line -> assertThat(line).contains("\"decision\":\"allow\"", "\"user\":\"root\"", "\"flushed\":\"alice\"", "\"queryId\":\"q\""),
                line -> assertThat(line).contains("\"decision\":\"allow\"", "\"user\":\"nightshift\"", "\"flushed\":null"),
                line -> assertThat(line).contains("\"decision\":\"deny\"", "\"user\":\"svc\"", "\"flushed\":\"alice\""));
    }

    @Test
    void testWithoutControlThereIsNothing()
    {
        LiveParts none = new LiveParts();
        assertThat(rows(new ConfigTable(none), session("root"))).isEmpty();
        assertThatThrownBy(() -> new FlushProcedure(none).flush(session("root"), null))
                .hasMessageEndingWith("the server has no access control with access-control.name=immuta, so that nobody is remembered");
    }

    private void bind(String target)
    {
        bind("q", target);
    }

    private void bind(String queryId, String target)
    {
        path.propertyChecked(queryId, SVC);
        new BindingListener(path, new PropertyCatalog()).queryCreated(QueryEvents.created(queryId, "svc", Map.of("immuta.immuta_user", target)));
    }

    private static Bound bound(Request request)
    {
        return bound(request.target());
    }

    private static Bound bound(String target)
    {
        if (target.equals("nobody")) {
            return new Bound(new Decision(false, new Reason(21, "no-permission", "the user may not")), target, Set.of());
        }
        return new Bound(new Decision(true, new Reason(1, "permission", "may")), target, target.equals("nightshift") ? Set.of("operators") : Set.of());
    }

    private void flush(ConnectorSession session, String user)
            throws Throwable
    {
        Procedure procedure = new ImmutaConnector(liveParts).getProcedures().iterator().next();
        assertThat(procedure.getName()).isEqualTo("flush");
        assertThat(procedure.getArguments()).singleElement().matches(argument -> argument.isOptional());
        procedure.getMethodHandle().invoke(session, user);
    }

    private List<String> pairs(ConnectorSession session)
    {
        return rows(new DecisionsTable(liveParts), session).stream().map(row -> "%s %s".formatted(row.get(4), row.get(5))).toList();
    }

    private static List<List<Object>> rows(SystemTable table, ConnectorSession session)
    {
        List<Type> types = table.getTableMetadata().getColumns().stream().map(column -> column.getType()).toList();
        List<List<Object>> rows = new ArrayList<>();
        try (RecordCursor cursor = table.cursor(null, session, TupleDomain.all())) {
            while (cursor.advanceNextPosition()) {
                List<Object> row = new ArrayList<>();
                for (int field = 0; field < types.size(); field++) {
                    row.add(cursor.isNull(field) ? null : value(cursor, field, types.get(field)));
                }
                rows.add(row);
            }
        }
        return rows;
    }

    private static Object value(RecordCursor cursor, int field, Type type)
    {
        if (type.equals(VARCHAR)) {
            return cursor.getSlice(field).toStringUtf8();
        }
        if (type.equals(BOOLEAN)) {
            return cursor.getBoolean(field);
        }
        return type.getJavaType() == double.class ? (Object) cursor.getDouble(field) : (Object) cursor.getLong(field);
    }

    private static ConnectorSession session(String user, String... groups)
    {
        return session("q", user, Set.of(groups));
    }

    private static ConnectorSession session(String queryId, String user, Set<String> groups)
    {
        ConnectorIdentity identity = ConnectorIdentity.forUser(user).withGroups(groups).build();
        return (ConnectorSession) Proxy.newProxyInstance(ConnectorSession.class.getClassLoader(), new Class<?>[] {ConnectorSession.class}, (proxy, method, arguments) ->
                switch (method.getName()) {
                    case "getUser" -> user;
                    case "getIdentity" -> identity;
                    case "getQueryId" -> queryId;
                    default -> throw new AssertionError(method);
                });
    }
}
