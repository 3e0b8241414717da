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

    BindingListener(PropertyPath path)
    {
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
        }
        catch (Throwable e) {
            path.queryFailed(queryId, e);
        }
    }

    @Override
    public void queryCompleted(QueryCompletedEvent event)
    {
        try {
            path.queryCompleted(event.getMetadata().getQueryId());
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
