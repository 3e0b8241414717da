package dev.impersonation.trino;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

import static org.assertj.core.api.Assertions.assertThat;

final class TestStartWarnings
{
    private static final String AUTHENTICATED = "http-server.authentication.type=PASSWORD\n";

    @TempDir
    Path directory;

    @Test
    void testNothingIsWarnedOfInOrder()
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED + "http-server.authentication.allow-insecure-over-http=false\n", true, true)).isEmpty();
    }

    @Test
    void testServerThatCannotBeReadIsNotGuessedAt()
    {
        Properties none = new Properties();
        Properties missing = systemProperties(directory.resolve("missing.properties"));
        Properties broken = new Properties();
        broken.setProperty("config", "\0");
        for (Properties system : List.of(none, missing, broken)) {
            assertThat(ServerConfiguration.read(system)).isEmpty();
        }
        assertThat(StartWarnings.of(Optional.empty(), true, true)).isEmpty();
    }

    @Test
    void testServerWithoutAuthentication()
            throws IOException
    {
        assertThat(warnings("coordinator=true\n", false, false)).singleElement().asString()
                .contains("http-server.authentication.type is not set", "name themselves a service account");
        assertThat(warnings("coordinator=false\n", false, false)).as("nobody logs in to a worker").isEmpty();
    }

    @Test
    void testPlainHttpBesideAuthentication()
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED + "http-server.authentication.allow-insecure-over-http= TRUE\n", false, false)).singleElement().asString()
                .contains("allow-insecure-over-http=true", "plain HTTP");
    }

    @Test
    void testSystemPropertiesGoFirst()
            throws IOException
    {
        Properties system = systemProperties(file("config.properties", "coordinator=true\n"));
        system.setProperty("http-server.authentication.type", "JWT");
        assertThat(StartWarnings.of(ServerConfiguration.read(system), false, false)).isEmpty();
    }

    @Test
    void testCatalogWithoutDelegate()
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED, true, false)).singleElement().asString()
                .contains("immuta.delegate.config-file is not set", "immuta.immuta_user");
    }

    @Test
    void testOtherControlsThatSeeTheImpersonator()
            throws IOException
    {
        Path ours = file("ours.properties", "access-control.name=immuta\n");
        Path second = file("second.properties", "access-control.name = immuta\n");
        Path other = file("file.properties", "access-control.name=file\n");
        Path missing = directory.resolve("missing.properties");
        String alone = AUTHENTICATED + "access-control.config-files=%s,%s\n".formatted(ours, second);
        String beside = AUTHENTICATED + "access-control.config-files=%s, %s,%s\n".formatted(ours, other, missing);
        assertThat(warnings(alone, true, true)).isEmpty();
        assertThat(warnings(beside, true, true)).singleElement().asString()
                .contains(other.toString(), missing.toString(), "they see the impersonator", "immuta.delegate.config-file")
                .doesNotContain(ours.toString());
        assertThat(warnings(beside, false, true)).as("on the native path everybody sees the target").isEmpty();
    }

    private List<String> warnings(String config, boolean hasCatalog, boolean hasDelegate)
            throws IOException
    {
        return StartWarnings.of(ServerConfiguration.read(systemProperties(file("config.properties", config))), hasCatalog, hasDelegate);
    }

    private Path file(String name, String text)
            throws IOException
    {
        return Files.writeString(directory.resolve(name), text);
    }

    private static Properties systemProperties(Path config)
    {
        Properties properties = new Properties();
        properties.setProperty("config", config.toString());
        return properties;
    }
}
