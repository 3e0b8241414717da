package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import dev.impersonation.engine.Setting;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.InMemoryRecordSet;

import static io.trino.spi.type.BooleanType.BOOLEAN;
import static io.trino.spi.type.VarcharType.VARCHAR;

/**
 * The settings that hold, without secrets, for administrators.
 */
final class ConfigTable
        extends OperatorTable
{
    ConfigTable(LiveParts liveParts)
    {
        super(
                liveParts,
                "config",
                new ColumnMetadata("name", VARCHAR),
                new ColumnMetadata("value", VARCHAR),
                new ColumnMetadata("is_default", BOOLEAN));
    }

    @Override
    boolean addRows(InMemoryRecordSet.Builder rows, OperatedControl control, Caller caller)
    {
        if (!control.engine().isAdmin(caller)) {
            return false;
        }
        for (Setting setting : control.engine().settings()) {
            rows.addRow(control.name(), setting.name(), setting.value().orElse(null), setting.isDefault());
        }
        return true;
    }
}
