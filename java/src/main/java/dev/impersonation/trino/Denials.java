package dev.impersonation.trino;

import dev.impersonation.engine.EngineException;
import io.trino.spi.security.AccessDeniedException;

import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * What both paths say of an impersonation that is refused.
 */
final class Denials
{
    private static final Optional<DenialWords> WORDS = DenialWords.learn();

    private Denials() {}

    /**
     * Trino's own denial, with a sentence for people.
     */
    static AccessDeniedException ofImpersonation(String user, String target, String sentence)
    {
        return new AccessDeniedException(wordsOfImpersonation(user, target, sentence));
    }

    /**
     * What Trino's own denial is made with.
     */
    static String wordsOfImpersonation(String user, String target, String sentence)
    {
        if (WORDS.isPresent()) {
            return WORDS.get().of(user, target, sentence);
        }
        return DenialWords.byServer(user, target, sentence);
    }

    /**
     * Tells the operator that the engine could not decide.
     *
     * @return the sentence for the client
     */
    static String sentenceOfFailure(Logger log, Throwable failure)
    {
        EngineException.Code code = EngineException.Code.INTERNAL;
        if (failure instanceof EngineException engineFailure) {
            code = engineFailure.getCode();
        }
        // Without the names: they come from outside and may hold line breaks.
        log.log(Level.SEVERE, "The impersonation check failed (%s)".formatted(code), failure);
        return sentenceOfFailure(code);
    }

    static String sentenceOfFailure(EngineException.Code code)
    {
        return "the impersonation check failed (%s); nobody is let in until it works again, see the server log".formatted(code);
    }
}
