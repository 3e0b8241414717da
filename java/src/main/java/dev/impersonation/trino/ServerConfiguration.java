package dev.impersonation.trino;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static java.util.Objects.requireNonNull;

/**
 * What the server's own properties say. Trino hands a control nothing but the control's file, so the server's are read where Airlift reads them: in the file that the
 * system property {@code config} names, and in system properties, which go first.
 */
final class ServerConfiguration
{
    private static final String CONTROLS = "access-control.config-files";
    private static final String CATALOGS = "catalog.config-dir";
    /** Where Trino looks for it, wherever its other files are. */
    static final String GROUP_PROVIDER = "etc/group-provider.properties";
    private static final String GROUP_PROVIDER_NAME = "group-provider.name";

    private final Properties file;
    private final Properties system;

    private ServerConfiguration(Properties file, Properties system)
    {
        this.file = requireNonNull(file, "file is null");
        this.system = requireNonNull(system, "system is null");
    }

    /**
     * @return empty where the properties cannot be read, as in a server that somebody embeds
     */
    static Optional<ServerConfiguration> read(Properties system)
    {
        return Optional.ofNullable(system.getProperty("config"))
                .flatMap(ServerConfiguration::readNamed)
                .map(file -> new ServerConfiguration(file, system));
    }

    Optional<String> get(String name)
    {
        return Optional.ofNullable(system.getProperty(name))
                .or(() -> Optional.ofNullable(file.getProperty(name)))
                .map(String::trim);
    }

    /**
     * The properties whose names match the whole pattern, in order.
     */
    SortedMap<String, String> matching(Pattern name)
    {
        return matching(name, file, system);
    }

    /**
     * Whether Trino has groups of its own, and not through this plugin.
     */
    boolean hasGroupProvider()
    {
        return readFile(resolve(GROUP_PROVIDER))
                .map(properties -> properties.getProperty(GROUP_PROVIDER_NAME, "").trim())
                .filter(name -> !name.isEmpty() && !name.equals(ImpersonationAccessControlFactory.NAME))
                .isPresent();
    }

    /**
     * The properties of each catalog file that match the whole pattern, by the name of the file.
     */
    SortedMap<String, SortedMap<String, String>> ofCatalogs(Pattern name)
    {
        SortedMap<String, SortedMap<String, String>> found = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(resolve(get(CATALOGS).orElse("etc/catalog")), "*.properties")) {
            for (Path catalog : files) {
                readFile(catalog).map(properties -> matching(name, properties)).ifPresent(properties -> found.put(catalog.getFileName().toString(), properties));
            }
        }
        catch (IOException | DirectoryIteratorException | InvalidPathException e) {
            // A server with dynamic catalogs may have no such folder.
            return new TreeMap<>();
        }
        return found;
    }

    private Path resolve(String name)
    {
        return Path.of(system.getProperty("user.dir", "")).resolve(name);
    }

    private static SortedMap<String, String> matching(Pattern name, Properties... sources)
    {
        SortedMap<String, String> found = new TreeMap<>();
        for (Properties source : sources) {
            for (String property : source.stringPropertyNames()) {
                if (name.matcher(property).matches()) {
                    found.put(property, source.getProperty(property).trim());
                }
            }
        }
        return found;
    }

    /**
     * The files of the access controls beside those of this plugin.
     */
    List<String> otherControls()
    {
        return get(CONTROLS).stream()
                .flatMap(files -> Stream.of(files.split(",")))
                .map(String::trim)
                .filter(name -> !name.isEmpty() && !isOurs(name))
                .toList();
    }

    private static boolean isOurs(String controlFile)
    {
        return readNamed(controlFile)
                .map(properties -> properties.getProperty(DelegateLoader.NAME_PROPERTY, "").trim())
                .filter(ImpersonationAccessControlFactory.NAME::equals)
                .isPresent();
    }

    private static Optional<Properties> readNamed(String name)
    {
        try {
            return readFile(Path.of(name));
        }
        catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    private static Optional<Properties> readFile(Path file)
    {
        try {
            return Optional.of(DelegateConfig.load(file));
        }
        catch (IOException | IllegalArgumentException e) {
            // An invalid escape is among them. Whether the server can start with it is for the server to say.
            return Optional.empty();
        }
    }
}
