package dev.impersonation.trino;

import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.BasicPrincipal;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;

import static dev.impersonation.trino.TargetedControl.ALICE;
import static dev.impersonation.trino.TargetedControl.context;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A row filter, a column mask or a view may name the very user who is impersonated. Trino then asks for that user without a principal, and without the groups that the
 * plugin knows.
 */
final class TestIdentityOfTheTarget
{
    private static TargetedControl targeted;
    private static SystemSecurityContext bound;

    @BeforeAll
    static void start(@TempDir Path directory)
            throws IOException
    {
        targeted = new TargetedControl(directory);
        bound = targeted.bind("q1");
    }

    @AfterAll
    static void stop()
    {
        targeted.close();
    }

    static Stream<Method> methodsOfQueries()
    {
        return Arrays.stream(ExtendedSystemAccessControl.class.getMethods())
                .filter(CheckedForTarget::isAskedByQuery)
                .filter(KnownForms::isKnown)
                .filter(method -> method.getParameterTypes()[0] == SystemSecurityContext.class)
                .filter(method -> !method.getName().equals("checkCanImpersonateUser"))
                .filter(method -> !RefusedToTargets.FILLED.contains(method.getName()));
    }

    @ParameterizedTest
    @MethodSource("methodsOfQueries")
    void testWhoeverHasTheTargetsNameIsTheTargetWithItsGroups(Method method)
            throws Exception
    {
        method.invoke(targeted.control(), TestingArguments.of(method, context("q1", Identity.ofUser("alice"))));
        assertThat(targeted.lastAsked()).isEqualTo(ALICE);
        method.invoke(targeted.control(), TestingArguments.of(method, context("q1", Identity.forUser("alice").withGroups(Set.of("of_trino")).build())));
        assertThat(targeted.lastAsked()).as("not with those of Trino's group provider").isEqualTo(ALICE);
    }

    @Test
    void testOtherQueriesKeepWhateverTrinoSays()
    {
        CatalogSchemaTableName table = new CatalogSchemaTableName("tpch", new SchemaTableName("tiny", "nation"));
        Identity alice = Identity.ofUser("alice");
        targeted.control().checkCanSelectFromColumns(context("q2", alice), table, Set.of("name"));
        assertThat(targeted.lastAsked()).isSameAs(alice);
        Identity withPrincipal = Identity.forUser("alice").withPrincipal(new BasicPrincipal("alice")).build();
        targeted.control().checkCanSelectFromColumns(context(bound.getQueryId().getId(), withPrincipal), table, Set.of("name"));
        assertThat(targeted.lastAsked()).as("nobody of this query's").isSameAs(withPrincipal);
    }
}
