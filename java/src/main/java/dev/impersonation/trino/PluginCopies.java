package dev.impersonation.trino;

import java.io.File;
import java.io.FileFilter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static java.util.Objects.requireNonNull;

/**
 * Stops the start of a server that has this plugin twice. With one copy in each of two folders Trino would only say that a name is taken;
 * with two jars in one folder, as after a zip that was unpacked over an older one, it would run the one whose name comes first.
 */
final class PluginCopies
{
    private static final Pattern JAR_NAME = Pattern.compile("immuta-impersonation-.*\\.jar");

    private PluginCopies() {}

    static void refuseOthers()
    {
        CodeSource source = PluginCopies.class.getProtectionDomain().getCodeSource();
        if (source == null) {
            return;
        }
        Path location;
        try {
            location = Path.of(source.getLocation().toURI());
        }
        catch (URISyntaxException | RuntimeException e) {
            // Then the server found us in no plugin directory.
            return;
        }
        if (Files.isRegularFile(location)) {
            refuseOthers(location);
        }
    }

    static void refuseOthers(Path ownJar)
    {
        requireNonNull(ownJar, "ownJar is null");
        Path plugins = ownJar.toAbsolutePath().getParent().getParent();
        if (plugins == null) {
            return;
        }
        List<String> jars = list(plugins.toFile(), File::isDirectory)
                .flatMap(folder -> list(folder, file -> JAR_NAME.matcher(file.getName()).matches()))
                .map(File::getPath)
                .sorted()
                .toList();
        if (jars.size() > 1) {
            throw new IllegalStateException("The plugin is installed more than once: %s. Stop the server, delete all but one of them, and start it again"
                    .formatted(String.join(" and ", jars)));
        }
    }

    /**
     * A folder that cannot be listed has no plugin that the server could load.
     */
    private static Stream<File> list(File folder, FileFilter filter)
    {
        return Stream.ofNullable(folder.listFiles(filter)).flatMap(Arrays::stream);
    }
}
