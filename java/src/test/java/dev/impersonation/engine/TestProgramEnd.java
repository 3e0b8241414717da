package dev.impersonation.engine;

import dev.impersonation.testing.FakeImmuta;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.Writer;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

final class TestProgramEnd
{
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void testEngineThatAskedImmutaKeepsNoProgramAlive(boolean close)
            throws IOException, InterruptedException
    {
        try (FakeImmuta immuta = FakeImmuta.start(directory)) {
            Properties properties = new Properties();
            properties.putAll(immuta.properties());
            Path file = directory.resolve("engine.properties");
            try (Writer writer = Files.newBufferedWriter(file)) {
                properties.store(writer, null);
            }
            Path output = directory.resolve("output");
            Path reason = directory.resolve("reason");
            Process process = new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    "-Dimmuta.impersonation.library=" + System.getProperty("immuta.impersonation.library"),
                    ProgramThatJustEnds.class.getName(),
                    file.toString(),
                    String.valueOf(close),
                    reason.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(Redirect.to(output.toFile()))
                    .start();
            try {
                assertThat(process.waitFor(60, SECONDS)).describedAs("ends by itself").isTrue();
                assertThat(process.exitValue()).describedAs(Files.readString(output)).isZero();
                assertThat(Files.readString(reason)).isEqualTo("permission");
                assertThat(immuta.requests()).hasSize(2);
            }
            finally {
                process.destroyForcibly();
            }
        }
    }
}
