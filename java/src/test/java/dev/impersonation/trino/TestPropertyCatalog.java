package dev.impersonation.trino;

import io.trino.spi.connector.CatalogSchemaName;
import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.SystemSecurityContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

import static dev.impersonation.trino.TargetedControl.SVC;
import static dev.impersonation.trino.TargetedControl.context;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * Statements that drop and make the catalog, in the order in which a server asks and tells. Trino keeps the connector of a dropped catalog for a while, and gives it to a
 * catalog that is made again meanwhile.
 */
final class TestPropertyCatalog
{
    private static final String MADE_AGAIN = "CREATE CATALOG immuta USING immuta";
    private static final String MADE_OF_ANOTHER = "CREATE CATALOG immuta USING memory";
    private static final CatalogSchemaTableName WHOAMI = new CatalogSchemaTableName("immuta", new SchemaTableName("impersonation", "whoami"));

    @TempDir
    private Path directory;

    private TargetedControl targeted;
    private ExtendedSystemAccessControl control;
    private PropertyCatalog catalog;
    private CapturedLog log;
    private int queries;

    @BeforeEach
    void start()
            throws IOException
    {
        targeted = new TargetedControl(directory);
        control = targeted.control();
        catalog = targeted.liveParts().catalog();
        log = new CapturedLog(PropertyCatalog.class);
    }

    @AfterEach
    void stop()
    {
        log.close();
        targeted.close();
    }

    @Test
    void testDroppedCatalogIsStillOursForTheQueriesThatUseIt()
    {
        drop(true);
        assertThat(catalog.isThere()).isFalse();
        assertThat(catalog.isOurs()).isTrue();
        catalog.connectorEnded();
        assertThat(catalog.isOurs()).isFalse();
    }

    @Test
    void testCatalogThatWasNotDroppedAfterAllIsStillThere()
    {
        drop(false);
        assertThat(catalog.isThere()).isTrue();
        targeted.delegate().failWith(new AccessDeniedException("no"));
        assertThatThrownBy(() -> control.checkCanDropCatalog(context("q0", SVC), "immuta")).hasMessageContaining("no");
        assertThat(catalog.isThere()).isTrue();
        assertThatThrownBy(() -> control.checkCanDropCatalog(context("q0", SVC), "tpch")).hasMessageContaining("no");
        assertThat(catalog.isThere()).isTrue();
    }

    @Test
    void testFailingToDropItOnceMoreDoesNotBringItBack()
    {
        drop(true);
        drop(false);
        assertThat(catalog.isThere()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            MADE_AGAIN,
            "create catalog if not exists IMMUTA using Immuta",
            "\n CREATE\tCATALOG immuta\nUSING immuta\nCOMMENT 'x'",
    })
    void testCatalogThatIsMadeAgainIsOurs(String statement)
    {
        drop(true);
        create(statement, true);
        assertThat(catalog.isThere()).isTrue();
        assertLookingIsFree(true);
        assertThat(log.records()).isEmpty();
    }

    @Test
    void testCatalogThatOurConnectorIsMadeForIsOursHoweverThatWasAsked()
    {
        drop(true);
        String queryId = begin("EXECUTE something");
        control.checkCanCreateCatalog(context(queryId, SVC), "immuta");
        catalog.connectorStarted();
        assertThat(catalog.isThere()).isTrue();
        catalog.connectorEnded();
        assertThat(catalog.isThere()).as("the one that was dropped").isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            MADE_OF_ANOTHER,
            "CREATE CATALOG immuta USING immuta2",
            "CREATE CATALOG immuta USING memory WITH (\"x\" = 'CREATE CATALOG immuta USING immuta')",
            "CREATE CATALOG immuta /* USING immuta */ USING memory",
            "CREATE CATALOG \"immuta\" USING immuta",
            "EXECUTE something",
            "EXECUTE IMMEDIATE 'CREATE CATALOG immuta USING immuta'",
    })
    void testCatalogOfAnotherConnectorIsLeftToTheDelegate(String statement)
    {
        drop(true);
        create(statement, true);
        assertThat(catalog.isOurs()).isFalse();
        assertLookingIsFree(false);
        assertThat(log.records()).singleElement().satisfies(record -> assertThat(record.getMessage())
                .startsWith("The catalog 'immuta' was made again of what may be another connector.")
                .endsWith("To have it back: DROP CATALOG immuta, then CREATE CATALOG immuta USING immuta"));
        create("CREATE CATALOG IF NOT EXISTS immuta USING immuta", true);
        assertThat(catalog.isOurs()).as("there was one").isFalse();
        drop(true);
        create(MADE_AGAIN, true);
        assertThat(catalog.isThere()).isTrue();
    }

    @Test
    void testWhileACatalogIsMadeOfWhateverItIsNotOurs()
    {
        drop(true);
        String queryId = begin(MADE_OF_ANOTHER);
        control.checkCanCreateCatalog(context(queryId, SVC), "immuta");
        assertThat(catalog.isOurs()).isFalse();
        targeted.completed(queryId, false);
        assertThat(catalog.isOurs()).isTrue();
        assertThat(catalog.isThere()).as("nothing was made").isFalse();
        create(MADE_AGAIN, false);
        assertThat(catalog.isThere()).as("nothing was made").isFalse();
        create(MADE_AGAIN, true);
        assertThat(catalog.isThere()).isTrue();
    }

    @Test
    void testCatalogThatWasNeverDroppedStaysOurs()
    {
        create("CREATE CATALOG IF NOT EXISTS immuta USING memory", true);
        create(MADE_OF_ANOTHER, false);
        create("CREATE CATALOG other USING memory", true);
        assertThat(catalog.isThere()).isTrue();
        assertLookingIsFree(true);
    }

    @Test
    void testStatementsOfThoseWhoMayNotMakeCatalogsChangeNothing()
    {
        drop(true);
        targeted.delegate().failWith(new AccessDeniedException("no"));
        String queryId = begin(MADE_OF_ANOTHER);
        assertThatThrownBy(() -> control.checkCanCreateCatalog(context(queryId, SVC), "immuta")).hasMessageContaining("no");
        assertThat(catalog.isOurs()).isTrue();
        targeted.completed(queryId, false);
        for (int number = 0; number < 3_000; number++) {
            targeted.created("never_ends_" + number, MADE_AGAIN, Map.of());
        }
        targeted.delegate().failWith(null);
        create(MADE_AGAIN, true);
        assertThat(catalog.isThere()).isTrue();
    }

    @Test
    void testNothingIsFreeThatOurConnectorHasNot()
    {
        SystemSecurityContext context = context("q0", SVC);
        CatalogSchemaTableName table = new CatalogSchemaTableName("immuta", new SchemaTableName("default", "secrets"));
        CatalogSchemaTableName beside = new CatalogSchemaTableName("immuta", new SchemaTableName("impersonation", "secrets"));
        targeted.delegate().failWith(new AccessDeniedException("no"));
        for (CatalogSchemaTableName secret : Set.of(table, beside)) {
            assertThatThrownBy(() -> control.checkCanSelectFromColumns(context, secret, Set.of("x"))).hasMessageContaining("no");
            assertThatThrownBy(() -> control.checkCanShowColumns(context, secret)).hasMessageContaining("no");
            assertThatThrownBy(() -> control.getRowFilters(context, secret)).hasMessageContaining("no");
            assertThatThrownBy(() -> control.filterTables(context, "immuta", Set.of(WHOAMI.getSchemaTableName(), secret.getSchemaTableName()))).hasMessageContaining("no");
            assertThatThrownBy(() -> control.filterColumns(context, "immuta", Map.of(secret.getSchemaTableName(), Set.of("x")))).hasMessageContaining("no");
        }
        assertThatThrownBy(() -> control.checkCanShowTables(context, new CatalogSchemaName("immuta", "default"))).hasMessageContaining("no");
        assertThatThrownBy(() -> control.filterSchemas(context, "immuta", Set.of("impersonation", "default"))).hasMessageContaining("no");
        assertThatThrownBy(() -> control.checkCanExecuteProcedure(context, new CatalogSchemaRoutineName("immuta", "system", "flush"))).hasMessageContaining("no");
        assertThatThrownBy(() -> control.checkCanSetCatalogSessionProperty(context, "immuta", "another")).hasMessageContaining("no");
        assertThat(control.filterSchemas(context, "immuta", Set.of("impersonation", "information_schema"))).hasSize(2);
    }

    private void assertLookingIsFree(boolean free)
    {
        int before = targeted.delegate().calls().size();
        SystemSecurityContext context = context("q0", SVC);
        control.canAccessCatalog(context, "immuta");
        control.checkCanSelectFromColumns(context, WHOAMI, Set.of("principal"));
        control.checkCanShowTables(context, new CatalogSchemaName("immuta", "impersonation"));
        control.checkCanExecuteProcedure(context, new CatalogSchemaRoutineName("immuta", "impersonation", "flush"));
        assertThat(targeted.delegate().calls()).hasSize(free ? before : before + 4);
    }

    private void drop(boolean succeeds)
    {
        String queryId = begin("DROP CATALOG immuta");
        control.checkCanDropCatalog(context(queryId, SVC), "immuta");
        targeted.completed(queryId, succeeds);
    }

    private void create(String statement, boolean succeeds)
    {
        String queryId = begin(statement);
        control.checkCanCreateCatalog(context(queryId, SVC), statement.contains("other") ? "other" : "immuta");
        targeted.completed(queryId, succeeds);
    }

    private String begin(String statement)
    {
        queries++;
        String queryId = "20261124_110000_%05d_abcde".formatted(queries);
        targeted.created(queryId, statement, Map.of());
        return queryId;
    }
}
