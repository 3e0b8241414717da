package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import io.trino.spi.Plugin;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * The jar as a server loads it: by a class loader of its own that sees nothing else but the SPI.
 */
final class TestPluginJar
{
    private static final Path JAR = Path.of(System.getProperty("immuta.impersonation.test-jar"));
    private static final String OVERRIDE = "immuta.impersonation.library";

    @TempDir
    private Path directory;

    private String override;

    /**
     * The other tests name the library by its path; a server takes it from the jar.
     */
    @BeforeEach
    void clearOverride()
    {
        override = System.clearProperty(OVERRIDE);
    }

    @AfterEach
    void restoreOverride()
    {
        System.setProperty(OVERRIDE, override);
    }

    @Test
    void testJarHoldsOnlyOurClassesAndTheLibrary()
            throws IOException
    {
        try (JarFile jar = new JarFile(JAR.toFile())) {
            assertThat(jar.stream().filter(entry -> !entry.isDirectory()).map(JarEntry::getName))
                    .allMatch(name -> name.startsWith("META-INF/") || name.startsWith("dev/impersonation/") || name.startsWith("native/linux-"))
                    .contains("META-INF/services/io.trino.spi.Plugin", "META-INF/LICENSE", "dev/impersonation/engine/version.properties")
                    .noneMatch(name -> name.contains("Test"))
                    .filteredOn(name -> name.startsWith("native/")).hasSize(1);
        }
    }

    @Test
    void testTwoClassLoadersInOneJvm()
            throws Exception
    {
        try (PluginClassLoader first = new PluginClassLoader(JAR);
                PluginClassLoader second = new PluginClassLoader(JAR)) {
            SystemAccessControl one = create(first, "one");
            SystemAccessControl two = create(second, "two");
            assertThat(Proxy.getInvocationHandler(one).getClass()).isNotEqualTo(Proxy.getInvocationHandler(two).getClass());
            assertWorks(one);
            assertWorks(two);
            shutdown(one);
            assertThatThrownBy(() -> one.checkCanImpersonateUser(Identity.ofUser("svc"), "bob")).hasMessageContaining("(CLOSED)");
            assertWorks(two);
            shutdown(two);
        }
    }

    @Test
    void testExtractedLibraryIsRemoved()
            throws Exception
    {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        long before = extracted(temporary);
        try (PluginClassLoader loader = new PluginClassLoader(JAR)) {
            shutdown(create(loader, "control"));
        }
        assertThat(extracted(temporary)).isEqualTo(before);
    }

    @Test
    void testFailedLoadIsRememberedAndExplained()
            throws Exception
    {
        Path missing = directory.resolve("missing.so");
        System.setProperty(OVERRIDE, missing.toString());
        try (PluginClassLoader loader = new PluginClassLoader(JAR)) {
            for (int attempt = 0; attempt < 2; attempt++) {
                assertThatThrownBy(() -> create(loader, "control"))
                        .isInstanceOf(RuntimeException.class)
                        .hasMessage("The access control 'immuta' cannot start:\n" +
                                "  - The native library cannot be loaded: %s does not exist or is not a file ".formatted(missing) +
                                "(set by IMMUTA_IMPERSONATION_LIBRARY or -Dimmuta.impersonation.library)");
            }
        }
    }

    private SystemAccessControl create(ClassLoader loader, String name)
            throws IOException
    {
        Plugin plugin = ServiceLoader.load(Plugin.class, loader).stream()
                .filter(provider -> provider.type().getClassLoader() == loader)
                .findFirst().orElseThrow()
                .get();
        SystemAccessControlFactory factory = plugin.getSystemAccessControlFactories().iterator().next();
        TestingConfiguration configuration = new TestingConfiguration(Files.createDirectories(directory.resolve(name)));
        return factory.create(configuration.properties(), new TestingContext());
    }

    private static void assertWorks(SystemAccessControl control)
    {
        control.checkCanImpersonateUser(Identity.ofUser("svc"), "bob");
        assertThatThrownBy(() -> control.checkCanImpersonateUser(Identity.ofUser("bob"), "svc")).isExactlyInstanceOf(AccessDeniedException.class);
    }

    private static void shutdown(SystemAccessControl control)
            throws ReflectiveOperationException
    {
        InvocationHandler handler = Proxy.getInvocationHandler(control);
        Method shutdown = handler.getClass().getDeclaredMethod("shutdown");
        shutdown.setAccessible(true);
        shutdown.invoke(handler);
    }

    private static long extracted(Path temporary)
            throws IOException
    {
        try (Stream<Path> files = Files.list(temporary)) {
            return files.filter(file -> file.getFileName().toString().startsWith("immuta-impersonation-")).count();
        }
    }
}
