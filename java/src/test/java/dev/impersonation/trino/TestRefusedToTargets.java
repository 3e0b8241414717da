package dev.impersonation.trino;

import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

import static dev.impersonation.trino.TargetedControl.SVC;
import static dev.impersonation.trino.TargetedControl.context;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What Trino would answer from the session of svc, or do for svc, after the delegate has allowed it to alice.
 */
final class TestRefusedToTargets
{
    private static final CatalogSchemaTableName VIEW = new CatalogSchemaTableName("lake", new SchemaTableName("sales", "orders"));

    @TempDir
    private Path directory;

    private TargetedControl targeted;
    private SystemAccessControl control;

    @BeforeEach
    void start()
            throws IOException
    {
        targeted = new TargetedControl(directory);
        control = targeted.control();
    }

    @AfterEach
    void stop()
    {
        targeted.close();
    }

    @Test
    void testRolesOfTheImpersonatorAreNotShown()
    {
        SystemSecurityContext context = targeted.bind("q1");
        assertThatThrownBy(() -> control.checkCanShowCurrentRoles(context))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot show current roles while user svc impersonates user alice: they would be those of svc; connect as alice");
        assertThatThrownBy(() -> control.checkCanShowRoleGrants(context))
                .isExactlyInstanceOf(AccessDeniedException.class)
                .hasMessage("Access Denied: Cannot show role grants while user svc impersonates user alice: they would be those of svc; connect as alice");
        assertThat(targeted.delegate().calls()).isEmpty();
        control.checkCanShowCurrentRoles(context("q2", SVC));
        assertThat(targeted.lastAsked()).as("a query without target").isSameAs(SVC);
    }

    @ParameterizedTest
    @ValueSource(strings = {"applicable_roles", "enabled_roles", "role_authorization_descriptors", "roles", "table_privileges"})
    void testNoCatalogShowsTheRolesAndPrivilegesOfTheImpersonator(String name)
    {
        SystemSecurityContext context = targeted.bind("q1");
        for (String catalog : List.of("lake", "immuta", "system")) {
            CatalogSchemaTableName table = new CatalogSchemaTableName(catalog, new SchemaTableName("information_schema", name));
            for (Identity asking : List.of(SVC, Identity.ofUser("svc"), Identity.ofUser("owner"), Identity.ofUser("alice"))) {
                SystemSecurityContext view = new SystemSecurityContext(asking, context.getQueryId(), context.getQueryStart());
                for (ThrowingCallable read : List.<ThrowingCallable>of(
                        () -> control.checkCanSelectFromColumns(view, table, Set.of("role_name")),
                        () -> targeted.control().checkCanSelectFromColumns(view, table, Optional.empty(), Set.of("role_name")),
                        () -> control.checkCanCreateViewWithSelectFromColumns(view, table, Set.of("role_name")))) {
                    assertThatThrownBy(read).isExactlyInstanceOf(AccessDeniedException.class).hasMessage(
                            "Access Denied: Cannot select from %s while user svc impersonates user alice: it would show roles and privileges of svc; connect as alice", table);
                }
            }
            assertThat(targeted.delegate().calls()).isEmpty();
        }
        CatalogSchemaTableName table = new CatalogSchemaTableName("lake", new SchemaTableName("information_schema", name));
        control.checkCanSelectFromColumns(context("q2", SVC), table, Set.of("role_name"));
        control.checkCanSelectFromColumns(context, new CatalogSchemaTableName("lake", new SchemaTableName("information_schema", "tables")), Set.of("table_name"));
        control.checkCanSelectFromColumns(context, new CatalogSchemaTableName("lake", new SchemaTableName("sales", name)), Set.of("role_name"));
        assertThat(targeted.delegate().calls()).hasSize(3);
    }

    /**
     * A catalog with roles of its own would take svc for whoever shows or changes them. Trino asks its access controls nothing but whether the catalog can be accessed.
     */
    @Test
    void testRolesOfACatalogAreNeitherShownNorChanged()
    {
        SystemSecurityContext context = targeted.bind("q1");
        List<Trino> asking = List.of(
                Trino::checkCanCreateRole,
                Trino::checkCanDropRole,
                Trino::checkCanGrantRoles,
                Trino::checkCanRevokeRoles,
                Trino::checkCanSetCatalogRole,
                Trino::checkCanShowRoles,
                Trino::checkCanShowCurrentRoles,
                Trino::checkCanShowRoleGrants);
        for (Trino question : asking) {
            assertThatThrownBy(() -> question.ask(() -> control.canAccessCatalog(context, "lake")))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot use roles of catalog lake while user svc impersonates user alice: "
                            + "the catalog would take svc for whoever asks; connect as alice");
            question.ask(() -> control.canAccessCatalog(context("q2", SVC), "lake"));
            assertThat(targeted.lastAsked()).as("a query without target").isSameAs(SVC);
        }
        control.canAccessCatalog(context, "lake");
        assertThat(targeted.lastAsked().getUser()).as("a question about data").isEqualTo("alice");
    }

    @Test
    void testMaterializedViewsAreNotRefreshedWhoeverAsks()
    {
        SystemSecurityContext context = targeted.bind("q1");
        for (Identity asking : List.of(SVC, Identity.ofUser("svc"), Identity.ofUser("owner"), Identity.ofUser("alice"))) {
            assertThatThrownBy(() -> control.checkCanRefreshMaterializedView(new SystemSecurityContext(asking, context.getQueryId(), context.getQueryStart()), VIEW))
                    .isExactlyInstanceOf(AccessDeniedException.class)
                    .hasMessage("Access Denied: Cannot refresh materialized view lake.sales.orders while user svc impersonates user alice: "
                            + "it would keep for everybody, in the name of svc, what is for alice to see; connect as alice");
        }
        assertThat(targeted.delegate().calls()).isEmpty();
        control.checkCanRefreshMaterializedView(context("q2", SVC), VIEW);
        assertThat(targeted.lastAsked()).isSameAs(SVC);
    }

    /**
     * As the methods of Trino's own access control are called.
     */
    private interface Trino
    {
        void ask(Runnable question);

        static void checkCanCreateRole(Runnable question)
        {
            question.run();
        }

        static void checkCanDropRole(Runnable question)
        {
            question.run();
        }

        static void checkCanGrantRoles(Runnable question)
        {
            question.run();
        }

        static void checkCanRevokeRoles(Runnable question)
        {
            question.run();
        }

        static void checkCanSetCatalogRole(Runnable question)
        {
            question.run();
        }

        static void checkCanShowRoles(Runnable question)
        {
            question.run();
        }

        static void checkCanShowCurrentRoles(Runnable question)
        {
            question.run();
        }

        static void checkCanShowRoleGrants(Runnable question)
        {
            question.run();
        }
    }
}
