package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.ConnectorSession;
import io.trino.spi.connector.ConnectorTableMetadata;
import io.trino.spi.connector.ConnectorTransactionHandle;
import io.trino.spi.connector.InMemoryRecordSet;
import io.trino.spi.connector.RecordCursor;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.connector.SystemTable;
import io.trino.spi.predicate.TupleDomain;
import io.trino.spi.security.AccessDeniedException;

import java.util.ArrayList;
import java.util.List;

import static io.trino.spi.type.VarcharType.VARCHAR;
import static java.util.Objects.requireNonNull;

/**
 * What our access controls on this coordinator know. The first column says which of them, of which a server hardly ever has more than one. The access control lets
 * everybody read these tables; what they show is up to the tables, by the rights that the query has.
 */
abstract class OperatorTable
        implements SystemTable
{
    private final LiveParts liveParts;
    private final ConnectorTableMetadata metadata;

    OperatorTable(LiveParts liveParts, String name, ColumnMetadata... columns)
    {
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
        List<ColumnMetadata> all = new ArrayList<>(List.of(new ColumnMetadata("control", VARCHAR)));
        all.addAll(List.of(columns));
        metadata = new ConnectorTableMetadata(new SchemaTableName(ImmutaCatalog.SCHEMA, name), all);
    }

    @Override
    public Distribution getDistribution()
    {
        return Distribution.SINGLE_COORDINATOR;
    }

    @Override
    public ConnectorTableMetadata getTableMetadata()
    {
        return metadata;
    }

    @Override
    public RecordCursor cursor(ConnectorTransactionHandle transaction, ConnectorSession session, TupleDomain<Integer> constraint)
    {
        List<OperatedControl> controls = liveParts.operated();
        // All of them first: who has nobody's rights by one has them by none.
        List<Caller> callers = controls.stream().map(control -> control.caller(session)).toList();
        InMemoryRecordSet.Builder rows = InMemoryRecordSet.builder(metadata);
        boolean shown = controls.isEmpty();
        for (int index = 0; index < controls.size(); index++) {
            shown |= addRows(rows, controls.get(index), callers.get(index));
        }
        if (!shown) {
            throw new AccessDeniedException("Cannot select from table %s.%s: it is for administrators (immuta.user.admin, immuta.group.admin), and user %s is none"
                    .formatted(ImmutaCatalog.NAME, metadata.getTable(), callers.get(0).user()));
        }
        return rows.build().cursor();
    }

    /**
     * @return whether the caller may see the table
     */
    abstract boolean addRows(InMemoryRecordSet.Builder rows, OperatedControl control, Caller caller);
}
