package dev.impersonation.engine;

import java.time.Instant;
import java.util.Optional;

import static java.time.temporal.ChronoUnit.MICROS;
import static java.util.Objects.requireNonNull;

/**
 * A decision that the engine made.
 *
 * @param queryId the query for which it was made, where there was one already
 */
public record PastDecision(
        Instant time,
        Decision decision,
        Request.Path path,
        String impersonator,
        String target,
        Optional<String> principal,
        Optional<String> queryId)
{
    public PastDecision
    {
        requireNonNull(time, "time is null");
        requireNonNull(decision, "decision is null");
        requireNonNull(path, "path is null");
        requireNonNull(impersonator, "impersonator is null");
        requireNonNull(target, "target is null");
        requireNonNull(principal, "principal is null");
        requireNonNull(queryId, "queryId is null");
    }

    static PastDecision read(MessageReader reader, DecisionCatalogue catalogue)
    {
        return new PastDecision(
                Instant.EPOCH.plus(reader.readLong(), MICROS),
                catalogue.decision(reader.readInt()),
                Request.Path.ofCode(reader.readByte()),
                reader.readString(),
                reader.readString(),
                reader.readOptionalString(),
                reader.readOptionalString());
    }
}
