package dev.impersonation.trino;

import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.connector.ConnectorSession;
import io.trino.spi.connector.ConnectorTableMetadata;
import io.trino.spi.connector.ConnectorTransactionHandle;
import io.trino.spi.connector.InMemoryRecordSet;
import io.trino.spi.connector.RecordCursor;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.connector.SystemTable;
import io.trino.spi.predicate.TupleDomain;

import java.security.Principal;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import static dev.impersonation.engine.Request.Path.PROPERTY;
import static io.trino.spi.type.VarcharType.VARCHAR;
import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

/**
 * Whose rights this query has: a row for each of our access controls, of which a server hardly ever has more than one.
 */
final class WhoamiTable
        implements SystemTable
{
    private static final ConnectorTableMetadata METADATA = new ConnectorTableMetadata(
            new SchemaTableName(ImmutaCatalog.SCHEMA, "whoami"),
            Stream.of("principal", "session_user", "effective_user", "path", "decision", "reason", "groups")
                    .map(name -> new ColumnMetadata(name, VARCHAR))
                    .toList());

    private final LiveParts liveParts;

    WhoamiTable(LiveParts liveParts)
    {
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
    }

    @Override
    public Distribution getDistribution()
    {
        return Distribution.SINGLE_COORDINATOR;
    }

    @Override
    public ConnectorTableMetadata getTableMetadata()
    {
        return METADATA;
    }

    @Override
    public RecordCursor cursor(ConnectorTransactionHandle transaction, ConnectorSession session, TupleDomain<Integer> constraint)
    {
        InMemoryRecordSet.Builder rows = InMemoryRecordSet.builder(METADATA);
        List<Optional<Binding>> bindings = liveParts.controls().stream()
                .map(control -> control.binding(session.getQueryId()))
                .toList();
        for (Optional<Binding> binding : bindings) {
            addRow(rows, session, binding.orElse(null));
        }
        return rows.build().cursor();
    }

    private static void addRow(InMemoryRecordSet.Builder rows, ConnectorSession session, Binding binding)
    {
        String principal = session.getIdentity().getPrincipal().map(Principal::getName).orElse(null);
        String user = session.getUser();
        if (binding == null) {
            rows.addRow(principal, user, user, null, null, null, groups(session.getIdentity().getGroups()));
        }
        else if (binding instanceof Binding.Own own) {
            rows.addRow(principal, user, user, own.path().word(), "allow", own.reason(), groups(session.getIdentity().getGroups()));
        }
        else if (binding instanceof Binding.Allowed allowed) {
            rows.addRow(principal, user, allowed.effective().getUser(), PROPERTY.word(), "allow", allowed.reason().name(), groups(allowed.effective().getGroups()));
        }
        else if (binding instanceof Binding.Refused refused) {
            rows.addRow(principal, user, null, PROPERTY.word(), "deny", refused.reason().orElse(refused.sentence()), null);
        }
        else if (binding instanceof Binding.Denied denied) {
            rows.addRow(principal, user, null, PROPERTY.word(), "deny", denied.denial().getMessage(), null);
        }
    }

    private static String groups(Set<String> groups)
    {
        return groups.stream().sorted().collect(joining(", "));
    }
}
