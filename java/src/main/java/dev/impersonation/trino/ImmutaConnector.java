package dev.impersonation.trino;

import io.trino.spi.connector.Connector;
import io.trino.spi.connector.ConnectorMetadata;
import io.trino.spi.connector.ConnectorSession;
import io.trino.spi.connector.ConnectorTransactionHandle;
import io.trino.spi.connector.SystemTable;
import io.trino.spi.procedure.Procedure;
import io.trino.spi.session.PropertyMetadata;
import io.trino.spi.transaction.IsolationLevel;

import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

import static java.util.Objects.requireNonNull;

/**
 * A catalog without data of its own. It is there for its session property, and shows and does what concerns impersonation.
 */
final class ImmutaConnector
        implements Connector
{
    private final LiveParts liveParts;
    private final AtomicBoolean ended = new AtomicBoolean();

    ImmutaConnector(LiveParts liveParts)
    {
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
        liveParts.catalog().connectorStarted();
    }

    @Override
    public ConnectorTransactionHandle beginTransaction(IsolationLevel isolationLevel, boolean readOnly, boolean autoCommit)
    {
        return Transaction.INSTANCE;
    }

    @Override
    public ConnectorMetadata getMetadata(ConnectorSession session, ConnectorTransactionHandle transaction)
    {
        return new ConnectorMetadata() {};
    }

    @Override
    public List<PropertyMetadata<?>> getSessionProperties()
    {
        return List.of(ImmutaUserProperty.create(liveParts));
    }

    @Override
    public Set<SystemTable> getSystemTables()
    {
        return tables(liveParts);
    }

    static Set<SystemTable> tables(LiveParts liveParts)
    {
        return Set.of(
                new WhoamiTable(liveParts),
                new DecisionsTable(liveParts),
                new CacheTable(liveParts),
                new MetricsTable(liveParts),
                new ConfigTable(liveParts));
    }

    @Override
    public Set<Procedure> getProcedures()
    {
        return Set.of(new FlushProcedure(liveParts).create());
    }

    @Override
    public void shutdown()
    {
        if (ended.compareAndSet(false, true)) {
            liveParts.catalog().connectorEnded();
        }
    }

    private enum Transaction
            implements ConnectorTransactionHandle
    {
        INSTANCE,
    }
}
