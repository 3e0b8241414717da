package dev.impersonation.trino;

import dev.impersonation.engine.Reason;
import io.trino.spi.connector.Connector;
import io.trino.spi.resourcegroups.ResourceGroupId;
import io.trino.spi.resourcegroups.SessionPropertyConfigurationManagerContext;
import io.trino.spi.session.SessionConfigurationContext;
import io.trino.spi.session.SessionPropertyConfigurationManager;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * With a delegate out of a plugin directory, as the server's own managers are.
 */
final class TestImpersonationSessionProperties
{
    private static final Path JAR = Path.of(System.getProperty("immuta.impersonation.test-jar"));
    private static final SessionPropertyConfigurationManagerContext CONTEXT = new SessionPropertyConfigurationManagerContext() {};
    private static final String MANAGER = """
            package testing;
            import io.trino.spi.resourcegroups.*;
            import io.trino.spi.session.*;
            import java.util.*;
            public final class ManagerPlugin implements io.trino.spi.Plugin
            {
                public Iterable<SessionPropertyConfigurationManagerFactory> getSessionPropertyConfigurationManagerFactories()
                {
                    return List.of(new SessionPropertyConfigurationManagerFactory()
                    {
                        public String getName()
                        {
                            return "company";
                        }
                        public SessionPropertyConfigurationManager create(Map<String, String> config, SessionPropertyConfigurationManagerContext context)
                        {
                            if (config.containsKey("fail")) {
                                throw new IllegalStateException("invalid: " + config);
                            }
                            return new SessionPropertyConfigurationManager()
                            {
                                public Map<String, String> getSystemSessionProperties(SessionConfigurationContext context)
                                {
                                    return config;
                                }
                                public Map<String, Map<String, String>> getCatalogSessionProperties(SessionConfigurationContext context)
                                {
                                    return Map.of("hive", config, "immuta", Map.of("immuta_user", "default", "other", "kept"));
                                }
                            };
                        }
                    });
                }
            }
            """;

    @TempDir
    private Path directory;

    private final LiveParts liveParts = new LiveParts();
    private Optional<String> impersonated = Optional.empty();
    private PluginClassLoader ours;

    @BeforeEach
    void start()
            throws IOException
    {
        Files.createDirectories(plugins().resolve("immuta-impersonation"));
        ours = new PluginClassLoader(JAR);
        liveParts.controlStarted(new PropertyPath(
                request -> {
                    throw new AssertionError("The engine has decided before");
                },
                refused -> {},
                user -> impersonated.filter(user::equals).map(name -> new Reason(1, "permission", "may")),
                true,
                new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH)));
    }

    @AfterEach
    void closeClassLoader()
            throws IOException
    {
        ours.close();
    }

    @Test
    void testSessionOfAnImpersonatedUserNamesHim()
    {
        Connector connector = new ImmutaConnectorFactory(liveParts).create("immuta", Map.of(), null);
        SessionPropertyConfigurationManager manager = create(Map.of());
        assertThat(manager.getCatalogSessionProperties(context("alice"))).isEmpty();
        impersonated = Optional.of("alice");
        assertThat(manager.getCatalogSessionProperties(context("alice"))).isEqualTo(Map.of("immuta", Map.of("immuta_user", "alice")));
        assertThat(manager.getCatalogSessionProperties(context("bob"))).isEmpty();
        assertThat(manager.getSystemSessionProperties(context("alice"))).isEmpty();
        connector.shutdown();
        assertThat(manager.getCatalogSessionProperties(context("alice"))).as("Trino knows no such property").isEmpty();
    }

    /**
     * Trino would refuse the property, and with it each query of an impersonated user. It keeps the connector of a dropped catalog for a while.
     */
    @Test
    void testNothingIsSetWhileTheCatalogIsDroppedOrSomebodyElses()
    {
        new ImmutaConnectorFactory(liveParts).create("immuta", Map.of(), null);
        SessionPropertyConfigurationManager manager = create(Map.of());
        impersonated = Optional.of("alice");
        liveParts.catalog().mayBeDropped("q1");
        assertThat(manager.getCatalogSessionProperties(context("alice"))).isEmpty();
        liveParts.catalog().queryCompleted("q1", true);
        liveParts.catalog().mayBeMade("q2");
        liveParts.catalog().queryCompleted("q2", true);
        assertThat(manager.getCatalogSessionProperties(context("alice"))).as("made of another connector").isEmpty();
        liveParts.catalog().mayBeDropped("q3");
        liveParts.catalog().queryCreated("q4", "CREATE CATALOG immuta USING immuta");
        liveParts.catalog().mayBeMade("q4");
        assertThat(manager.getCatalogSessionProperties(context("alice"))).as("not made yet").isEmpty();
        liveParts.catalog().queryCompleted("q4", true);
        assertThat(manager.getCatalogSessionProperties(context("alice"))).isEqualTo(Map.of("immuta", Map.of("immuta_user", "alice")));
    }

    @Test
    void testOtherDefaultsAreTheDelegates()
            throws IOException
    {
        new ImmutaConnectorFactory(liveParts).create("immuta", Map.of(), null);
        TestingPlugin.compile(plugins().resolve("company-managers"), "testing.ManagerPlugin", Map.of("testing.ManagerPlugin", MANAGER));
        Map<String, String> delegates = Map.of("setting", "1");
        SessionPropertyConfigurationManager manager = create(delegate("session-property-config.configuration-manager=company\nsetting=${ENV:SETTING}\n"));
        assertThat(manager.getSystemSessionProperties(context("alice"))).isEqualTo(delegates);
        assertThat(manager.getCatalogSessionProperties(context("alice")))
                .isEqualTo(Map.of("hive", delegates, "immuta", Map.of("immuta_user", "default", "other", "kept")));
        impersonated = Optional.of("alice");
        assertThat(manager.getCatalogSessionProperties(context("alice")))
                .isEqualTo(Map.of("hive", delegates, "immuta", Map.of("immuta_user", "alice", "other", "kept")));
    }

    @Test
    void testDelegateThatCannotBeCreated()
            throws IOException
    {
        TestingPlugin.compile(plugins().resolve("company-managers"), "testing.ManagerPlugin", Map.of("testing.ManagerPlugin", MANAGER));
        assertProblem("", "%s has no session-property-config.configuration-manager");
        assertProblem("session-property-config.configuration-manager=immuta\n", "%s: session-property-config.configuration-manager=immuta would make the plugin its own delegate");
        assertProblem("session-property-config.configuration-manager=file\n",
                "session-property-config.configuration-manager=file cannot be used: the plugins in " + plugins() + " offer company");
        assertProblem("session-property-config.configuration-manager=company\nfail=secret\n",
                "the manager 'company' of the plugin " + plugins().resolve("company-managers") + " cannot be created: invalid: {fail=<value of fail>}");
    }

    @Test
    void testUnknownPropertiesAreRefusedByTheirNames()
    {
        assertThatThrownBy(() -> create(Map.of("immuta.apikey", "secret", "immuta.delegate.config-file", "x")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("The session property configuration manager immuta takes no property besides immuta.delegate.config-file, but has immuta.apikey");
    }

    private void assertProblem(String text, String problem)
            throws IOException
    {
        Map<String, String> config = delegate(text);
        assertThatThrownBy(() -> create(config))
                .isInstanceOf(DelegateException.class)
                .hasMessage("immuta.delegate.config-file: " + problem.formatted(config.get("immuta.delegate.config-file")));
    }

    private Map<String, String> delegate(String text)
            throws IOException
    {
        return Map.of("immuta.delegate.config-file", Files.writeString(directory.resolve("delegate.properties"), text).toString());
    }

    private SessionPropertyConfigurationManager create(Map<String, String> config)
    {
        SessionPropertyDelegateLoader delegates = new SessionPropertyDelegateLoader(
                Map.of("SETTING", "1"),
                () -> new DelegatePlugins(plugins().resolve("immuta-impersonation"), ours));
        ImpersonationSessionPropertiesFactory factory = new ImpersonationSessionPropertiesFactory(delegates, liveParts);
        assertThat(factory.getName()).isEqualTo("immuta");
        return factory.create(config, CONTEXT);
    }

    private Path plugins()
    {
        return directory.resolve("plugin");
    }

    private static SessionConfigurationContext context(String user)
    {
        return new SessionConfigurationContext(user, Optional.empty(), Set.of(), Optional.empty(), new ResourceGroupId("global"));
    }
}
