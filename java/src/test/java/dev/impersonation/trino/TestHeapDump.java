package dev.impersonation.trino;

import dev.impersonation.testing.FakeImmuta;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.Writer;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Where the API key is found by whoever gets at a heap dump of the server.
 */
final class TestHeapDump
{
    private static final String KEY = "immuta.apikey";

    @TempDir
    private Path directory;

    @Test
    void testKeyInAFileIsNotInTheHeap()
            throws IOException, InterruptedException
    {
        try (FakeImmuta immuta = FakeImmuta.start(directory)) {
            Map<String, String> properties = new HashMap<>(immuta.properties());
            String key = properties.remove(KEY);
            Path file = Files.writeString(directory.resolve("immuta.key"), key + "\n");
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            properties.put("immuta.apikey-file", file.toString());
            Path dump = dumpOf(properties);
            assertThat(holds(dump, file.toString())).describedAs("the file's name, for comparison").isTrue();
            assertThat(holds(dump, key)).isFalse();
            assertThat(immuta.requests()).isNotEmpty();
        }
    }

    /**
     * Whoever reads properties has them as strings, which the plugin cannot overwrite.
     */
    @Test
    void testKeyInAPropertyIsInTheHeap()
            throws IOException, InterruptedException
    {
        try (FakeImmuta immuta = FakeImmuta.start(directory)) {
            Map<String, String> properties = immuta.properties();
            assertThat(holds(dumpOf(properties), properties.get(KEY))).isTrue();
        }
    }

    private Path dumpOf(Map<String, String> properties)
            throws IOException, InterruptedException
    {
        Properties written = new Properties();
        written.putAll(properties);
        Path file = directory.resolve("control.properties");
        try (Writer writer = Files.newBufferedWriter(file)) {
            written.store(writer, null);
        }
        Path dump = directory.resolve("heap.hprof");
        Path output = directory.resolve("output");
        Process process = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dimmuta.impersonation.library=" + System.getProperty("immuta.impersonation.library"),
                ServerThatDumpsItsHeap.class.getName(),
                file.toString(),
                dump.toString())
                .redirectErrorStream(true)
                .redirectOutput(Redirect.to(output.toFile()))
                .start();
        assertThat(process.waitFor()).describedAs(Files.readString(output)).isZero();
        return dump;
    }

    private static boolean holds(Path file, String text)
            throws IOException
    {
        // One character for each byte, whatever the bytes are.
        String bytes = Files.readString(file, ISO_8859_1);
        for (Charset charset : List.of(ISO_8859_1, UTF_16BE, UTF_16LE)) {
            if (bytes.contains(new String(text.getBytes(charset), ISO_8859_1))) {
                return true;
            }
        }
        return false;
    }
}
