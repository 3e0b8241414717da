package dev.impersonation.trino;

import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Impersonation;
import dev.impersonation.engine.Request;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.util.Optional;
import java.util.function.Function;
import java.util.logging.Logger;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.util.Objects.requireNonNull;

/**
 * Answers Trino's question whether one user may act as another. Returning means yes; whatever goes wrong is a no.
 */
final class ImpersonationCheck
{
    private static final Logger log = Logger.getLogger(ImpersonationCheck.class.getName());

    private final Function<Request, Decision> engine;
    private final ChainedImpersonationDetector chains = new ChainedImpersonationDetector();

    ImpersonationCheck(Function<Request, Decision> engine)
    {
        this.engine = requireNonNull(engine, "engine is null");
    }

    void userSet(Optional<Principal> principal)
    {
        chains.userSet(principal);
    }

    void requestEnded()
    {
        chains.requestEnded();
    }

    /**
     * By which somebody else became this user, if the query is one of theirs that the thread is about to begin.
     */
    Optional<Impersonation> impersonation(String sessionUser)
    {
        return chains.impersonation(sessionUser);
    }

    /**
     * @throws AccessDeniedException unless the engine says yes
     */
    void check(Identity impersonator, String target)
    {
        Decision decision;
        try {
            decision = requireNonNull(engine.apply(request(impersonator, target)), "decision is null");
        }
        catch (Throwable e) {
            chains.denied();
            throw failed(impersonator, target, e);
        }
        if (!decision.allowed()) {
            chains.denied();
            throw Denials.ofImpersonation(impersonator.getUser(), target, decision.reason().sentence());
        }
        chains.allowed(impersonator, target, decision);
    }

    private Request request(Identity impersonator, String target)
    {
        return new Request(
                NATIVE,
                chains.isChained(impersonator),
                impersonator.getUser(),
                target,
                impersonator.getPrincipal().map(Principal::getName),
                impersonator.getGroups());
    }

    private static AccessDeniedException failed(Identity impersonator, String target, Throwable failure)
    {
        String user = null;
        if (impersonator != null) {
            user = impersonator.getUser();
        }
        return Denials.ofImpersonation(user, target, Denials.sentenceOfFailure(log, failure));
    }
}
