package dev.impersonation.trino;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * Keeps what a class logs, and keeps it out of the test's output.
 */
final class CapturedLog
        extends Handler
        implements AutoCloseable
{
    private final Logger logger;
    private final Queue<LogRecord> records = new ConcurrentLinkedQueue<>();

    CapturedLog(Class<?> type)
    {
        logger = Logger.getLogger(type.getName());
        logger.setUseParentHandlers(false);
        logger.addHandler(this);
    }

    List<LogRecord> records()
    {
        return List.copyOf(records);
    }

    @Override
    public void publish(LogRecord record)
    {
        records.add(record);
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
