package dev.impersonation.trino;

import dev.impersonation.engine.LogMessage;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

import static dev.impersonation.engine.LogMessage.Level.ERROR;
import static dev.impersonation.engine.LogMessage.Level.INFO;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

final class TestEngineLogPump
{
    private static final Duration INTERVAL = Duration.ofMillis(10);

    @Test
    void testHandlerThatThrowsSilencesNothing()
            throws Exception
    {
        for (Throwable thrown : List.of(new IllegalStateException("on request"), new OutOfMemoryError("on request"))) {
            BlockingQueue<LogMessage> messages = new LinkedBlockingQueue<>();
            try (ThrowingHandler log = new ThrowingHandler(thrown, "bad"); EngineLogPump pump = new EngineLogPump(() -> drain(messages), INTERVAL)) {
                assertThat(pump).isNotNull();
                for (String text : List.of("first", "bad", "next to it", "bad", "last")) {
                    messages.add(new LogMessage(ERROR, text));
                }
                assertThat(log.next()).isEqualTo("first");
                assertThat(log.next()).isEqualTo("next to it");
                assertThat(log.next()).isEqualTo("last");
                // A later run of the pump.
                messages.add(new LogMessage(ERROR, "later"));
                assertThat(log.next()).isEqualTo("later");
            }
        }
    }

    @Test
    void testEngineThatThrowsOrGivesNothingSilencesNothingElse()
            throws Exception
    {
        BlockingQueue<Supplier<List<LogMessage>>> answers = new LinkedBlockingQueue<>(List.of(
                List::of,
                () -> {
                    throw new OutOfMemoryError("on request");
                },
                () -> null,
                () -> List.of(new LogMessage(ERROR, "later"))));
        try (ThrowingHandler log = new ThrowingHandler(new IllegalStateException(), "bad");
                EngineLogPump pump = new EngineLogPump(() -> answers.isEmpty() ? List.of() : answers.remove().get(), INTERVAL)) {
            assertThat(pump).isNotNull();
            assertThat(log.next()).contains("cannot be read");
            assertThat(log.next()).contains("cannot be read");
            assertThat(log.next()).isEqualTo("later");
        }
    }

    @Test
    void testWhatMattersIsSaidThoughTheJvmHasClosedTheLog()
    {
        BlockingQueue<LogMessage> messages = new LinkedBlockingQueue<>();
        ByteArrayOutputStream lastResort = new ByteArrayOutputStream();
        try (ThrowingHandler log = new ThrowingHandler(new IllegalStateException("closed"), "lines are lost")) {
            EngineLogPump pump = new EngineLogPump(() -> drain(messages), Duration.ofHours(1));
            messages.add(new LogMessage(INFO, "reloaded"));
            messages.add(new LogMessage(ERROR, "lines are lost"));
            pump.closeAtExit(new PrintStream(lastResort, true, UTF_8));
            assertThat(log.texts).containsExactly("reloaded");
        }
        assertThat(lastResort.toString(UTF_8)).isEqualTo("impersonation engine: lines are lost%n".formatted());
    }

    private static List<LogMessage> drain(BlockingQueue<LogMessage> messages)
    {
        LinkedBlockingQueue<LogMessage> drained = new LinkedBlockingQueue<>();
        messages.drainTo(drained);
        return List.copyOf(drained);
    }

    /**
     * The log of the pump, which breaks on one text.
     */
    private static final class ThrowingHandler
            extends Handler
            implements AutoCloseable
    {
        private final Logger logger = Logger.getLogger(EngineLogPump.class.getName());
        private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();
        private final Throwable thrown;
        private final String bad;

        private ThrowingHandler(Throwable thrown, String bad)
        {
            this.thrown = thrown;
            this.bad = bad;
            logger.setUseParentHandlers(false);
            logger.addHandler(this);
        }

        private String next()
                throws InterruptedException
        {
            return texts.poll(60, SECONDS);
        }

        @Override
        public void publish(LogRecord record)
        {
            if (record.getMessage().equals(bad)) {
                if (thrown instanceof Error error) {
                    throw error;
                }
                throw (RuntimeException) thrown;
            }
            texts.add(record.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close()
        {
            logger.removeHandler(this);
            logger.setUseParentHandlers(true);
        }
    }
}
