package dev.impersonation.trino;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
        assertThat(StartWarnings.of(Optional.empty(), true, true, false)).isEmpty();
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
        assertThat(StartWarnings.of(ServerConfiguration.read(system), false, false, false)).isEmpty();
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

    @ParameterizedTest
    @ValueSource(strings = {
            "http-server.authentication.password.user-mapping.pattern",
            "http-server.authentication.password.user-mapping.file",
            "http-server.authentication.jwt.user-mapping.pattern",
            "http-server.authentication.oauth2.user-mapping.file",
            "http-server.authentication.certificate.user-mapping.pattern",
            "http-server.authentication.krb5.user-mapping.pattern",
            "http-server.authentication.header.user-mapping.file",
            "http-server.authentication.insecure.user-mapping.pattern",
    })
    void testMappedLogins(String property)
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED + property + "=(.*)@example\\\\.com\n", false, false)).singleElement().asString()
                .startsWith(property + ": ")
                .contains("sessionUser=alice", "--session-user alice")
                .doesNotContain("grant");
        assertThat(warnings("coordinator=false\n" + property + "=(.*)\n", false, false)).as("nobody logs in to a worker").isEmpty();
    }

    @Test
    void testGroupsThatThePluginIsNotToldOf()
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED, true, true, false)).isEmpty();
        file("etc/group-provider.properties", "group-provider.name=ldap\n");
        assertThat(warnings(AUTHENTICATED, true, true, false)).singleElement().asString()
                .startsWith("etc/group-provider.properties gives Trino's users groups that this plugin is not told of")
                .contains("immuta.group-file");
        assertThat(warnings(AUTHENTICATED, true, true, true)).as("the plugin has groups").isEmpty();
        assertThat(warnings(AUTHENTICATED, false, true, false)).as("on the native path Trino gives its own").isEmpty();
        file("etc/group-provider.properties", "group-provider.name = immuta\n");
        assertThat(warnings(AUTHENTICATED, true, true, false)).as("they are the plugin's").isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "deprecated.http-server.authentication.oauth2.groups-field",
            "http-server.authentication.oauth2.groups-field",
    })
    void testGroupsOfTokens(String property)
            throws IOException
    {
        assertThat(warnings(AUTHENTICATED + property + "=groups\n", false, false)).singleElement().asString()
                .startsWith(property + ": Trino keeps the groups of a service account's token");
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "hive.metastore.thrift.impersonation.enabled=true",
            "hive.hdfs.impersonation.enabled= TRUE",
            "oracle.impersonation.enabled=true",
            "iceberg.rest-catalog.session=USER",
            "iceberg.rest-catalog.session=user",
    })
    void testCatalogsThatPassTheUserOn(String property)
            throws IOException
    {
        file("etc/catalog/lake.properties", "connector.name=hive\n" + property + "\n");
        file("etc/catalog/immuta.properties", "connector.name=immuta\n");
        assertThat(warnings(AUTHENTICATED, true, true)).singleElement().asString()
                .startsWith("the catalog file lake.properties: " + property.split("=")[0] + "=")
                .contains("that is the impersonator and not the target");
        assertThat(warnings(AUTHENTICATED, false, true)).as("on the native path it is the target").isEmpty();
        Files.move(directory.resolve("etc/catalog"), directory.resolve("catalogs"));
        assertThat(warnings(AUTHENTICATED + "catalog.config-dir=catalogs\n", true, true)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "hive.metastore.thrift.impersonation.enabled=false",
            "iceberg.rest-catalog.session=NONE",
            "hive.metastore.thrift.impersonation.enabled-for=true",
            "broken=\\\\u12",
    })
    void testOtherCatalogsAreNotWarnedOf(String property)
            throws IOException
    {
        file("etc/catalog/lake.properties", property + "\n");
        file("etc/catalog/notes.txt", "hive.hdfs.impersonation.enabled=true\n");
        assertThat(warnings(AUTHENTICATED, true, true)).isEmpty();
    }

    private List<String> warnings(String config, boolean hasCatalog, boolean hasDelegate)
            throws IOException
    {
        return warnings(config, hasCatalog, hasDelegate, true);
    }

    private List<String> warnings(String config, boolean hasCatalog, boolean hasDelegate, boolean hasGroups)
            throws IOException
    {
        Properties system = systemProperties(file("config.properties", config));
        system.setProperty("user.dir", directory.toString());
        return StartWarnings.of(ServerConfiguration.read(system), hasCatalog, hasDelegate, hasGroups);
    }

    private Path file(String name, String text)
            throws IOException
    {
        Path file = directory.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private static Properties systemProperties(Path config)
    {
        Properties properties = new Properties();
        properties.setProperty("config", config.toString());
        return properties;
    }
}
