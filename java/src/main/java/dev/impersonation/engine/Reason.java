package dev.impersonation.engine;

import static java.util.Objects.requireNonNull;

/**
 * Why the engine decided as it did.
 *
 * @param name the stable word that audit lines and the command line show
 * @param sentence the same for people; it follows a text that holds both names
 */
public record Reason(int code, String name, String sentence)
{
    private static final String SELF = "self";

    public Reason
    {
        requireNonNull(name, "name is null");
        requireNonNull(sentence, "sentence is null");
    }

    /**
     * Whether impersonator and target are the same user.
     */
    public boolean isSelf()
    {
        return name.equals(SELF);
    }
}
