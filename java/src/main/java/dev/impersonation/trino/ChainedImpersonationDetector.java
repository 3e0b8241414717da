package dev.impersonation.trino;

import io.trino.spi.security.Identity;

import java.security.Principal;
import java.util.Optional;

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
        return allowed != null && allowed.target().equals(impersonator.getUser()) && allowed.principal().equals(impersonator.getPrincipal());
    }

    void allowed(Identity impersonator, String target)
    {
        // Nobody became somebody else, so what was remembered before still holds.
        if (!impersonator.getUser().equals(target)) {
            lastAllowed.set(new Allowed(target, impersonator.getPrincipal()));
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
        if (allowed != null && !allowed.principal().equals(principal)) {
            lastAllowed.remove();
        }
    }

    /**
     * The identity of the request is settled.
     */
    void requestEnded()
    {
        lastAllowed.remove();
    }

    private record Allowed(String target, Optional<Principal> principal)
    {
        private Allowed
        {
            requireNonNull(target, "target is null");
            requireNonNull(principal, "principal is null");
        }
    }
}
