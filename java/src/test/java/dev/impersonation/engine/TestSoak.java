package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The small sister of {@code ./dev test soak}.
 */
final class TestSoak
{
    private static final long SEED = 20_261_125;

    @TempDir
    private Path directory;

    @Test
    void testNoWrongAnswerWhateverHappensMeanwhile(TestReporter reporter)
            throws Exception
    {
        reporter.publishEntry("seed", String.valueOf(SEED));
        try (Soak soak = new Soak(directory, SEED)) {
            soak.run(200_000);
            assertThat(soak.reasons()).containsOnlyKeys(
                    "admin-user",
                    "chained",
                    "invalid-name",
                    "lookup-unavailable",
                    "no-permission",
                    "out-of-scope",
                    "permission",
                    "protected-target",
                    "self",
                    "target-disabled",
                    "unknown-target",
                    "unknown-user",
                    "user-disabled");
        }
    }
}
