package dev.impersonation.trino;

import dev.impersonation.engine.Engine;
import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.LogMessage;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.logging.Level;
import java.util.logging.Logger;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;

/**
 * Carries what the engine has to say into the server's log.
 */
final class EngineLogPump
        implements AutoCloseable
{
    private static final Logger log = Logger.getLogger(EngineLogPump.class.getName());

    private final Engine engine;
    private final ScheduledExecutorService executor;

    /**
     * The first messages are logged before this returns, so that a warning about the configuration stands where the operator looks for it.
     */
    EngineLogPump(Engine engine)
    {
        this.engine = requireNonNull(engine, "engine is null");
        drain();
        executor = Executors.newSingleThreadScheduledExecutor(runnable -> {
            Thread thread = new Thread(runnable, "immuta-impersonation-log");
            thread.setDaemon(true);
            return thread;
        });
        executor.scheduleWithFixedDelay(this::drain, 1, 1, SECONDS);
    }

    @Override
    public void close()
    {
        executor.shutdownNow();
        drain();
    }

    private synchronized void drain()
    {
        try {
            for (LogMessage message : engine.drainLog()) {
                log.log(level(message.level()), message.text());
            }
        }
        catch (EngineException e) {
            // A failing log must not end the pump: the executor drops a task that throws.
            log.log(Level.WARNING, "The messages of the impersonation engine cannot be read", e);
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
