package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.InMemoryRecordSet;

import static io.trino.spi.type.BigintType.BIGINT;
import static io.trino.spi.type.VarcharType.VARCHAR;

/**
 * What is counted, which names nobody, for everybody.
 */
final class MetricsTable
        extends OperatorTable
{
    MetricsTable(LiveParts liveParts)
    {
        super(liveParts, "metrics", new ColumnMetadata("name", VARCHAR), new ColumnMetadata("value", BIGINT));
    }

    @Override
    boolean addRows(InMemoryRecordSet.Builder rows, OperatedControl control, Caller caller)
    {
        control.engine().metrics().forEach((name, value) -> rows.addRow(control.name(), name, value));
        return true;
    }
}
