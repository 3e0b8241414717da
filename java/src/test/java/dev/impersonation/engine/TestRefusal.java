package dev.impersonation.engine;

import dev.impersonation.testing.TestingConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;

final class TestRefusal
{
    @TempDir
    Path directory;

    @Test
    void testRefusalOfTheShimIsRecordedAsADenial()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        try (Engine engine = Engine.open(configuration.properties())) {
            Decision refused = engine.refuse(new Request(PROPERTY, false, "svc", "alice", Optional.of("svc"), Optional.of("q1")));
            assertThat(refused.allowed()).isFalse();
            assertThat(refused.reason().name()).isEqualTo("not-enforceable");
            assertThat(engine.decisions(Optional.empty())).singleElement().satisfies(past -> assertThat(past.decision().allowed()).isFalse());
        }
        assertThat(Files.readAllLines(configuration.auditFile()).stream().filter(line -> line.contains("\"type\":\"decision\""))).singleElement().asString()
                .contains("\"decision\":\"deny\"", "\"reason\":\"not-enforceable\"", "\"impersonator\":\"svc\"", "\"target\":\"alice\"", "\"queryId\":\"q1\"");
    }
}
