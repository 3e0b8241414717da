package dev.impersonation.trino;

import dev.impersonation.engine.EndedQuery;
import dev.impersonation.engine.EndedQuery.Amount;
import dev.impersonation.engine.EndedQuery.Client;
import dev.impersonation.engine.Impersonation;
import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.eventlistener.QueryCompletedEvent;
import io.trino.spi.eventlistener.QueryContext;
import io.trino.spi.eventlistener.QueryCreatedEvent;
import io.trino.spi.eventlistener.QueryInputMetadata;
import io.trino.spi.eventlistener.QueryMetadata;
import io.trino.spi.eventlistener.QueryOutputMetadata;
import io.trino.spi.eventlistener.QueryStatistics;
import io.trino.spi.eventlistener.TableInfo;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.logging.Logger;

import static dev.impersonation.engine.Request.Path.PROPERTY;
import static java.util.Objects.requireNonNull;

/**
 * Leaves a line in the audit file for every query that ran under impersonation, when it has ended. Whatever goes wrong here must not touch the query.
 * <p>
 * On the native path Trino asks about the impersonation before it says for which query. It goes on to tell the query's id on the same thread, to
 * {@code checkCanExecuteQuery} since 445 and to the event listeners on all versions, so that the thread's last impersonation is the query's.
 */
final class QueryRecorder
        implements EventListener
{
    private static final Logger log = Logger.getLogger(QueryRecorder.class.getName());

    private final Function<String, Optional<Impersonation>> nativePath;
    private final Function<String, Optional<Binding>> propertyPath;
    private final Consumer<EndedQuery> engine;
    private final InstantSource clock;
    private final QueryTrail trail;
    private final OccasionalWarning warning;

    /**
     * @param nativePath how somebody became this user, if the query is one of theirs that the thread is about to begin
     * @param propertyPath the binding of the query with this id
     */
    QueryRecorder(
            Function<String, Optional<Impersonation>> nativePath,
            Function<String, Optional<Binding>> propertyPath,
            Consumer<EndedQuery> engine,
            InstantSource clock)
    {
        this.nativePath = requireNonNull(nativePath, "nativePath is null");
        this.propertyPath = requireNonNull(propertyPath, "propertyPath is null");
        this.engine = requireNonNull(engine, "engine is null");
        this.clock = requireNonNull(clock, "clock is null");
        warning = new OccasionalWarning(log, clock);
        trail = new QueryTrail(QueryTrail.MAX_QUERIES);
    }

    /**
     * @param executeQuery the arguments of {@code checkCanExecuteQuery}, which since 445 has the query's id. A query that fails before the listeners are told of it
     * leaves a line for that alone.
     */
    void queryAdmitted(Object[] executeQuery)
    {
        try {
            if (executeQuery.length == 2 && executeQuery[0] instanceof Identity identity) {
                nativePath.apply(identity.getUser()).ifPresent(impersonation -> begin(executeQuery[1].toString(), impersonation));
            }
        }
        catch (Throwable e) {
            failed(e);
        }
    }

    /**
     * The {@link BindingListener} comes first, so that the query is bound.
     */
    @Override
    public void queryCreated(QueryCreatedEvent event)
    {
        try {
            String queryId = event.getMetadata().getQueryId();
            Optional<Impersonation> impersonation = nativePath.apply(event.getContext().getUser());
            if (propertyPath.apply(queryId).orElse(null) instanceof Binding.Allowed allowed) {
                impersonation = Optional.of(impersonation(allowed));
            }
            impersonation.ifPresent(known -> begin(queryId, known));
        }
        catch (Throwable e) {
            failed(e);
        }
    }

    @Override
    public void queryCompleted(QueryCompletedEvent event)
    {
        try {
            Optional<Impersonation> impersonation = trail.end(event.getMetadata().getQueryId());
            if (impersonation.isPresent()) {
                engine.accept(endedQuery(impersonation.get(), event));
            }
        }
        catch (Throwable e) {
            failed(e);
        }
    }

    private void begin(String queryId, Impersonation impersonation)
    {
        if (!trail.begin(queryId, impersonation)) {
            warning.log("More queries run under impersonation than can be remembered; the oldest will leave no line in the audit file", null);
        }
    }

    private void failed(Throwable failure)
    {
        warning.log("A query that may have run under impersonation leaves no line in the audit file", failure);
    }

    private Impersonation impersonation(Binding.Allowed allowed)
    {
        Identity session = allowed.session();
        return new Impersonation(
                PROPERTY,
                allowed.reason(),
                clock.instant(),
                session.getUser(),
                allowed.effective().getUser(),
                session.getPrincipal().map(Principal::getName));
    }

    private static EndedQuery endedQuery(Impersonation impersonation, QueryCompletedEvent event)
    {
        QueryMetadata metadata = event.getMetadata();
        QueryContext context = event.getContext();
        QueryStatistics statistics = event.getStatistics();
        Set<String> catalogs = new TreeSet<>();
        Set<String> tables = new TreeSet<>();
        for (TableInfo table : metadata.getTables()) {
            catalogs.add(table.getCatalog());
            tables.add(qualified(table.getCatalog(), table.getSchema(), table.getTable()));
        }
        for (QueryInputMetadata input : event.getIoMetadata().getInputs()) {
            catalogs.add(input.getCatalogName());
            tables.add(qualified(input.getCatalogName(), input.getSchema(), input.getTable()));
        }
        if (event.getIoMetadata().getOutput().isPresent()) {
            QueryOutputMetadata output = event.getIoMetadata().getOutput().get();
            catalogs.add(output.getCatalogName());
            tables.add(qualified(output.getCatalogName(), output.getSchema(), output.getTable()));
        }
        return new EndedQuery(
                impersonation,
                metadata.getQueryId(),
                metadata.getQueryState(),
                event.getFailureInfo().map(failure -> failure.getErrorCode().getName()),
                event.getCreateTime(),
                Duration.between(event.getCreateTime(), event.getEndTime()),
                new Client(context.getSource(), context.getRemoteClientAddress(), new TreeSet<>(context.getClientTags())),
                catalogs,
                tables,
                new Amount(statistics.getPhysicalInputRows(), statistics.getPhysicalInputBytes()),
                new Amount(statistics.getOutputRows(), statistics.getOutputBytes()),
                new Amount(statistics.getWrittenRows(), statistics.getWrittenBytes()),
                metadata.getQuery());
    }

    private static String qualified(String catalog, String schema, String table)
    {
        return "%s.%s.%s".formatted(catalog, schema, table);
    }
}
