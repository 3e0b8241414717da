package dev.impersonation.trino;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

import static java.util.Objects.requireNonNull;

/**
 * What the server's own properties say. Trino hands a control nothing but the control's file, so the server's are read where Airlift reads them: in the file that the
 * system property {@code config} names, and in system properties, which go first.
 */
final class ServerConfiguration
{
    private static final String CONTROLS = "access-control.config-files";

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
                .flatMap(ServerConfiguration::readFile)
                .map(file -> new ServerConfiguration(file, system));
    }

    Optional<String> get(String name)
    {
        return Optional.ofNullable(system.getProperty(name))
                .or(() -> Optional.ofNullable(file.getProperty(name)))
                .map(String::trim);
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
        return readFile(controlFile)
                .map(properties -> properties.getProperty(DelegateLoader.NAME_PROPERTY, "").trim())
                .filter(ImpersonationAccessControlFactory.NAME::equals)
                .isPresent();
    }

    private static Optional<Properties> readFile(String name)
    {
        try {
            return Optional.of(DelegateConfig.load(Path.of(name)));
        }
        catch (IOException | IllegalArgumentException e) {
            // An invalid path or escape is among them. Whether the server can start with it is for the server to say.
            return Optional.empty();
        }
    }
}
