package dev.impersonation.trino;

import io.trino.spi.connector.CatalogSchemaName;
import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.ConnectorTableMetadata;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.connector.SystemTable;

import java.util.Collection;
import java.util.Map;
import java.util.Set;

import static java.util.stream.Collectors.toUnmodifiableSet;

/**
 * What the catalog {@code immuta} has, by the connector's own tables. Whatever else is asked about there is not ours, whatever the catalog is called.
 */
final class PropertyCatalogContent
{
    private static final Set<SchemaTableName> TABLES = ImmutaConnector.tables(new LiveParts()).stream()
            .map(SystemTable::getTableMetadata)
            .map(ConnectorTableMetadata::getTable)
            .collect(toUnmodifiableSet());
    private static final CatalogSchemaRoutineName FLUSH = new CatalogSchemaRoutineName(ImmutaCatalog.NAME, ImmutaCatalog.SCHEMA, FlushProcedure.NAME);

    private PropertyCatalogContent() {}

    /**
     * @param place where a question of {@link CheckedForTarget#LOOKING} looks
     */
    static boolean has(Object place)
    {
        if (place instanceof CatalogSchemaName schema) {
            return schema.getCatalogName().equals(ImmutaCatalog.NAME) && hasSchema(schema.getSchemaName());
        }
        if (place instanceof CatalogSchemaTableName table) {
            return table.getCatalogName().equals(ImmutaCatalog.NAME) && hasTable(table.getSchemaTableName());
        }
        return place.equals(ImmutaCatalog.NAME) || place.equals(FLUSH);
    }

    /**
     * @param found what a question that filters is about: names of schemas or of tables, these perhaps with their columns
     */
    static boolean hasAll(Object found)
    {
        Collection<?> names = found instanceof Map<?, ?> columns ? columns.keySet() : (Collection<?>) found;
        return names.stream().allMatch(name -> name instanceof SchemaTableName table ? hasTable(table) : hasSchema(name));
    }

    private static boolean hasSchema(Object name)
    {
        return name.equals(ImmutaCatalog.SCHEMA) || name.equals(RefusedToTargets.INFORMATION_SCHEMA);
    }

    private static boolean hasTable(SchemaTableName table)
    {
        return TABLES.contains(table) || table.getSchemaName().equals(RefusedToTargets.INFORMATION_SCHEMA);
    }
}
