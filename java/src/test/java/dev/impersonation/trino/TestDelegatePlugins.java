package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.util.Throwables.getStackTrace;

/**
 * Delegates out of plugin directories, as a server has them: ours is one of them, and sees by its class loader what a server shows to a plugin.
 */
final class TestDelegatePlugins
{
    private static final Path JAR = Path.of(System.getProperty("immuta.impersonation.test-jar"));
    private static final DelegatePlugins.Kind<SystemAccessControlFactory> KIND = new DelegatePlugins.Kind<>(
            Plugin::getSystemAccessControlFactories,
            SystemAccessControlFactory::getName,
            List.of());
    private static final String ALLOW_ALL = "return new SystemAccessControl() {};";

    @TempDir
    private Path directory;

    private Path plugins;
    private PluginClassLoader ours;

    @BeforeEach
    void makePluginDirectory()
            throws IOException
    {
        plugins = directory.resolve("plugin");
        Files.createDirectories(plugins.resolve("immuta-impersonation"));
        ours = new PluginClassLoader(JAR);
    }

    @AfterEach
    void closeClassLoader()
            throws IOException
    {
        ours.close();
    }

    @Test
    void testFoundByTheNameOfItsDirectoryWithoutLoadingOthers()
            throws IOException
    {
        write("opa", "opa", ALLOW_ALL);
        // A plugin that would be found twice, if it were looked for.
        write("other", "opa", ALLOW_ALL);
        Delegate delegate = load("access-control.name=opa\n");
        assertThat(delegate.classLoader().orElseThrow().getName()).isEqualTo("delegate:opa");
        delegate.shutdown(SystemAccessControl.class);
    }

    @Test
    void testFoundInADirectoryOfAnotherName()
            throws IOException
    {
        write("company-security", "opa", ALLOW_ALL);
        write("another", "another", ALLOW_ALL);
        Delegate delegate = load("access-control.name=opa\n");
        assertThat(delegate.classLoader().orElseThrow().getName()).isEqualTo("delegate:company-security");
        delegate.shutdown(SystemAccessControl.class);
    }

    @Test
    void testClassesAreThePluginsOwnAndThoseOfTheSpiAreShared()
            throws Exception
    {
        write("opa", "opa", ALLOW_ALL);
        Delegate delegate = load("access-control.name=opa\n");
        Class<?> type = delegate.control().getClass();
        DelegateClassLoader loader = delegate.classLoader().orElseThrow();
        assertThat(type.getClassLoader()).isSameAs(loader);
        assertThat(loader.loadClass("io.trino.spi.security.Identity")).isSameAs(Identity.class);
        assertThat(loader.loadClass("java.sql.Connection")).isSameAs(java.sql.Connection.class);
        // The server, and we, have it, but show it to no plugin.
        assertThatThrownBy(() -> loader.loadClass("com.fasterxml.jackson.databind.ObjectMapper")).isInstanceOf(ClassNotFoundException.class);
        assertThatThrownBy(() -> loader.loadClass("dev.impersonation.engine.Engine")).isInstanceOf(ClassNotFoundException.class);
        assertThat(loader.getResource("META-INF/LICENSE")).isNull();
        assertThat(loader.getResources("META-INF/services/io.trino.spi.Plugin").asIterator())
                .toIterable()
                .singleElement()
                .satisfies(url -> assertThat(url.toString()).contains("plugin/opa/plugin.jar"));
        delegate.shutdown(SystemAccessControl.class);
    }

    @Test
    void testCopiesOfLibrariesAreNotMixedUp()
            throws Exception
    {
        Map<String, String> copies = Map.of(
                "com.fasterxml.jackson.databind.ObjectMapper",
                "package com.fasterxml.jackson.databind; public class ObjectMapper { public String own = \"own mapper\"; }",
                "dev.impersonation.engine.Reason",
                "package dev.impersonation.engine; public class Reason { public String own = \"own reason\"; }");
        TestingPlugin.write(
                plugins.resolve("opa"),
                "opa",
                "throw new IllegalStateException(new com.fasterxml.jackson.databind.ObjectMapper().own + \", \" + new dev.impersonation.engine.Reason().own);",
                copies);
        assertThatThrownBy(() -> load("access-control.name=opa\n")).hasMessageEndingWith("cannot be created: own mapper, own reason");
    }

    @Test
    void testContextClassLoaderIsThePluginsWhileCreated()
            throws IOException
    {
        TestingPlugin.write(
                plugins.resolve("opa"),
                "opa",
                """
                if (Thread.currentThread().getContextClassLoader() != getClass().getClassLoader()) {
                    throw new IllegalStateException();
                }
                return new SystemAccessControl() {};
                """,
                Map.of());
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        load("access-control.name=opa\n").shutdown(SystemAccessControl.class);
        assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(before);
    }

    @Test
    void testConfigReachesTheFactory()
            throws IOException
    {
        write("opa", "opa", """
                if (!config.equals(Map.of("opa.policy.uri", "http://localhost/"))) {
                    throw new IllegalStateException();
                }
                return new SystemAccessControl() {};
                """);
        load("access-control.name=opa\nopa.policy.uri=${ENV:POLICY}\n", Map.of("POLICY", "http://localhost/")).shutdown(SystemAccessControl.class);
    }

    /**
     * The interface of this Trino has no shutdown yet, so one of the JDK's that has it stands in for it.
     */
    @Test
    void testShutdownReachesTheControlBeforeItsClassesAreClosed()
            throws IOException
    {
        TestingPlugin.write(plugins.resolve("opa"), "opa", "return new EndingControl();", Map.of(
                "testing.EndingControl",
                """
                package testing;
                public final class EndingControl extends java.util.concurrent.AbstractExecutorService implements io.trino.spi.security.SystemAccessControl
                {
                    private boolean ended;
                    public void shutdown()
                    {
                        ended = new Late().value;
                    }
                    public boolean isShutdown()
                    {
                        return ended;
                    }
                    public boolean isTerminated()
                    {
                        return ended;
                    }
                    public java.util.List<Runnable> shutdownNow()
                    {
                        throw new UnsupportedOperationException();
                    }
                    public boolean awaitTermination(long time, java.util.concurrent.TimeUnit unit)
                    {
                        throw new UnsupportedOperationException();
                    }
                    public void execute(Runnable command)
                    {
                        throw new UnsupportedOperationException();
                    }
                }
                """,
                "testing.Late",
                "package testing; final class Late { final boolean value = true; }"));
        Delegate delegate = load("access-control.name=opa\n");
        DelegateClassLoader loader = delegate.classLoader().orElseThrow();
        assertThat(loader.getResource("testing/Late.class")).isNotNull();
        assertThat(((ExecutorService) delegate.control()).isShutdown()).isFalse();
        delegate.shutdown(ExecutorService.class);
        assertThat(((ExecutorService) delegate.control()).isShutdown()).isTrue();
        assertThat(loader.getResource("testing/Late.class")).isNull();
    }

    @Test
    void testClassesAreClosedWhenTheShutdownFails()
            throws IOException
    {
        write("opa", "opa", ALLOW_ALL);
        Delegate loaded = load("access-control.name=opa\n");
        RecordingAccessControl recording = new RecordingAccessControl();
        recording.failWith(new IllegalStateException("broken"));
        Delegate delegate = new Delegate(RecordingAccessControl.create(ExtendedSystemAccessControl.class, recording), loaded.classLoader());
        assertThatThrownBy(() -> delegate.shutdown(ExtendedSystemAccessControl.class)).hasMessage("broken");
        assertThat(loaded.classLoader().orElseThrow().getResource("testing/TestingPlugin.class")).isNull();
    }

    @Test
    void testEventListenersOfTheControlArePassedOn()
            throws IOException
    {
        write("opa", "opa", """
                return new SystemAccessControl()
                {
                    public Iterable<io.trino.spi.eventlistener.EventListener> getEventListeners()
                    {
                        return List.of(new io.trino.spi.eventlistener.EventListener() {});
                    }
                };
                """);
        Delegate delegate = load("access-control.name=opa\n");
        assertThat(delegate.control().getEventListeners())
                .singleElement()
                .isInstanceOf(EventListener.class)
                .satisfies(listener -> assertThat(listener.getClass().getClassLoader()).isSameAs(delegate.classLoader().orElseThrow()));
        delegate.shutdown(SystemAccessControl.class);
    }

    @Test
    void testNotFound()
            throws IOException
    {
        write("ranger", "ranger", ALLOW_ALL);
        write("second", "second", ALLOW_ALL);
        assertProblem("opaa", "built in are allow-all, default, file, read-only, and the plugins in %s offer ranger, second".formatted(plugins));
    }

    @Test
    void testNoOtherPlugins()
    {
        assertProblem("opa", "built in are allow-all, default, file, read-only, and the plugins in %s offer none".formatted(plugins));
    }

    @Test
    void testFoundTwice()
            throws IOException
    {
        write("first", "opa", ALLOW_ALL);
        write("second", "opa", ALLOW_ALL);
        assertProblem("opa", "it is offered more than once: %s and %s".formatted(plugins.resolve("first"), plugins.resolve("second")));
    }

    @Test
    void testBrokenJar()
            throws IOException
    {
        Files.writeString(Files.createDirectory(plugins.resolve("opa")).resolve("opa.jar"), "not a jar");
        assertProblem("opa", "built in are allow-all, default, file, read-only, and the plugins in %s offer none; ".formatted(plugins) +
                "%s cannot be loaded: it has no jar with META-INF/services/io.trino.spi.Plugin, or none that can be read".formatted(plugins.resolve("opa")));
    }

    @Test
    void testServiceClassMissing()
            throws IOException
    {
        TestingPlugin.writeJar(plugins.resolve("opa"), Files.createDirectory(directory.resolve("empty")), "testing.Missing");
        assertProblem("opa", "built in are allow-all, default, file, read-only, and the plugins in %s offer none; ".formatted(plugins) +
                "%s cannot be loaded: io.trino.spi.Plugin: Provider testing.Missing not found".formatted(plugins.resolve("opa")));
    }

    @Test
    void testPluginThatCannotBeInstantiated()
            throws IOException
    {
        TestingPlugin.compile(plugins.resolve("opa"), "testing.Broken", Map.of(
                "testing.Broken",
                "package testing; public class Broken implements io.trino.spi.Plugin { public Broken() { throw new IllegalStateException(\"no disk\"); } }"));
        assertProblem("opa", "built in are allow-all, default, file, read-only, and the plugins in %s offer none; ".formatted(plugins) +
                "%s cannot be loaded: io.trino.spi.Plugin: ".formatted(plugins.resolve("opa")) +
                "Provider testing.Broken could not be instantiated: java.lang.IllegalStateException: no disk");
    }

    @Test
    void testBrokenNeighbourDoesNotMatter()
            throws IOException
    {
        Files.writeString(Files.createDirectory(plugins.resolve("broken")).resolve("broken.jar"), "not a jar");
        write("company-security", "opa", ALLOW_ALL);
        load("access-control.name=opa\n").shutdown(SystemAccessControl.class);
    }

    @Test
    void testFactoryThatFails()
            throws IOException
    {
        write("opa", "opa", "throw new IllegalArgumentException(\"Errors:\\n\\n1) Error: Configuration property 'opa.polcy' was not used\\n\\n1 error\");");
        assertThatThrownBy(() -> load("access-control.name=opa\nopa.polcy=x\n"))
                .isInstanceOf(DelegateException.class)
                .hasMessage(prefix() + "the access control 'opa' of the plugin %s cannot be created: ".formatted(plugins.resolve("opa")) +
                        "Configuration property 'opa.polcy' was not used");
    }

    @Test
    void testFactoryThatGivesNull()
            throws IOException
    {
        write("opa", "opa", "return null;");
        assertThatThrownBy(() -> load("access-control.name=opa\n"))
                .isInstanceOf(DelegateException.class)
                .hasMessage(prefix() + "the access control 'opa' of the plugin %s cannot be created: the factory gave null".formatted(plugins.resolve("opa")));
    }

    @Test
    void testClassThatCannotBeLinked()
            throws IOException
    {
        write("opa", "opa", "throw new NoClassDefFoundError(\"com/example/Missing\");");
        assertThatThrownBy(() -> load("access-control.name=opa\n"))
                .isInstanceOf(DelegateException.class)
                .hasMessageEndingWith("cannot be created: java.lang.NoClassDefFoundError: com/example/Missing");
    }

    @Test
    void testValuesOfTheFileAreInNoMessage()
            throws IOException
    {
        write("opa", "opa", "throw new IllegalStateException(\"invalid: \" + config, new IllegalArgumentException(config.get(\"opa.password\")));");
        assertThatThrownBy(() -> load("access-control.name=opa\nopa.password=${ENV:SECRET}\nopa.user=somebody-else\n", Map.of("SECRET", "hunter2!")))
                .isInstanceOf(DelegateException.class)
                .hasMessageEndingWith("cannot be created: invalid: {opa.password=<value of opa.password>, opa.user=<value of opa.user>}")
                .hasStackTraceContaining("java.lang.IllegalArgumentException: <value of opa.password>")
                .hasStackTraceContaining("at delegate:opa//testing.TestingPlugin$1.create(")
                .satisfies(failure -> assertThat(getStackTrace(failure)).doesNotContain("hunter2", "somebody-else"));
    }

    @Test
    void testPluginDirectoryThatIsGone()
    {
        Path gone = directory.resolve("gone/immuta-impersonation");
        assertThatThrownBy(() -> new DelegatePlugins(gone, ours).find(KIND, "opa"))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith("the plugins in %s cannot be listed: ".formatted(gone.getParent()));
    }

    private void assertProblem(String name, String problem)
    {
        assertThatThrownBy(() -> load("access-control.name=%s\n".formatted(name)))
                .isInstanceOf(DelegateException.class)
                .hasMessage(prefix() + "access-control.name=%s cannot be used: %s".formatted(name, problem));
    }

    private String prefix()
    {
        return "immuta.delegate.config-file: %s: ".formatted(directory.resolve("delegate.properties"));
    }

    private void write(String pluginDirectory, String name, String create)
            throws IOException
    {
        TestingPlugin.write(plugins.resolve(pluginDirectory), name, create, Map.of());
    }

    private Delegate load(String config)
            throws IOException
    {
        return load(config, Map.of());
    }

    @SuppressWarnings("deprecation")
    private Delegate load(String config, Map<String, String> environment)
            throws IOException
    {
        Path file = Files.writeString(directory.resolve("delegate.properties"), config);
        return new DelegateLoader(
                environment,
                SystemAccessControl.class.getClassLoader(),
                () -> new DelegatePlugins(plugins.resolve("immuta-impersonation"), ours),
                SystemAccessControlFactory::create).load(Optional.of(file.toString()));
    }
}
