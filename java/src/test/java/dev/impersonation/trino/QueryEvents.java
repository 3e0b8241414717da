package dev.impersonation.trino;

import io.trino.spi.ErrorCode;
import io.trino.spi.connector.CatalogHandle.CatalogVersion;
import io.trino.spi.eventlistener.QueryCompletedEvent;
import io.trino.spi.eventlistener.QueryContext;
import io.trino.spi.eventlistener.QueryCreatedEvent;
import io.trino.spi.eventlistener.QueryFailureInfo;
import io.trino.spi.eventlistener.QueryIOMetadata;
import io.trino.spi.eventlistener.QueryInputMetadata;
import io.trino.spi.eventlistener.QueryMetadata;
import io.trino.spi.eventlistener.QueryOutputMetadata;
import io.trino.spi.eventlistener.QueryStatistics;
import io.trino.spi.eventlistener.TableInfo;
import io.trino.spi.metrics.Metrics;
import io.trino.spi.session.ResourceEstimates;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
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
        return created(queryId, "SELECT 1", user, originalUser, properties);
    }

    static QueryCreatedEvent created(String queryId, String statement, String user, String originalUser, Map<String, String> properties)
    {
        return new QueryCreatedEvent(Instant.EPOCH, context(user, originalUser, properties), metadata(queryId, statement, "QUEUED", List.of()));
    }

    /**
     * Of a query that read {@code tpch.tiny.nation} through a view and wrote {@code memory.default.copy}.
     */
    static QueryCompletedEvent completed(String queryId, String user, Optional<ErrorCode> error)
    {
        QueryMetadata metadata = metadata(queryId, "SELECT 1", error.isPresent() ? "FAILED" : "FINISHED", List.of(
                new TableInfo("memory", "default", "view", "owner", List.of(), List.of(), true),
                new TableInfo("tpch", "tiny", "nation", "owner", List.of(), List.of(), false)));
        QueryIOMetadata ioMetadata = new QueryIOMetadata(
                List.of(new QueryInputMetadata(
                        "tpch", new CatalogVersion("1"), "tiny", "nation", List.of(), Optional.empty(), Metrics.EMPTY, OptionalLong.empty(), OptionalLong.empty())),
                Optional.of(new QueryOutputMetadata(
                        "memory", new CatalogVersion("1"), "default", "copy", Optional.empty(), Optional.empty(), Optional.empty())));
        return new QueryCompletedEvent(
                metadata,
                statistics(),
                context(user, user, Map.of()),
                ioMetadata,
                error.map(code -> new QueryFailureInfo(code, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), "{}")),
                List.of(),
                Instant.EPOCH,
                Instant.EPOCH,
                Instant.EPOCH.plusMillis(1500));
    }

    private static QueryStatistics statistics()
    {
        Duration zero = Duration.ZERO;
        Optional<Duration> none = Optional.empty();
        return new QueryStatistics(
                zero, zero, zero, zero, none, none, none, none, none, none, none, none, none, none, none, none,
                // Peaks, then bytes and rows: of physical input, processed input, the network, in all, output, written, spilled.
                0, 0, 0, 250, 25, 0, 0, 0, 0, 0, 0, 30, 3, 70, 7, 0,
                0, 0, List.of(), 0, true, List.of(), List.of(), List.of(), List.of(), Optional.empty());
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

    private static QueryMetadata metadata(String queryId, String statement, String state, List<TableInfo> tables)
    {
        return new QueryMetadata(
                queryId,
                Optional.empty(),
                statement,
                Optional.empty(),
                Optional.empty(),
                state,
                tables,
                List.of(),
                URI.create("http://localhost"),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
    }
}
