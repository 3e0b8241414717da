package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestDelegateLoader
{
    private static final ClassLoader SERVER = SystemAccessControl.class.getClassLoader();

    private static final Supplier<DelegatePlugins> NO_PLUGINS = () -> {
        throw new DelegateException("there are no plugins");
    };

    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({
            "default,DefaultSystemAccessControl",
            "allow-all,AllowAllSystemAccessControl",
            "read-only,ReadOnlySystemAccessControl",
    })
    void testBuiltIn(String name, String expected)
            throws IOException
    {
        assertThat(load("access-control.name=%s\n".formatted(name)).control().getClass().getSimpleName()).isEqualTo(expected);
    }

    @Test
    void testFile()
            throws IOException
    {
        Path rules = Files.writeString(directory.resolve("rules.json"), "{\"catalogs\": [{\"allow\": \"all\"}]}");
        assertThat(load("access-control.name=file\nsecurity.config-file=%s\n".formatted(rules)).control().getClass().getSimpleName()).contains("SystemAccessControl");
    }

    @Test
    void testUnsetIsTheDefault()
    {
        assertThat(loader().load(Optional.empty()).control().getClass().getSimpleName()).isEqualTo("DefaultSystemAccessControl");
    }

    @Test
    void testConfigReachesTheFactoryWithoutTheName()
            throws IOException
    {
        List<Map<String, String>> configs = new ArrayList<>();
        new DelegateLoader(Map.of("RULES", "rules.json"), SERVER, NO_PLUGINS, (factory, config) -> {
            configs.add(Map.copyOf(config));
            return RecordingAccessControl.create(SystemAccessControl.class, new RecordingAccessControl());
        }).load(Optional.of(write("access-control.name=file\nsecurity.config-file=${ENV:RULES}\n")));
        assertThat(configs).containsExactly(Map.of("security.config-file", "rules.json"));
    }

    @Test
    void testContextClassLoaderIsTheFactorysWhileCreating()
    {
        ClassLoader own = new URLClassLoader(new URL[0], null);
        ClassLoader original = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(own);
        try {
            List<ClassLoader> seen = new ArrayList<>();
            DelegateLoader loader = new DelegateLoader(Map.of(), SERVER, NO_PLUGINS, (factory, config) -> {
                seen.add(Thread.currentThread().getContextClassLoader());
                seen.add(factory.getClass().getClassLoader());
                throw new IllegalStateException("broken");
            });
            assertThatThrownBy(() -> loader.load(Optional.empty())).isInstanceOf(DelegateException.class);
            assertThat(seen.get(0)).isSameAs(seen.get(1));
            assertThat(Thread.currentThread().getContextClassLoader()).isSameAs(own);
        }
        finally {
            Thread.currentThread().setContextClassLoader(original);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "security.config-file=x       | has no access-control.name; built in are allow-all, default, file, read-only",
            "access-control.name=         | has no access-control.name; built in are allow-all, default, file, read-only",
            "access-control.name=opa      | : access-control.name=opa cannot be used: there are no plugins",
            "access-control.name=File     | : access-control.name=File cannot be used: there are no plugins",
            "access-control.name=immuta   | : access-control.name=immuta would make the plugin its own delegate; built in are allow-all, default, file, read-only",
            "access-control.name=${ENV:X} | : access-control.name refers to ${ENV:X}, but this environment variable is not set",
    })
    void testBadConfig(String config, String problem)
    {
        assertThatThrownBy(() -> load(config))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith("immuta.delegate.config-file: " + directory.resolve("delegate.properties"))
                .hasMessageEndingWith(problem);
    }

    @Test
    void testMissingFile()
    {
        Path missing = directory.resolve("missing.properties");
        assertThatThrownBy(() -> loader().load(Optional.of(missing.toString())))
                .isInstanceOf(DelegateException.class)
                .hasMessage("immuta.delegate.config-file: %s does not exist".formatted(missing));
    }

    @ParameterizedTest(name = "[{index}]")
    @CsvSource(delimiter = '|', value = {"''|the name of the file is empty", "' '|the name of the file is empty", "'a\0b'|not the name of a file: Nul character not allowed: a\0b"})
    void testBadFileName(String name, String problem)
    {
        assertThatThrownBy(() -> loader().load(Optional.of(name)))
                .isInstanceOf(DelegateException.class)
                .hasMessage("immuta.delegate.config-file: " + problem);
    }

    @Test
    void testFailureOfTheDelegate()
    {
        String prefix = "immuta.delegate.config-file: %s: the access control ".formatted(directory.resolve("delegate.properties"));
        assertThatThrownBy(() -> load("access-control.name=file\nsecurity.config-file=%s\n".formatted(directory.resolve("missing.json"))))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith(prefix + "'file' cannot be created: ")
                .hasMessageContaining("Config file does not exist")
                .message().doesNotContain("\n");
        assertThatThrownBy(() -> load("access-control.name=default\nunknown=1\n"))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith(prefix + "'default' cannot be created: ");
    }

    @Test
    void testBrokenRulesOfTheDelegate()
            throws IOException
    {
        Path rules = Files.writeString(directory.resolve("rules.json"), "{broken");
        assertThatThrownBy(() -> load("access-control.name=file\nsecurity.config-file=%s\n".formatted(rules)))
                .isInstanceOf(DelegateException.class)
                .hasMessageContaining("'file' cannot be created: ")
                .hasMessageContaining("<value of security.config-file>")
                .message().doesNotContain("\n");
    }

    @Test
    void testFactoryThatGivesNull()
    {
        assertThatThrownBy(() -> new DelegateLoader(Map.of(), SERVER, NO_PLUGINS, (factory, config) -> null).load(Optional.empty()))
                .isInstanceOf(DelegateException.class)
                .hasMessage("immuta.delegate.config-file: the access control 'default' cannot be created: the factory gave null");
    }

    @Test
    void testServerWithoutTheControl()
    {
        ClassLoader empty = new URLClassLoader(new URL[0], ClassLoader.getPlatformClassLoader());
        assertThatThrownBy(() -> new DelegateLoader(Map.of(), empty, NO_PLUGINS, (factory, config) -> null).load(Optional.empty()))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith("immuta.delegate.config-file: this server has no access control 'default' (");
    }

    private Delegate load(String config)
            throws IOException
    {
        return loader().load(Optional.of(write(config)));
    }

    private String write(String config)
            throws IOException
    {
        return Files.writeString(directory.resolve("delegate.properties"), config).toString();
    }

    @SuppressWarnings("deprecation")
    private static DelegateLoader loader()
    {
        return new DelegateLoader(Map.of(), SERVER, NO_PLUGINS, SystemAccessControlFactory::create);
    }
}
