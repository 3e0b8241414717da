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
        String message = byServer(USER, TARGET, SENTENCE).getMessage();
        String prefix = new AccessDeniedException("").getMessage();
        if (!message.startsWith(prefix)) {
            return Optional.empty();
        }
        String words = message.substring(prefix.length());
        int user = words.indexOf(USER);
        int target = words.indexOf(TARGET);
        int sentence = words.indexOf(SENTENCE);
        if (user < 0 || target < user || sentence < target || words.chars().filter(character -> character >= USER.charAt(0) && character <= SENTENCE.charAt(0)).count() != 3) {
            return Optional.empty();
        }
        return Optional.of(new DenialWords(words.substring(0, user), words.substring(user + 1, target), words.substring(target + 1, sentence), words.substring(sentence + 1)));
    }

    AccessDeniedException denial(String user, String target, String sentence)
    {
        return new AccessDeniedException(beforeUser + user + beforeTarget + target + beforeSentence + sentence + end);
    }

    static AccessDeniedException byServer(String user, String target, String sentence)
    {
        try {
            denyImpersonateUser(user, target, sentence);
        }
        catch (AccessDeniedException e) {
            return e;
        }
        throw new IllegalStateException("Trino's denial does not deny");
    }
}
