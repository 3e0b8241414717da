package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Impersonation;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.util.Optional;
import java.util.logging.Logger;

import static java.util.Objects.requireNonNull;

/**
 * Answers Trino's question whether one user may act as another. Returning means yes; whatever goes wrong is a no.
 */
final class ImpersonationCheck
{
    private static final Logger log = Logger.getLogger(ImpersonationCheck.class.getName());

    private final Decider engine;
    private final ThreadLocal<ChainedImpersonationDetector> chains = ThreadLocal.withInitial(ChainedImpersonationDetector::new);

    ImpersonationCheck(Decider engine)
    {
        this.engine = requireNonNull(engine, "engine is null");
    }

    void userSet(Optional<Principal> principal)
    {
        chains.get().userSet(principal);
    }

    void requestEnded()
    {
        chains.get().requestEnded();
    }

    /**
     * By which somebody else became this user, if the query is one of theirs that the thread is about to begin.
     */
    Optional<Impersonation> impersonation(String sessionUser)
    {
        return chains.get().impersonation(sessionUser);
    }

    /**
     * @throws AccessDeniedException unless the engine says yes
     */
    void check(Identity impersonator, String target)
    {
        String refusal = refusal(impersonator, target);
        if (refusal != null) {
            throw new AccessDeniedException(refusal);
        }
    }

    /**
     * As {@link #check}, but leaves the exception to the caller: what it costs depends on how deep it is made.
     *
     * @return what the {@link AccessDeniedException} says, or null if the engine says yes
     */
    String refusal(Identity impersonator, String target)
    {
        ChainedImpersonationDetector chain = chains.get();
        Decision decision;
        try {
            requireNonNull(impersonator, "impersonator is null");
            requireNonNull(target, "target is null");
            decision = requireNonNull(engine.decide(chain.isChained(impersonator), impersonator, target), "decision is null");
        }
        catch (Throwable e) {
            chain.forget();
            return failed(impersonator, target, e);
        }
        if (!decision.allowed()) {
            chain.forget();
            return Denials.wordsOfImpersonation(impersonator.getUser(), target, decision.reason().sentence());
        }
        chain.allowed(impersonator, target, decision);
        return null;
    }

    /**
     * Whether the impersonator may act as the target.
     */
    interface Decider
    {
        /**
         * @param chained whether the impersonator is itself an impersonated identity
         */
        Decision decide(boolean chained, Identity impersonator, String target);
    }

    private static String failed(Identity impersonator, String target, Throwable failure)
    {
        String user = null;
        if (impersonator != null) {
            user = impersonator.getUser();
        }
        return Denials.wordsOfImpersonation(user, target, Denials.sentenceOfFailure(log, failure));
    }
}
