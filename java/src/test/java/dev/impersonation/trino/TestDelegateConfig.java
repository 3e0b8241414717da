package dev.impersonation.trino;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestDelegateConfig
{
    @TempDir
    private Path directory;

    @Test
    void testReadsProperties()
            throws IOException
    {
        assertThat(read("# comment\naccess-control.name=file  \n\nsecurity.config-file = etc/rules.json\nempty=\n", Map.of()))
                .isEqualTo(Map.of("access-control.name", "file", "security.config-file", "etc/rules.json", "empty", ""));
    }

    @Test
    void testEnvironmentIsResolved()
            throws IOException
    {
        assertThat(read("a=${ENV:HOME}/x/${ENV:USER}\nb=$1${ENV:DOLLAR}\nc=${env:HOME}\nd=${HOME} $ENV:HOME\n", Map.of("HOME", "/home", "USER", "svc", "DOLLAR", "$0\\")))
                .isEqualTo(Map.of("a", "/home/x/svc", "b", "$1$0\\", "c", "/home", "d", "${HOME} $ENV:HOME"));
    }

    @Test
    void testResolvedValueIsNotResolvedAgain()
            throws IOException
    {
        assertThat(read("a=${ENV:A}", Map.of("A", "${ENV:B}", "B", "b"))).isEqualTo(Map.of("a", "${ENV:B}"));
    }

    @Test
    void testUnsetVariable()
    {
        assertThatThrownBy(() -> read("password=${ENV:NOT_SET}", Map.of()))
                .isInstanceOf(DelegateException.class)
                .hasMessage("%s: password refers to ${ENV:NOT_SET}, but this environment variable is not set".formatted(file()));
    }

    @Test
    void testUnknownSecretProvider()
    {
        assertThatThrownBy(() -> read("password=${VAULT:key}", Map.of()))
                .isInstanceOf(DelegateException.class)
                .hasMessage("%s: password refers to ${VAULT:key}, but only ${ENV:NAME} is known here".formatted(file()));
    }

    @Test
    void testMissingFile()
    {
        assertThatThrownBy(() -> DelegateConfig.read(file(), Map.of()))
                .isInstanceOf(DelegateException.class)
                .hasMessage("%s does not exist".formatted(file().toAbsolutePath()));
    }

    @Test
    void testFileThatIsADirectory()
    {
        assertThatThrownBy(() -> DelegateConfig.read(directory, Map.of()))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith("%s cannot be read: ".formatted(directory));
    }

    @Test
    void testBrokenEscape()
    {
        assertThatThrownBy(() -> read("a=\\u12", Map.of()))
                .isInstanceOf(DelegateException.class)
                .hasMessageStartingWith("%s cannot be read: ".formatted(file()));
    }

    private Path file()
    {
        return directory.resolve("delegate.properties");
    }

    private Map<String, String> read(String content, Map<String, String> environment)
            throws IOException
    {
        Files.writeString(file(), content);
        return DelegateConfig.read(file(), environment);
    }
}
