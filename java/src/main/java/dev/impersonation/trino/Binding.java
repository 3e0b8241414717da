package dev.impersonation.trino;

import dev.impersonation.engine.Reason;
import dev.impersonation.engine.Request.Path;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * What is known of a query that impersonates somebody, or whose session says so.
 */
sealed interface Binding
{
    /**
     * The query has the rights of its session's user.
     *
     * @param path how that came about: Trino itself made somebody this user, or the session property names the very user whose session it is
     * @param reason the word of the engine's decision
     */
    record Own(Path path, String reason)
            implements Binding
    {
        public Own
        {
            requireNonNull(path, "path is null");
            requireNonNull(reason, "reason is null");
        }
    }

    /**
     * Trino asked whether the property may be set, and has not yet said to which value.
     *
     * @param session the identity of the session
     * @param impersonation why Trino itself could switch to this identity from another, if it did
     */
    record Expected(Identity session, Optional<Reason> impersonation)
            implements Denied
    {
        public Expected
        {
            requireNonNull(session, "session is null");
            requireNonNull(impersonation, "impersonation is null");
        }

        @Override
        public AccessDeniedException denial()
        {
            return new AccessDeniedException(
                    "%s is set, but the server has not told its value to the access control '%s', so that nobody's rights can be applied; see the server log"
                            .formatted(ImmutaCatalog.QUALIFIED_PROPERTY, ImpersonationAccessControlFactory.NAME));
        }
    }

    /**
     * The target's rights apply.
     *
     * @param session the identity of the session, whose checks are made for the effective identity; checks for any other identity are left alone
     * @param effective the target, with the target's groups and nothing else. It has no principal, for that would be the impersonator's: a delegate that goes by
     * principals must not find the impersonator there. It has no roles and no extra credentials for the same reason.
     */
    record Allowed(Identity session, Identity effective, Reason reason)
            implements Binding
    {
        public Allowed
        {
            requireNonNull(session, "session is null");
            requireNonNull(effective, "effective is null");
            requireNonNull(reason, "reason is null");
        }

        /**
         * A view that runs with its owner's rights is analyzed with an identity that has no principal, and so has a filter with a user of its own. Even where that
         * user is the session's, they are told apart by the principal. Any principal will do: the parts of a query that list metadata get the session's as a text,
         * which is not equal to one of a certificate or of Kerberos.
         */
        boolean isSession(Identity identity)
        {
            return identity.getUser().equals(session.getUser()) && identity.getPrincipal().isPresent();
        }

        /**
         * A filter or a view may name a user, whom Trino then takes without a principal, and with the groups that its own group provider has, if it has one. Where that is
         * the target, the target's groups hold.
         */
        boolean isTarget(Identity identity)
        {
            return identity.getUser().equals(effective.getUser()) && identity.getPrincipal().isEmpty();
        }
    }

    /**
     * Nobody's rights apply: no data and no metadata can be seen.
     */
    sealed interface Denied
            extends Binding
    {
        AccessDeniedException denial();
    }

    /**
     * The target may not be impersonated, or nobody can tell.
     *
     * @param reason the word of the engine's decision, if there was one
     */
    record Refused(String user, String target, Optional<String> reason, String sentence)
            implements Denied
    {
        public Refused
        {
            requireNonNull(user, "user is null");
            requireNonNull(target, "target is null");
            requireNonNull(reason, "reason is null");
            requireNonNull(sentence, "sentence is null");
        }

        @Override
        public AccessDeniedException denial()
        {
            return Denials.ofImpersonation(user, target, sentence);
        }
    }

    /**
     * The server said that the query has ended. Parts of a query that was cancelled may go on for a while, and must not get the impersonator's rights then.
     */
    record Ended()
            implements Denied
    {
        @Override
        public AccessDeniedException denial()
        {
            return new AccessDeniedException("the query has ended");
        }
    }

    /**
     * The query began so long ago that it may be one whose binding is no longer kept, be it that it has ended or that it still runs.
     */
    record Lost()
            implements Denied
    {
        @Override
        public AccessDeniedException denial()
        {
            return new AccessDeniedException(
                    "the query began so long ago that nobody knows any more whether it impersonates somebody; run it again");
        }
    }
}
