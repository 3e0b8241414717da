package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Impersonation;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.util.Optional;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.util.Objects.requireNonNull;

/**
 * Recognises that an impersonator is itself an impersonated identity: A acts as B, and B then wants to act as C. Each thread has its own.
 * <p>
 * Trino makes both checks of a request on one thread, one after the other, but tells the second only that B asks. So the last target that was allowed is
 * remembered for the thread, together with the principal of the request: B by itself, in a later request on the same pooled thread, has another principal.
 * <p>
 * It is used again and again, since a check leaves as little garbage as it can.
 */
final class ChainedImpersonationDetector
{
    private String impersonator;
    /** Null if nothing is remembered. */
    private String target;
    private Optional<Principal> principal = Optional.empty();
    private Decision decision;
    /** Whether the request has come to its query. */
    private boolean settled;

    boolean isChained(Identity impersonator)
    {
        return isKnown() && !settled && target.equals(impersonator.getUser()) && principal.equals(impersonator.getPrincipal());
    }

    /**
     * By which somebody else became this user, if that is what the request did that this thread works on. The query of the request, of which Trino tells next,
     * belongs to that user.
     */
    Optional<Impersonation> impersonation(String sessionUser)
    {
        if (!isKnown() || !target.equals(sessionUser)) {
            return Optional.empty();
        }
        return Optional.of(new Impersonation(NATIVE, decision.reason(), decision.time(), impersonator, target, principal.map(Principal::getName)));
    }

    void allowed(Identity impersonator, String target, Decision decision)
    {
        requireNonNull(target, "target is null");
        requireNonNull(decision, "decision is null");
        if (impersonator.getUser().equals(target)) {
            // Nobody became somebody else, so what was remembered before still holds.
            return;
        }
        this.impersonator = impersonator.getUser();
        this.target = target;
        principal = impersonator.getPrincipal();
        if (this.decision != decision) {
            // Mostly the same one, and telling the garbage collector of a store takes time.
            this.decision = decision;
        }
        settled = false;
    }

    /**
     * Trino says before each impersonation who logged in; somebody else means another request.
     */
    void userSet(Optional<Principal> principal)
    {
        if (isKnown() && (settled || !this.principal.equals(principal))) {
            forget();
        }
    }

    /**
     * The identity of the request is settled.
     */
    void requestEnded()
    {
        settled = true;
    }

    /**
     * A denial leaves nothing of the request that a later one could be part of.
     */
    void forget()
    {
        impersonator = null;
        target = null;
        principal = Optional.empty();
        decision = null;
    }

    private boolean isKnown()
    {
        return target != null;
    }
}
