package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.Connector;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;
import io.trino.spi.security.ViewExpression;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * However a client spells a target, the server's own file control is asked for the person: rules that take rights away by name hold, with folding and with a user
 * mapping that lowers case.
 */
final class TestSpellingsOverFileControl
{
    private static final String RULES = """
            {"catalogs": [{"user": "bob", "catalog": "tpch", "allow": "none"}, {"catalog": "tpch", "allow": "all"}],
             "tables": [
               {"user": "alice", "table": "orders", "privileges": ["SELECT"], "filter": "orderkey < 10"},
               {"user": "alice", "table": "region", "privileges": []},
               {"group": "analysts", "privileges": ["SELECT"]}]}
            """;
    private static final String POLICY = """
            {"users": [
              {"name": "svc", "permissions": ["IMPERSONATE_USER"]},
              {"name": "alice", "groups": ["analysts"]},
              {"name": "bob", "groups": ["analysts"]}]}
            """;
    private static final String MAIL_POLICY = POLICY.replaceAll("\"name\": \"(\\w+)\"", "\"name\": \"$1@example.com\"");
    private static final String LOWER = """
            {"rules": [{"pattern": "(.*)", "user": "$1@example.com", "case": "lower"}]}
            """;
    private static final CatalogSchemaTableName ORDERS = table("orders");
    private static final CatalogSchemaTableName REGION = table("region");
    private static final Identity SVC = Identity.forUser("svc").withPrincipal(new BasicPrincipal("svc")).build();

    @TempDir
    private Path directory;

    private Connector connector;
    private RunningControl running;
    private SystemAccessControl control;
    private int queries;

    @AfterEach
    void stop()
    {
        running.close();
        connector.shutdown();
    }

    @Test
    void testRulesForATargetHoldWhereCaseDoesNotCount()
            throws IOException
    {
        start(new TestingConfiguration(directory, POLICY).with("immuta.impersonation.case-insensitive", "true"));
        assertThatRulesHoldFor(List.of("alice", "ALICE", "Alice"), List.of("bob", "BOB"));
    }

    @Test
    void testRulesForATargetHoldWithAUserMappingThatLowersCase()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory, MAIL_POLICY);
        start(configuration.with("immuta.impersonation.user-mapping.file", configuration.write("mapping.json", LOWER).toString()));
        assertThatRulesHoldFor(List.of("alice", "ALICE", " alice"), List.of("bob", "BOB"));
    }

    @Test
    void testAnotherSpellingIsNoTargetWhereNamesAreComparedAsTheyAre()
            throws IOException
    {
        start(new TestingConfiguration(directory, POLICY));
        assertThatThrownBy(() -> control.checkCanSelectFromColumns(begin(SVC, "ALICE"), ORDERS, Set.of("orderkey")))
                .isInstanceOf(AccessDeniedException.class)
                .hasMessageContaining("the target is not known");
    }

    @Test
    void testAnotherSpellingIsRefusedOnTheNativePathWithTheNameToWrite()
            throws IOException
    {
        start(new TestingConfiguration(directory, POLICY).with("immuta.impersonation.case-insensitive", "true"));
        Identity alice = Identity.forUser("alice").withPrincipal(new BasicPrincipal("alice")).build();
        assertThatThrownBy(() -> control.checkCanImpersonateUser(alice, "ALICE"))
                .isInstanceOf(AccessDeniedException.class)
                .hasMessageStartingWith("Access Denied: User alice cannot impersonate user ALICE: ")
                .hasMessageEndingWith("write \"alice\"");
        assertThatThrownBy(() -> control.checkCanImpersonateUser(SVC, "Bob")).hasMessageEndingWith("write \"bob\"");
        assertThatCode(() -> control.checkCanImpersonateUser(SVC, "bob")).doesNotThrowAnyException();
        assertThatCode(() -> control.checkCanImpersonateUser(alice, "alice")).doesNotThrowAnyException();
    }

    private void assertThatRulesHoldFor(List<String> spellingsOfAlice, List<String> spellingsOfBob)
    {
        for (String alice : spellingsOfAlice) {
            SystemSecurityContext context = begin(SVC, alice);
            assertThat(control.getRowFilters(context, ORDERS)).as(alice).extracting(ViewExpression::getExpression).containsExactly("orderkey < 10");
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, REGION, Set.of("name"))).as(alice)
                    .hasMessage("Access Denied: Cannot select from table tpch.tiny.region");
            assertThatCode(() -> control.checkCanSelectFromColumns(context, table("nation"), Set.of("name"))).as("by her group").doesNotThrowAnyException();
        }
        for (String bob : spellingsOfBob) {
            assertThat(control.canAccessCatalog(begin(SVC, bob), "tpch")).as(bob).isFalse();
        }
    }

    private void start(TestingConfiguration configuration)
            throws IOException
    {
        connector = new ImpersonationPlugin().getConnectorFactories().iterator().next().create("immuta", Map.of(), null);
        configuration.withDelegate("access-control.name=file\nsecurity.config-file=%s\n".formatted(configuration.write("rules.json", RULES)));
        running = new RunningControl(new ImpersonationAccessControlFactory().create(configuration.properties(), new TestingContext()));
        control = running.control();
    }

    private SystemSecurityContext begin(Identity session, String target)
    {
        queries++;
        SystemSecurityContext context = new SystemSecurityContext(session, QueryId.valueOf("20261124_110000_%05d_abcde".formatted(queries)), Instant.EPOCH);
        control.checkCanExecuteQuery(session);
        control.checkCanSetCatalogSessionProperty(context, "immuta", "immuta_user");
        for (EventListener listener : control.getEventListeners()) {
            listener.queryCreated(QueryEvents.created(context.getQueryId().getId(), session.getUser(), Map.of("immuta.immuta_user", target)));
        }
        return context;
    }

    private static CatalogSchemaTableName table(String name)
    {
        return new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", name));
    }
}
