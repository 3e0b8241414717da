package dev.impersonation.trino;

import io.trino.spi.QueryId;
import io.trino.spi.connector.CatalogSchemaTableName;
import io.trino.spi.security.ConnectorIdentity;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemSecurityContext;

import java.security.Principal;
import java.util.Optional;
import java.util.Set;

import static io.trino.spi.security.AccessDeniedException.denyImpersonateUser;

/**
 * The interface of servers newer, and older, than the one that the plugin is compiled against.
 */
public interface ExtendedSystemAccessControl
        extends SystemAccessControl
{
    void checkCanTravelInTime(SystemSecurityContext context, String table, long version);

    default Set<String> filterTimes(Set<String> times)
    {
        return Set.of();
    }

    default int countTimes()
    {
        return 0;
    }

    /**
     * Since 445.
     */
    default void checkCanExecuteQuery(Identity identity, QueryId queryId) {}

    /**
     * As no server has it today.
     */
    default void checkCanExecuteQuery(Identity identity, String queryId) {}

    /**
     * As somebody has proposed it.
     */
    default void checkCanSetEffectiveIdentity(Identity identity, Identity target, String reason) {}

    /**
     * As no server has it today.
     */
    default void checkCanDelegate(SystemSecurityContext context, Optional<Identity> target) {}

    /**
     * As no server has it today.
     */
    default Set<String> filterIdentities(Set<String> names, Identity identity)
    {
        return names;
    }

    /**
     * As no server has it today.
     */
    default void checkCanSetUser(String principal, String userName) {}

    /**
     * As no server has it today.
     */
    default void checkCanActAs(Optional<Principal> principal, ConnectorIdentity target) {}

    /**
     * Since 445.
     */
    default void checkCanSetSystemSessionProperty(Identity identity, QueryId queryId, String property) {}

    /**
     * As no server has it today.
     */
    default void checkCanPause(Identity identity, QueryId queryId) {}

    /**
     * Since 481.
     */
    default void checkCanSelectFromColumns(SystemSecurityContext context, CatalogSchemaTableName table, Optional<String> branch, Set<String> columns) {}

    /**
     * Since 481.
     */
    default void checkCanCreateViewWithSelectFromColumns(SystemSecurityContext context, CatalogSchemaTableName table, Optional<String> branch, Set<String> columns) {}

    /**
     * As up to 426.
     */
    default void checkCanImpersonateUser(SystemSecurityContext context, String userName)
    {
        denyImpersonateUser(context.getIdentity().getUser(), userName);
    }

    /**
     * As no server has it today; the default bridges to the old form.
     */
    default void checkCanImpersonateUser(Identity identity, String userName, String reason)
    {
        checkCanImpersonateUser(identity, userName);
    }

    /**
     * Since 440.
     */
    default void shutdown() {}
}
