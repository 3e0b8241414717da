package dev.impersonation.engine;

import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static java.util.Objects.requireNonNull;

/**
 * Something that the engine wants the operator to read. The engine does not log by itself: none of its threads is known to the JVM.
 */
public record LogMessage(Level level, String text)
{
    public LogMessage
    {
        requireNonNull(level, "level is null");
        requireNonNull(text, "text is null");
    }

    public enum Level
    {
        INFO,
        WARNING,
        ERROR;

        static Level ofCode(int code)
        {
            Level[] levels = values();
            if (code >= levels.length) {
                throw new EngineException(INTERNAL, "The native library logs with the unknown level " + code);
            }
            return levels[code];
        }
    }
}
