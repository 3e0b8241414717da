package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.EngineException;
import dev.impersonation.engine.Reason;
import dev.impersonation.engine.Request;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;

import java.security.Principal;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static java.util.Objects.requireNonNull;

/**
 * Impersonation by session property: which query has whose rights. The session can be set by anybody, so what it says is a wish, and the engine decides on it for each
 * query. Whatever goes wrong leaves the query with nobody's rights, and never with the impersonator's own.
 */
final class PropertyPath
{
    private static final Logger log = Logger.getLogger(PropertyPath.class.getName());

    /** Where the server has not said it yet, and in the audit file then. */
    private static final String UNKNOWN_TARGET = "";

    private final Function<Request, Bound> engine;
    private final Consumer<Request> refusals;
    private final Function<String, Optional<Reason>> impersonation;
    private final boolean hasDelegate;
    private final Bindings bindings;

    /**
     * @param refusals who records what is refused here without a question to the engine
     * @param impersonation why Trino itself could make somebody the given user, for the query that the calling thread is about to begin; empty if it did not
     * @param hasDelegate whether the operator named a delegate, without which nothing would hold the target's rights up
     */
    PropertyPath(
            Function<Request, Bound> engine,
            Consumer<Request> refusals,
            Function<String, Optional<Reason>> impersonation,
            boolean hasDelegate,
            Bindings bindings)
    {
        this.engine = requireNonNull(engine, "engine is null");
        this.refusals = requireNonNull(refusals, "refusals is null");
        this.impersonation = requireNonNull(impersonation, "impersonation is null");
        this.hasDelegate = hasDelegate;
        this.bindings = requireNonNull(bindings, "bindings is null");
    }

    boolean isInUse()
    {
        return bindings.isInUse();
    }

    Optional<Binding> binding(String queryId)
    {
        return bindings.find(queryId);
    }

    /**
     * Whether the query that the calling thread is about to begin is one of this user's because Trino itself made somebody this user.
     */
    boolean isImpersonated(String user)
    {
        return impersonation.apply(user).isPresent();
    }

    /**
     * Trino is about to accept a value for the property. Until it says which, the query has nobody's rights.
     *
     * @throws AccessDeniedException if there are so many queries already that this one could not be kept apart from those that impersonate nobody
     */
    void propertyChecked(String queryId, Identity session)
    {
        Optional<Reason> impersonated = impersonation.apply(session.getUser());
        if (!bindings.putIfAbsent(queryId, new Binding.Expected(session, impersonated))) {
            record(() -> request(queryId, session, impersonated.isPresent(), session.getUser(), UNKNOWN_TARGET));
            throw new AccessDeniedException("%s is set in too many queries at once; try again later".formatted(ImmutaCatalog.QUALIFIED_PROPERTY));
        }
    }

    void queryCreated(String queryId, String user, String originalUser, Optional<String> target)
    {
        if (target.isEmpty() && bindings.find(queryId).orElse(null) instanceof Binding.Expected expected) {
            // What was checked and has no value all the same stays refused.
            record(() -> request(queryId, expected, user, originalUser, UNKNOWN_TARGET));
            return;
        }
        if (target.isEmpty()) {
            bindings.runUnbound(queryId);
        }
        else if (target.get().isEmpty()) {
            bindings.remove(queryId);
        }
        if (target.isEmpty() || target.get().isEmpty()) {
            impersonation.apply(user).ifPresent(reason -> bindings.putIfAbsent(queryId, new Binding.Own(NATIVE, reason.name())));
            return;
        }
        Optional<Binding> known = bindings.find(queryId);
        if (known.isEmpty()) {
            // A value that Trino did not check is one that it does not use, or that it uses in a way that is not known here.
            bindings.putIfAbsent(queryId, refused(user, target.get(), "the server did not ask whether the session property may be set"));
            record(() -> new Request(PROPERTY, !originalUser.equals(user), user, target.get(), Optional.empty(), Optional.of(queryId)));
        }
        else if (known.get() instanceof Binding.Expected expected) {
            bindings.replace(queryId, decide(queryId, expected, user, originalUser, target.get()));
        }
    }

    /**
     * Never throws: Trino would log it and let the query go on. Where Trino did not ask whether the property may be set, it is not set.
     *
     * @param queryId null if not even that is known; a query of which Trino asked then stays refused
     */
    void queryFailed(String queryId, Throwable failure)
    {
        log.log(Level.SEVERE, "The session of a query cannot be read", failure);
        if (queryId != null) {
            if (bindings.find(queryId).orElse(null) instanceof Binding.Expected expected) {
                String user = expected.session().getUser();
                record(() -> request(queryId, expected, user, user, UNKNOWN_TARGET));
            }
            bindings.replace(queryId, refused("?", "?", Denials.sentenceOfFailure(EngineException.Code.INTERNAL)));
        }
    }

    void queryCompleted(String queryId)
    {
        bindings.end(queryId);
    }

    /**
     * Never throws. The binding stays until it is too old.
     */
    void completionFailed(Throwable failure)
    {
        log.log(Level.WARNING, "The end of a query cannot be read", failure);
    }

    private Binding decide(String queryId, Binding.Expected expected, String user, String originalUser, String target)
    {
        Request request = request(queryId, expected, user, originalUser, target);
        try {
            Identity session = expected.session();
            if (!session.getUser().equals(user)) {
                return refused(request, "the server named two users for one query");
            }
            if (target.equals(user)) {
                if (expected.impersonation().isPresent()) {
                    // The session says whom Trino impersonates, about whom the engine has decided.
                    return new Binding.Own(NATIVE, expected.impersonation().get().name());
                }
            }
            else if (session.getPrincipal().isEmpty()) {
                return refused(request, "the session has no principal, so that its own checks cannot be told from those of views and filters; let users authenticate");
            }
            else if (!hasDelegate) {
                return refused(request, "no access control is configured that could hold up the target's rights; name one in %s"
                        .formatted(ImpersonationAccessControlFactory.DELEGATE_PROPERTY));
            }
            Bound bound = requireNonNull(engine.apply(request), "bound is null");
            Decision decision = bound.decision();
            Reason reason = decision.reason();
            if (!decision.allowed()) {
                return new Binding.Refused(user, target, Optional.of(reason.name()), reason.sentence());
            }
            if (reason.isSelf()) {
                return new Binding.Own(PROPERTY, reason.name());
            }
            return new Binding.Allowed(session, Identity.forUser(bound.target()).withGroups(bound.groups()).build(), reason);
        }
        catch (Throwable e) {
            return refused(request, Denials.sentenceOfFailure(log, e));
        }
    }

    private static Request request(String queryId, Binding.Expected expected, String user, String originalUser, String target)
    {
        boolean chained = expected.impersonation().isPresent() || !originalUser.equals(user);
        return request(queryId, expected.session(), chained, user, target);
    }

    private static Request request(String queryId, Identity session, boolean chained, String user, String target)
    {
        return new Request(PROPERTY, chained, user, target, session.getPrincipal().map(Principal::getName), Optional.of(queryId));
    }

    private Binding.Refused refused(Request request, String sentence)
    {
        record(() -> request);
        return refused(request.impersonator(), request.target(), sentence);
    }

    /**
     * Never throws: what is refused stays refused, recorded or not.
     */
    private void record(Supplier<Request> refused)
    {
        try {
            refusals.accept(refused.get());
        }
        catch (Throwable e) {
            log.log(Level.SEVERE, "A refusal on the property path cannot be recorded", e);
        }
    }

    private static Binding.Refused refused(String user, String target, String sentence)
    {
        return new Binding.Refused(user, target, Optional.empty(), sentence);
    }
}
