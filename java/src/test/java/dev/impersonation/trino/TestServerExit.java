package dev.impersonation.trino;

import dev.impersonation.testing.TestingConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

final class TestServerExit
{
    @TempDir
    private Path directory;

    @Test
    void testAuditIsCompleteWithoutShutdown()
            throws IOException, InterruptedException
    {
        String library = System.getProperty("immuta.impersonation.library");
        Path output = directory.resolve("output");
        Process process = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "-Dimmuta.impersonation.library=" + library,
                ServerThatJustEnds.class.getName(),
                directory.toString())
                .redirectErrorStream(true)
                .redirectOutput(Redirect.to(output.toFile()))
                .start();
        assertThat(process.waitFor()).describedAs(Files.readString(output)).isZero();
        assertThat(Files.readAllLines(new TestingConfiguration(directory).auditFile()).stream().filter(line -> line.contains("\"decision\":\"allow\"")))
                .hasSize(ServerThatJustEnds.CHECKS);
    }
}
