package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import dev.impersonation.engine.PastDecision;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.InMemoryRecordSet;

import java.util.Optional;

import static io.trino.spi.type.DateTimeEncoding.packDateTimeWithZone;
import static io.trino.spi.type.TimeZoneKey.UTC_KEY;
import static io.trino.spi.type.TimestampWithTimeZoneType.TIMESTAMP_TZ_MILLIS;
import static io.trino.spi.type.VarcharType.VARCHAR;

/**
 * The last decisions: all of them for administrators, for others those in which they are impersonator or target.
 */
final class DecisionsTable
        extends OperatorTable
{
    DecisionsTable(LiveParts liveParts)
    {
        super(
                liveParts,
                "decisions",
                new ColumnMetadata("time", TIMESTAMP_TZ_MILLIS),
                new ColumnMetadata("decision", VARCHAR),
                new ColumnMetadata("reason", VARCHAR),
                new ColumnMetadata("impersonator", VARCHAR),
                new ColumnMetadata("target", VARCHAR),
                new ColumnMetadata("principal", VARCHAR),
                new ColumnMetadata("path", VARCHAR),
                new ColumnMetadata("query_id", VARCHAR));
    }

    @Override
    boolean addRows(InMemoryRecordSet.Builder rows, OperatedControl control, Caller caller)
    {
        Optional<String> user = control.engine().isAdmin(caller) ? Optional.empty() : Optional.of(caller.user());
        for (PastDecision past : control.engine().decisions(user)) {
            rows.addRow(
                    control.name(),
                    packDateTimeWithZone(past.time().toEpochMilli(), UTC_KEY),
                    past.decision().allowed() ? "allow" : "deny",
                    past.decision().reason().name(),
                    past.impersonator(),
                    past.target(),
                    past.principal().orElse(null),
                    past.path().word(),
                    past.queryId().orElse(null));
        }
        return true;
    }
}
