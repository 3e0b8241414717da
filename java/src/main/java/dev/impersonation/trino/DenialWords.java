package dev.impersonation.trino;

import io.trino.spi.security.AccessDeniedException;

import java.util.Optional;

import static io.trino.spi.security.AccessDeniedException.denyImpersonateUser;
import static java.util.Objects.requireNonNull;

/**
 * The words of the running server for an impersonation that is refused. They are learned from it once: it formats them anew for each denial, which takes longer than
 * the decision.
 */
record DenialWords(String beforeUser, String beforeTarget, String beforeSentence, String end)
{
    /** Characters that no server has words with. */
    private static final String USER = "\uE000";
    private static final String TARGET = "\uE001";
    private static final String SENTENCE = "\uE002";

    DenialWords
    {
        requireNonNull(beforeUser, "beforeUser is null");
        requireNonNull(beforeTarget, "beforeTarget is null");
        requireNonNull(beforeSentence, "beforeSentence is null");
        requireNonNull(end, "end is null");
    }

    /**
     * Nothing if the server does not say all three one after the other.
     */
    static Optional<DenialWords> learn()
    {
        String words = byServer(USER, TARGET, SENTENCE);
        int user = words.indexOf(USER);
        int target = words.indexOf(TARGET);
        int sentence = words.indexOf(SENTENCE);
        boolean eachOnce = words.chars().filter(character -> (USER + TARGET + SENTENCE).indexOf(character) >= 0).count() == 3;
        if (user < 0 || target < user || sentence < target || !eachOnce) {
            return Optional.empty();
        }
        return Optional.of(new DenialWords(words.substring(0, user), words.substring(user + 1, target), words.substring(target + 1, sentence), words.substring(sentence + 1)));
    }

    String of(String user, String target, String sentence)
    {
        return beforeUser + user + beforeTarget + target + beforeSentence + sentence + end;
    }

    /**
     * With which an {@link AccessDeniedException} is the server's own.
     */
    static String byServer(String user, String target, String sentence)
    {
        try {
            denyImpersonateUser(user, target, sentence);
        }
        catch (AccessDeniedException e) {
            // Every such exception begins so.
            return e.getMessage().substring(new AccessDeniedException("").getMessage().length());
        }
        throw new IllegalStateException("Trino's denial does not deny");
    }
}
