package dev.impersonation.engine;

import dev.impersonation.testing.TestingConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

/**
 * The end of an engine, and an audit file that hangs.
 */
final class TestEngineEnd
{
    private static final Request SVC_AS_BOB = new Request(NATIVE, false, "svc", "bob", Optional.of("svc"));

    @TempDir
    private Path directory;

    @Test
    void testCloseWritesEveryAuditLine()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        try (Engine engine = Engine.open(configuration.properties())) {
            for (int index = 0; index < 5_000; index++) {
                engine.check(SVC_AS_BOB);
            }
        }
        assertThat(Files.readAllLines(configuration.auditFile()).stream().filter(line -> line.contains("\"decision\":\"allow\""))).hasSize(5_000);
    }

    @Test
    void testClosingWhileOthersCheck()
            throws Exception
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        ExecutorService executor = Executors.newFixedThreadPool(4);
        long allowed = 0;
        try {
            for (int round = 0; round < 20; round++) {
                Engine engine = Engine.open(configuration.properties());
                CountDownLatch running = new CountDownLatch(1_000);
                List<Future<Long>> checkers = new ArrayList<>();
                for (int thread = 0; thread < 4; thread++) {
                    checkers.add(executor.submit(() -> checkUntilClosed(engine, running)));
                }
                running.await();
                engine.close();
                // Of who was let in, before anybody has been asked how often that was.
                long recorded = allowLines(configuration);
                for (Future<Long> checker : checkers) {
                    allowed += checker.get();
                }
                assertThat(recorded).isEqualTo(allowed);
            }
        }
        finally {
            executor.shutdownNow();
        }
        assertThat(allowLines(configuration)).isEqualTo(allowed);
    }

    private static long allowLines(TestingConfiguration configuration)
            throws IOException
    {
        try (Stream<String> lines = Files.lines(configuration.auditFile())) {
            return lines.filter(line -> line.contains("\"decision\":\"allow\"")).count();
        }
    }

    private static long checkUntilClosed(Engine engine, CountDownLatch running)
    {
        long allowed = 0;
        try {
            while (true) {
                Decision decision = engine.check(SVC_AS_BOB);
                if (decision.allowed()) {
                    allowed++;
                }
                else {
                    // Decided while the engine was closing.
                    assertThat(decision.reason().name()).isEqualTo("audit-unavailable");
                }
                running.countDown();
            }
        }
        catch (EngineException e) {
            assertThat(e.getCode()).isEqualTo(CLOSED);
            return allowed;
        }
        finally {
            // A checker that fails must not leave the test waiting for it.
            running.countDown();
        }
    }

    @Test
    void testAuditFileThatHangsHoldsNobodyAndEndsWithTheEngine()
            throws Exception
    {
        Path pipe = directory.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
        // Held open, and never read.
        try (RandomAccessFile held = new RandomAccessFile(pipe.toFile(), "rw")) {
            assertThat(held.getFD().valid()).isTrue();
            Engine engine = Engine.open(new TestingConfiguration(directory).with("immuta.impersonation.audit.file", pipe.toString()).properties());
            assertTimeoutPreemptively(Duration.ofSeconds(120), () -> {
                for (int index = 0; index < 20_000; index++) {
                    engine.check(SVC_AS_BOB);
                }
                assertThat(engine.check(SVC_AS_BOB).reason().name()).isEqualTo("audit-unavailable");
                assertThat(engine.metrics()).containsEntry("audit_failing", 1L);
                assertThat(engine.drainLog()).anySatisfy(message -> assertThat(message.text()).contains("the file system has not answered"));
                engine.close();
                assertThat(engine.drainLog()).anySatisfy(message -> assertThat(message.text()).contains("were not written"));
            });
        }
    }
}
