package dev.impersonation.trino;

import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaName;
import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.connector.SchemaTableName;
import io.trino.spi.security.ConnectorIdentity;
import io.trino.spi.security.Identity;
import io.trino.spi.security.PrincipalType;
import io.trino.spi.security.Privilege;
import io.trino.spi.security.SystemSecurityContext;
import io.trino.spi.security.TrinoPrincipal;
import io.trino.spi.type.Type;
import io.trino.spi.type.VarcharType;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static io.trino.spi.security.PrincipalType.USER;

/**
 * Arguments for any method of an access control.
 */
final class TestingArguments
{
    private static final Map<Class<?>, Object> ARGUMENTS = Map.ofEntries(
            Map.entry(boolean.class, true),
            Map.entry(long.class, 7L),
            Map.entry(String.class, "text"),
            Map.entry(ConnectorIdentity.class, ConnectorIdentity.ofUser("somebody")),
            Map.entry(Set.class, Set.of("element")),
            Map.entry(List.class, List.of("element")),
            Map.entry(Collection.class, List.of("element")),
            Map.entry(Map.class, Map.of("key", "value")),
            Map.entry(Optional.class, Optional.of("value")),
            Map.entry(CatalogSchemaName.class, new CatalogSchemaName("catalog", "schema")),
            Map.entry(CatalogSchemaTableName.class, new CatalogSchemaTableName("catalog", new SchemaTableName("schema", "table"))),
            Map.entry(CatalogSchemaRoutineName.class, new CatalogSchemaRoutineName("catalog", "schema", "routine")),
            Map.entry(TrinoPrincipal.class, new TrinoPrincipal(USER, "user")),
            Map.entry(PrincipalType.class, USER),
            Map.entry(Privilege.class, Privilege.SELECT),
            Map.entry(Type.class, VarcharType.VARCHAR));

    private TestingArguments() {}

    /**
     * @param context stands for itself, and gives an identity and a query
     */
    static Object[] of(Method method, SystemSecurityContext context)
    {
        return Arrays.stream(method.getParameterTypes())
                .map(type -> argument(type, context))
                .toArray();
    }

    private static Object argument(Class<?> type, SystemSecurityContext context)
    {
        if (type == SystemSecurityContext.class) {
            return context;
        }
        if (type == Identity.class) {
            return context.getIdentity();
        }
        if (type == QueryId.class) {
            return context.getQueryId();
        }
        return Optional.ofNullable(ARGUMENTS.get(type)).orElseThrow(() -> new AssertionError("No argument of " + type));
    }
}
