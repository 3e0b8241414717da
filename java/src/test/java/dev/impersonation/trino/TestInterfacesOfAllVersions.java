package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * The plugin is compiled against one Trino and runs on all. This is how an addition to a newer one is noticed, without a server.
 */
final class TestInterfacesOfAllVersions
{
    private static final int COMPILED_AGAINST = 435;

    static IntStream versions()
    {
        return GoldenInterfaces.versions();
    }

    @ParameterizedTest(name = "Trino {0}")
    @MethodSource("versions")
    void testEveryQuestionIsKnown(int version)
    {
        Set<Signature> methods = GoldenInterfaces.methods("SystemAccessControl", version);
        assertThat(methods).hasSizeGreaterThan(70);
        assertThat(KnownQuestions.findings(methods)).as("Trino %s", version).isEmpty();
    }

    /**
     * Or the control would deny what the server asks every day.
     */
    @ParameterizedTest(name = "Trino {0}")
    @MethodSource("versions")
    void testEveryQuestionThatNamesSomebodyIsAnswered(int version)
    {
        Set<Signature> answered = Arrays.stream(ExtendedSystemAccessControl.class.getMethods())
                .filter(method -> method.getName().equals("checkCanImpersonateUser") || KnownForms.isKnown(method))
                .map(Signature::of)
                .collect(toSet());
        assertThat(GoldenInterfaces.methods("SystemAccessControl", version)).as("Trino %s", version)
                .filteredOn(method -> method.parameters().stream().anyMatch(parameter -> parameter.matches(".*\\b(?:Identity|Principal)\\b.*")))
                .hasSizeGreaterThan(8)
                .allSatisfy(method -> assertThat(answered).contains(method));
    }

    @ParameterizedTest(name = "Trino {0}")
    @MethodSource("versions")
    void testContextCanBeRebuiltForTheTarget(int version)
    {
        assertThat(GoldenInterfaces.methods("SystemSecurityContext", version)).as("Trino %s", version).map(Signature::toString).containsExactlyInAnyOrder(
                "SystemSecurityContext(Identity, QueryId, Instant)",
                "Identity getIdentity()",
                "QueryId getQueryId()",
                "Instant getQueryStart()");
    }

    @ParameterizedTest(name = "Trino {0}")
    @MethodSource("versions")
    void testFilterCanBeRebuiltForTheTarget(int version)
    {
        assertThat(GoldenInterfaces.methods("ViewExpression", version)).as("Trino %s", version).map(Signature::name).containsExactlyInAnyOrder(
                "builder",
                "getCatalog",
                "getExpression",
                "getPath",
                "getSchema",
                "getSecurityIdentity");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "void checkCanSetEffectiveIdentity(Identity, Identity, IdentitySwitchReason)",
            "void checkCanImpersonateUser(Identity, QueryId, String)",
            "void checkCanImpersonateUser(SystemSecurityContext, Identity, String)",
            "void checkCanSetUser(Identity, Optional<Principal>, String)",
            "void checkCanPause(Identity, QueryId)",
            "void checkCanSetSystemSessionProperty(Identity, QueryId, Identity)",
            "void checkCanDelegate(SystemSecurityContext, ConnectorIdentity)",
            "void checkCanDelegate(SystemSecurityContext, Optional<Identity>)",
            "void checkCanDelegate(String, SystemSecurityContext)",
            "void checkCanDelegate(ConnectorSecurityContext, String)",
            "void checkCanFly(String)",
            "void shutdown(Identity)",
            "void checkCanCreateNewMaterializedView(SystemSecurityContext, CatalogSchemaTableName)",
            "void checkCanRefreshEverything(SystemSecurityContext, CatalogSchemaName)",
            "void checkCanShowApplicableRoles(SystemSecurityContext, String)",
            "void checkCanSetRole(SystemSecurityContext, String)",
            "void checkCanCreateProcedure(SystemSecurityContext, CatalogSchemaRoutineName)",
            "List<List<ViewExpression>> getRowFilters(SystemSecurityContext, CatalogSchemaTableName)",
            "Optional<ViewExpression> getRowLimit(SystemSecurityContext, CatalogSchemaTableName)",
            "Optional<RowFilter> getRowFilters(SystemSecurityContext, CatalogSchemaTableName)",
            "Set<String> filterTables(SystemSecurityContext, String, Set<SchemaTableName>)",
            "void checkCanSelectFromColumns(SystemSecurityContext, EntityKindAndName, Set<String>)",
            "void checkCanSelectFromBranch(SystemSecurityContext, CatalogSchemaTableName, String)",
            "boolean canCreateViewWithExecuteProcedure(SystemSecurityContext, CatalogSchemaRoutineName)",
            "boolean canCreateViewWithExecuteFunction(SystemSecurityContext, CatalogSchemaRoutineName, String)",
    })
    void testNewFormIsFound(String invented)
    {
        Set<Signature> methods = new HashSet<>(GoldenInterfaces.methods("SystemAccessControl", versions().max().orElseThrow()));
        methods.add(Signature.parse(invented));
        assertThat(KnownQuestions.findings(methods)).hasSize(1).first().asString().startsWith(invented + " ");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "void checkCanShowEverything(SystemSecurityContext, CatalogSchemaTableName, Map<String, Optional<Object>>)",
            "void checkCanGrantMore(SystemSecurityContext, TrinoPrincipal)",
    })
    void testNewQuestionInAKnownFormReachesTheDelegate(String invented)
    {
        assertThat(KnownQuestions.findings(Set.of(Signature.parse(invented)))).isEmpty();
    }

    @Test
    void testJarOfTheCompilerIsTheOneThatWasRead()
    {
        List<Method> methods = Arrays.stream(SystemAccessControl.class.getMethods()).toList();
        assertThat(methods).map(Signature::of).containsExactlyInAnyOrderElementsOf(GoldenInterfaces.methods("SystemAccessControl", COMPILED_AGAINST));
        assertThat(methods.stream().filter(CheckedForTarget::isAskedByQuery).map(Signature::of).collect(toSet()))
                .isEqualTo(methods.stream().map(Signature::of).filter(KnownQuestions::isAskedByQuery).collect(toSet()));
    }
}
