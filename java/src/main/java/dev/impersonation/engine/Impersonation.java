package dev.impersonation.engine;

import dev.impersonation.engine.Request.Path;

import java.time.Instant;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * An impersonation that the engine allowed.
 *
 * @param decided when the answer was there, as the audit file has it; the epoch where decisions are not recorded
 */
public record Impersonation(Path path, Reason reason, Instant decided, String impersonator, String target, Optional<String> principal)
{
    public Impersonation
    {
        requireNonNull(path, "path is null");
        requireNonNull(reason, "reason is null");
        requireNonNull(decided, "decided is null");
        requireNonNull(impersonator, "impersonator is null");
        requireNonNull(target, "target is null");
        requireNonNull(principal, "principal is null");
    }
}
