package dev.impersonation.engine;

import java.util.Collection;

import static java.util.Objects.requireNonNull;

/**
 * Expressions in the query engine's SQL, made to mean a user other than the session's.
 */
public final class Expressions
{
    private Expressions() {}

    /**
     * Replaces {@code current_user} and {@code current_groups()}. An expression that has neither comes back as it is.
     *
     * @throws EngineException if the words cannot be found for certain; the expression must not be used then, for it could mean the session's user
     */
    public static String forUser(String expression, String user, Collection<String> groups)
    {
        requireNonNull(expression, "expression is null");
        requireNonNull(user, "user is null");
        requireNonNull(groups, "groups is null");
        byte[] encoded = encode(expression, user, groups);
        NativeLibrary.load();
        return Natives.forUser(encoded);
    }

    private static byte[] encode(String expression, String user, Collection<String> groups)
    {
        long size = MessageWriter.sizeOf(expression) + MessageWriter.sizeOf(user) + Integer.BYTES;
        for (String group : groups) {
            size += MessageWriter.sizeOf(group);
        }
        if (size > Request.MAX_SIZE) {
            throw new EngineException(
                    EngineException.Code.REQUEST_TOO_LARGE,
                    "The expression and the names that it is to have are %s bytes, more than %s".formatted(size, Request.MAX_SIZE));
        }
        MessageWriter writer = new MessageWriter((int) size)
                .writeString(expression)
                .writeString(user)
                .writeInt(groups.size());
        groups.forEach(writer::writeString);
        return writer.toBytes();
    }
}
