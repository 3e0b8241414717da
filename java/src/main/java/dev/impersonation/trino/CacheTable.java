package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import dev.impersonation.engine.RememberedUser;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.InMemoryRecordSet;

import static io.trino.spi.type.BigintType.BIGINT;
import static io.trino.spi.type.BooleanType.BOOLEAN;
import static io.trino.spi.type.DoubleType.DOUBLE;
import static io.trino.spi.type.VarcharType.VARCHAR;

/**
 * Who is remembered of Immuta, for administrators.
 */
final class CacheTable
        extends OperatorTable
{
    CacheTable(LiveParts liveParts)
    {
        super(
                liveParts,
                "cache",
                new ColumnMetadata("user_name", VARCHAR),
                new ColumnMetadata("state", VARCHAR),
                new ColumnMetadata("age_seconds", DOUBLE),
                new ColumnMetadata("known", BOOLEAN),
                new ColumnMetadata("may_impersonate", BOOLEAN),
                new ColumnMetadata("groups", BIGINT));
    }

    @Override
    boolean addRows(InMemoryRecordSet.Builder rows, OperatedControl control, Caller caller)
    {
        if (!control.engine().isAdmin(caller)) {
            return false;
        }
        for (RememberedUser user : control.engine().remembered()) {
            rows.addRow(control.name(), user.name(), user.state(), user.age().toMillis() / 1000.0, user.known(), user.mayImpersonate(), (long) user.groups());
        }
        return true;
    }
}
