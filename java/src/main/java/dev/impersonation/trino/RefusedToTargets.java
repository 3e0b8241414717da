package dev.impersonation.trino;

import io.trino.spi.connector.CatalogSchemaRoutineName;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.security.AccessDeniedException;

import java.util.Map;
import java.util.Set;

/**
 * What Trino would do for the session's user, the impersonator, after the access control has allowed it for the target.
 */
final class RefusedToTargets
{
    /**
     * What belongs to the session's user once it is made, and has that user's rights whoever uses it.
     */
    static final Map<String, String> OWNED = Map.of(
            "checkCanCreateFunction", "function",
            "checkCanCreateMaterializedView", "materialized view",
            "checkCanCreateView", "view");
    private static final CatalogSchemaRoutineName KILL_QUERY = new CatalogSchemaRoutineName("system", "runtime", "kill_query");
    private static final CatalogSchemaTableName QUERIES = new CatalogSchemaTableName("system", "runtime", "queries");
    static final Set<String> READING = Set.of("checkCanCreateViewWithSelectFromColumns", "checkCanSelectFromColumns");

    private RefusedToTargets() {}

    static void checkSession(String method, Object[] arguments, Binding.Allowed binding)
    {
        String owned = OWNED.get(method);
        if (owned != null) {
            throw refusal("create a " + owned, "it would belong to %1$s and have the rights of %1$s", binding);
        }
        if (method.equals("checkCanExecuteProcedure") && arguments[1].equals(KILL_QUERY)) {
            throw refusal("kill queries", "it would be any of the queries that %1$s may kill", binding);
        }
    }

    /**
     * Trino asks which queries may be seen without saying which query asks. They all are the impersonator's, whoever else was impersonated by them. Refused to the owner
     * of a view, too, because the table shows the same to everybody.
     */
    static void checkWhoeverAsks(String method, Object[] arguments, Binding.Allowed binding)
    {
        if (READING.contains(method) && arguments[1].equals(QUERIES)) {
            throw refusal("select from system.runtime.queries", "it would show the queries that %1$s may see", binding);
        }
    }

    private static AccessDeniedException refusal(String what, String why, Binding.Allowed binding)
    {
        String impersonator = binding.session().getUser();
        String target = binding.effective().getUser();
        return new AccessDeniedException("Cannot %s while user %s impersonates user %s: %s; connect as %s"
                .formatted(what, impersonator, target, why.formatted(impersonator), target));
    }
}
