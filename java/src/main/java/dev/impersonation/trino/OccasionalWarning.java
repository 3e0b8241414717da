package dev.impersonation.trino;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.logging.Level;
import java.util.logging.Logger;

import static java.util.Objects.requireNonNull;

/**
 * Warns at most once a minute, and then says how often it did not. What fails for one query fails for the next thousand as well.
 */
final class OccasionalWarning
{
    private static final Duration PAUSE = Duration.ofMinutes(1);

    private final Logger log;
    private final InstantSource clock;
    private Instant next = Instant.MIN;
    private long withheld;

    OccasionalWarning(Logger log, InstantSource clock)
    {
        this.log = requireNonNull(log, "log is null");
        this.clock = requireNonNull(clock, "clock is null");
    }

    /**
     * @param failure null if there is none
     */
    synchronized void log(String message, Throwable failure)
    {
        Instant now = clock.instant();
        if (now.isBefore(next)) {
            withheld++;
            return;
        }
        String text = message;
        if (withheld > 0) {
            text += " (%s more warnings since the last one)".formatted(withheld);
        }
        log.log(Level.WARNING, text, failure);
        withheld = 0;
        next = now.plus(PAUSE);
    }
}
