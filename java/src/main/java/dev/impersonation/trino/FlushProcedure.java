package dev.impersonation.trino;

import dev.impersonation.engine.Caller;
import io.trino.spi.connector.ConnectorSession;
import io.trino.spi.procedure.Procedure;
import io.trino.spi.procedure.Procedure.Argument;
import io.trino.spi.security.AccessDeniedException;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import java.util.Optional;

import static io.trino.spi.type.VarcharType.VARCHAR;
import static java.util.Objects.requireNonNull;

/**
 * {@code CALL immuta.impersonation.flush()} and {@code flush('alice')}: an administrator makes a revocation hold at once. The access control lets everybody call it;
 * the engine decides, and leaves a line in the audit file either way.
 */
final class FlushProcedure
{
    static final String NAME = "flush";

    private final LiveParts liveParts;

    FlushProcedure(LiveParts liveParts)
    {
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
    }

    Procedure create()
    {
        try {
            return new Procedure(
                    ImmutaCatalog.SCHEMA,
                    NAME,
                    List.of(new Argument("USER_NAME", VARCHAR, false, null)),
                    MethodHandles.lookup()
                            .findVirtual(FlushProcedure.class, NAME, MethodType.methodType(void.class, ConnectorSession.class, String.class))
                            .bindTo(this));
        }
        catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * @param userName who is to be forgotten; everybody if null
     */
    void flush(ConnectorSession session, String userName)
    {
        List<OperatedControl> controls = liveParts.operated();
        if (controls.isEmpty()) {
            throw refusal("the server has no access control with access-control.name=%s, so that nobody is remembered"
                    .formatted(ImpersonationAccessControlFactory.NAME));
        }
        // All of them first: who has nobody's rights by one has them by none.
        List<Caller> callers = controls.stream().map(control -> control.caller(session)).toList();
        boolean flushed = false;
        for (int index = 0; index < controls.size(); index++) {
            flushed |= controls.get(index).engine().flush(callers.get(index), Optional.ofNullable(userName));
        }
        if (!flushed) {
            throw refusal("it is for administrators (immuta.user.admin, immuta.group.admin), and user %s is none".formatted(callers.get(0).user()));
        }
    }

    private static AccessDeniedException refusal(String why)
    {
        return new AccessDeniedException("Cannot execute procedure %s.%s.%s: %s".formatted(ImmutaCatalog.NAME, ImmutaCatalog.SCHEMA, NAME, why));
    }
}
