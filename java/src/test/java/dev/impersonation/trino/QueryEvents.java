package dev.impersonation.trino;

import io.trino.spi.eventlistener.QueryContext;
import io.trino.spi.eventlistener.QueryCreatedEvent;
import io.trino.spi.eventlistener.QueryMetadata;
import io.trino.spi.session.ResourceEstimates;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The events by which Trino tells of a query.
 */
final class QueryEvents
{
    private QueryEvents() {}

    static QueryCreatedEvent created(String queryId, String user, Map<String, String> properties)
    {
        return created(queryId, user, user, properties);
    }

    static QueryCreatedEvent created(String queryId, String user, String originalUser, Map<String, String> properties)
    {
        return new QueryCreatedEvent(Instant.EPOCH, context(user, originalUser, properties), metadata(queryId));
    }

    private static QueryContext context(String user, String originalUser, Map<String, String> properties)
    {
        return new QueryContext(
                user,
                originalUser,
                Optional.of(user),
                Set.of(),
                Set.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Set.of(),
                Set.of(),
                Optional.empty(),
                "UTC",
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                properties,
                new ResourceEstimates(Optional.empty(), Optional.empty(), Optional.empty()),
                "localhost",
                "test",
                "test",
                Optional.empty(),
                "NONE");
    }

    private static QueryMetadata metadata(String queryId)
    {
        return new QueryMetadata(
                queryId,
                Optional.empty(),
                "SELECT 1",
                Optional.empty(),
                Optional.empty(),
                "QUEUED",
                List.of(),
                List.of(),
                URI.create("http://localhost"),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }
}
