package dev.impersonation.trino;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestPluginCopies
{
    @TempDir
    private Path plugins;

    @Test
    void testOneCopyAmongOtherPlugins()
            throws IOException
    {
        Path own = jar("immuta-impersonation/immuta-impersonation-0.1.0.jar");
        jar("opa/trino-opa-476.jar");
        jar("hive/hdfs/immuta-impersonation-0.1.0.jar");
        jar("immuta-impersonation-0.1.0.jar");
        PluginCopies.refuseOthers(own);
    }

    @Test
    void testCopyInAnotherFolder()
            throws IOException
    {
        Path own = jar("immuta-impersonation/immuta-impersonation-0.1.0.jar");
        Path other = jar("immuta-old/immuta-impersonation-0.1.0.jar");
        assertRefused(own, own, other);
        assertRefused(other, own, other);
    }

    @Test
    void testZipUnpackedOverAnOlderOne()
            throws IOException
    {
        Path old = jar("immuta-impersonation/immuta-impersonation-0.1.0.jar");
        Path current = jar("immuta-impersonation/immuta-impersonation-0.2.0.jar");
        assertRefused(old, old, current);
    }

    private Path jar(String name)
            throws IOException
    {
        Path jar = plugins.resolve(name);
        Files.createDirectories(jar.getParent());
        return Files.createFile(jar);
    }

    private static void assertRefused(Path own, Path first, Path second)
    {
        assertThatThrownBy(() -> PluginCopies.refuseOthers(own))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("The plugin is installed more than once: %s and %s. Stop the server, delete all but one of them, and start it again".formatted(first, second));
    }
}
