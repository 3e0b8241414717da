package dev.impersonation.trino;

import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.eventlistener.QueryCompletedEvent;
import io.trino.spi.eventlistener.QueryContext;
import io.trino.spi.eventlistener.QueryCreatedEvent;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Learns what a query's session properties are. Trino tells its listeners of a query before it begins to analyze it, on purpose, and has merged headers, defaults and
 * {@code WITH SESSION} by then. It logs what a listener throws and goes on, so a failure must be kept instead.
 */
final class BindingListener
        implements EventListener
{
    private final PropertyPath path;
    private final PropertyCatalog catalog;

    BindingListener(PropertyPath path, PropertyCatalog catalog)
    {
        this.catalog = requireNonNull(catalog, "catalog is null");
        this.path = requireNonNull(path, "path is null");
    }

    @Override
    public void queryCreated(QueryCreatedEvent event)
    {
        String queryId = null;
        try {
            queryId = event.getMetadata().getQueryId();
            QueryContext context = event.getContext();
            Optional<String> target = Optional.ofNullable(context.getSessionProperties().get(ImmutaCatalog.QUALIFIED_PROPERTY));
            path.queryCreated(queryId, context.getUser(), originalUser(context), target);
            catalog.queryCreated(queryId, event.getMetadata().getQuery());
        }
        catch (Throwable e) {
            path.queryFailed(queryId, e);
        }
    }

    @Override
    public void queryCompleted(QueryCompletedEvent event)
    {
        try {
            String queryId = event.getMetadata().getQueryId();
            path.queryCompleted(queryId);
            catalog.queryCompleted(queryId, event.getFailureInfo().isEmpty());
        }
        catch (Throwable e) {
            path.completionFailed(e);
        }
    }

    private static String originalUser(QueryContext context)
    {
        try {
            return context.getOriginalUser();
        }
        catch (NoSuchMethodError e) {
            // Before 426 nobody could have been another user first.
            return context.getUser();
        }
    }
}
