package dev.impersonation.trino;

import dev.impersonation.engine.Impersonation;
import dev.impersonation.engine.Reason;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.time.Instant;
import java.util.Optional;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.util.Objects.requireNonNull;

/**
 * Recognises that an impersonator is itself an impersonated identity: A acts as B, and B then wants to act as C.
 * <p>
 * Trino makes both checks of a request on one thread, one after the other, but tells the second only that B asks. So the last target that was allowed is
 * remembered for the thread, together with the principal of the request: B by itself, in a later request on the same pooled thread, has another principal.
 */
final class ChainedImpersonationDetector
{
    private final ThreadLocal<Allowed> lastAllowed = new ThreadLocal<>();

    boolean isChained(Identity impersonator)
    {
        Allowed allowed = lastAllowed.get();
        return allowed != null && !allowed.settled() && allowed.is(impersonator);
    }

    /**
     * By which somebody else became this user, if that is what the request did that this thread works on. The query of the request, of which Trino tells next,
     * belongs to that user.
     */
    Optional<Impersonation> impersonation(String sessionUser)
    {
        return Optional.ofNullable(lastAllowed.get())
                .map(Allowed::impersonation)
                .filter(impersonation -> impersonation.target().equals(sessionUser));
    }

    void allowed(Identity impersonator, String target, Reason reason)
    {
        // Nobody became somebody else, so what was remembered before still holds.
        if (!impersonator.getUser().equals(target)) {
            Optional<String> principal = impersonator.getPrincipal().map(Principal::getName);
            Impersonation impersonation = new Impersonation(NATIVE, reason, Instant.now(), impersonator.getUser(), target, principal);
            lastAllowed.set(new Allowed(impersonation, impersonator.getPrincipal(), false));
        }
    }

    void denied()
    {
        lastAllowed.remove();
    }

    /**
     * Trino says before each impersonation who logged in; somebody else means another request.
     */
    void userSet(Optional<Principal> principal)
    {
        Allowed allowed = lastAllowed.get();
        if (allowed != null && (allowed.settled() || !allowed.principal().equals(principal))) {
            lastAllowed.remove();
        }
    }

    /**
     * The identity of the request is settled.
     */
    void requestEnded()
    {
        Allowed allowed = lastAllowed.get();
        if (allowed != null && !allowed.settled()) {
            lastAllowed.set(new Allowed(allowed.impersonation(), allowed.principal(), true));
        }
    }

    /**
     * @param settled whether the request has come to its query
     */
    private record Allowed(Impersonation impersonation, Optional<Principal> principal, boolean settled)
    {
        private Allowed
        {
            requireNonNull(impersonation, "impersonation is null");
            requireNonNull(principal, "principal is null");
        }

        private boolean is(Identity identity)
        {
            return impersonation.target().equals(identity.getUser()) && principal.equals(identity.getPrincipal());
        }
    }
}
