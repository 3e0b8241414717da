package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.LogMessage;

import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

/**
 * Carries what the engine has to say into the server's log. Nothing that goes wrong with one message keeps the next from being logged.
 */
final class EngineLogPump
        implements AutoCloseable
{
    private static final Logger log = Logger.getLogger(EngineLogPump.class.getName());

    private final Supplier<List<LogMessage>> messages;
    private final ScheduledExecutorService executor;

    /**
     * The first messages are logged before this returns, so that a warning about the configuration stands where the operator looks for it.
     */
    EngineLogPump(Engine engine)
    {
        this(requireNonNull(engine, "engine is null")::drainLog, Duration.ofSeconds(1));
    }

    EngineLogPump(Supplier<List<LogMessage>> messages, Duration interval)
    {
        this.messages = requireNonNull(messages, "messages is null");
        drain();
        executor = Executors.newSingleThreadScheduledExecutor(runnable -> {
            Thread thread = new Thread(runnable, "immuta-impersonation-log");
            thread.setDaemon(true);
            return thread;
        });
        executor.scheduleWithFixedDelay(this::drain, interval.toMillis(), interval.toMillis(), MILLISECONDS);
    }

    @Override
    public void close()
    {
        executor.shutdownNow();
        drain();
    }

    /**
     * As {@link #close}, while the JVM ends, which may have closed the server's log already. So what matters goes here as well.
     */
    void closeAtExit(PrintStream lastResort)
    {
        executor.shutdownNow();
        for (LogMessage message : drain()) {
            if (message.level() != LogMessage.Level.INFO) {
                lastResort.printf("impersonation engine: %s%n", message.text());
            }
        }
    }

    private synchronized List<LogMessage> drain()
    {
        List<LogMessage> drained = List.of();
        try {
            // Where the engine cannot even throw, there is nothing.
            drained = requireNonNull(messages.get(), "messages is null");
        }
        catch (Throwable t) {
            log(Level.WARNING, "The messages of the impersonation engine cannot be read", t);
        }
        for (LogMessage message : drained) {
            log(level(message.level()), message.text(), null);
        }
        return drained;
    }

    /**
     * Also errors are caught: the executor drops a task that throws, and the engine would be silent until the server is started again.
     */
    private static void log(Level level, String text, Throwable thrown)
    {
        try {
            log.log(level, text, thrown);
        }
        catch (Throwable t) {
            // The server's log itself does not work, so there is nowhere to say it.
        }
    }

    private static Level level(LogMessage.Level level)
    {
        return switch (level) {
            case INFO -> Level.INFO;
            case WARNING -> Level.WARNING;
            case ERROR -> Level.SEVERE;
        };
    }
}
