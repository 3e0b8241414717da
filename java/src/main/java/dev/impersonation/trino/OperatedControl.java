package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import dev.impersonation.engine.Engine;
import io.trino.spi.connector.ConnectorSession;

import java.security.Principal;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * One of our access controls, as those see it who run it.
 *
 * @param name as in JMX
 */
record OperatedControl(String name, PropertyPath path, Engine engine)
{
    OperatedControl
    {
        requireNonNull(name, "name is null");
        requireNonNull(path, "path is null");
        requireNonNull(engine, "engine is null");
    }

    /**
     * Whose rights the query has: on either path, the target's.
     *
     * @throws io.trino.spi.security.AccessDeniedException if it has nobody's
     */
    Caller caller(ConnectorSession session)
    {
        Binding binding = path.binding(session.getQueryId()).orElse(null);
        if (binding instanceof Binding.Denied denied) {
            throw denied.denial();
        }
        String user = session.getUser();
        if (binding instanceof Binding.Allowed allowed) {
            user = allowed.effective().getUser();
        }
        return new Caller(user, session.getIdentity().getPrincipal().map(Principal::getName), Optional.of(session.getQueryId()));
    }
}
