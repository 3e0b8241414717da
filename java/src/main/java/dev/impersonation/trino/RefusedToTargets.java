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
    /**
     * What fills something for everybody with what the query's rights show.
     */
    static final Set<String> FILLED = Set.of("checkCanRefreshMaterializedView");
    /**
     * What Trino answers from its session, whatever the access control says.
     */
    static final Map<String, String> ROLES = Map.of(
            "checkCanShowCurrentRoles", "show current roles",
            "checkCanShowRoleGrants", "show role grants");
    /**
     * The methods of Trino's own access control that are about roles. Where those are a catalog's, it asks the plugin nothing but whether the catalog can be accessed, so that
     * nothing but the stack tells these questions from others.
     */
    private static final Set<String> ROLES_OF_CATALOGS = Set.of(
            "checkCanCreateRole",
            "checkCanDropRole",
            "checkCanGrantRoles",
            "checkCanRevokeRoles",
            "checkCanSetCatalogRole",
            "checkCanShowCurrentRoles",
            "checkCanShowRoleGrants",
            "checkCanShowRoles");
    private static final Set<String> ACCESSING = Set.of("canAccessCatalog", "checkCanAccessCatalog");
    /** Between Trino's access control and this. */
    private static final int MOST_FRAMES = 32;
    static final String INFORMATION_SCHEMA = "information_schema";
    /**
     * What a catalog fills with the roles and privileges of the session's user, or with those that this user may see.
     */
    private static final Set<String> OF_THE_SESSION = Set.of("applicable_roles", "enabled_roles", "role_authorization_descriptors", "roles", "table_privileges");
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
        String roles = ROLES.get(method);
        if (roles != null) {
            throw refusal(roles, "they would be those of %1$s", binding);
        }
        if (ACCESSING.contains(method) && isAboutRoles()) {
            throw refusal("use roles of catalog " + arguments[1], "the catalog would take %1$s for whoever asks", binding);
        }
        if (method.equals("checkCanExecuteProcedure") && arguments[1].equals(KILL_QUERY)) {
            throw refusal("kill queries", "it would be any of the queries that %1$s may kill", binding);
        }
    }

    /**
     * Refused to the owner of a view, too, because these tables show the same to everybody. Of queries Trino asks which may be seen without saying which query asks: they
     * all are the impersonator's, whoever else was impersonated by them.
     */
    static void checkWhoeverAsks(String method, Object[] arguments, Binding.Allowed binding)
    {
        if (FILLED.contains(method)) {
            throw refusal("refresh materialized view " + arguments[1], "it would keep for everybody, in the name of %1$s, what is for %2$s to see", binding);
        }
        if (READING.contains(method) && isOfTheSession(arguments[1])) {
            throw refusal("select from " + arguments[1], "it would show roles and privileges of %1$s", binding);
        }
        if (READING.contains(method) && arguments[1].equals(QUERIES)) {
            throw refusal("select from system.runtime.queries", "it would show the queries that %1$s may see", binding);
        }
    }

    /**
     * Whether Trino fills this table, of whatever catalog, without a question that names the query's target.
     */
    static boolean isOfTheSession(Object place)
    {
        return place instanceof CatalogSchemaTableName table
                && table.getSchemaTableName().getSchemaName().equals(INFORMATION_SCHEMA)
                && OF_THE_SESSION.contains(table.getSchemaTableName().getTableName());
    }

    private static boolean isAboutRoles()
    {
        return StackWalker.getInstance().walk(frames -> frames
                .limit(MOST_FRAMES)
                .map(StackWalker.StackFrame::getMethodName)
                .anyMatch(ROLES_OF_CATALOGS::contains));
    }

    private static AccessDeniedException refusal(String what, String why, Binding.Allowed binding)
    {
        String impersonator = binding.session().getUser();
        String target = binding.effective().getUser();
        return new AccessDeniedException("Cannot %s while user %s impersonates user %s: %s; connect as %s"
                .formatted(what, impersonator, target, why.formatted(impersonator, target), target));
    }
}
