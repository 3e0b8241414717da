package dev.impersonation.engine;

import java.time.Instant;

import static java.time.temporal.ChronoUnit.MICROS;
import static java.util.Objects.requireNonNull;

/**
 * What the engine decided.
 *
 * @param micros when, in microseconds since 1970, as the audit file has it; zero where decisions are not recorded
 */
public record Decision(boolean allowed, Reason reason, long micros)
{
    public Decision
    {
        requireNonNull(reason, "reason is null");
    }

    /**
     * A decision that is not recorded.
     */
    public Decision(boolean allowed, Reason reason)
    {
        this(allowed, reason, 0);
    }

    public Instant time()
    {
        return Instant.EPOCH.plus(micros, MICROS);
    }
}
