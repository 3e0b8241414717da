package dev.impersonation.engine;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * One question to the engine: may {@code impersonator} act as {@code target}?
 *
 * @param chained whether the impersonator is itself an impersonated identity
 * @param queryId the query for which the question is asked, where there is one already
 */
public record Request(
        Path path,
        boolean chained,
        String impersonator,
        String target,
        Optional<String> principal,
        Optional<String> queryId)
{
    static final int MAX_SIZE = 1024 * 1024;

    private static final int CHAINED_FLAG = 1;

    public Request
    {
        requireNonNull(path, "path is null");
        requireNonNull(impersonator, "impersonator is null");
        requireNonNull(target, "target is null");
        requireNonNull(principal, "principal is null");
        requireNonNull(queryId, "queryId is null");
    }

    /**
     * Of a question that is asked before there is a query.
     */
    public Request(Path path, boolean chained, String impersonator, String target, Optional<String> principal)
    {
        this(path, chained, impersonator, target, principal, Optional.empty());
    }

    byte[] encode()
    {
        return write(new MessageWriter(size())).toBytes();
    }

    private int size()
    {
        long size = 2 + MessageWriter.sizeOf(impersonator) + MessageWriter.sizeOf(target) + MessageWriter.sizeOf(principal) + MessageWriter.sizeOf(queryId);
        // The engine refuses it too; checked here so that a hostile name cannot make us allocate gigabytes first.
        if (size > MAX_SIZE) {
            throw new EngineException(EngineException.Code.REQUEST_TOO_LARGE, "The request has %s bytes, more than %s".formatted(size, MAX_SIZE));
        }
        return (int) size;
    }

    private MessageWriter write(MessageWriter writer)
    {
        return writer.writeByte(path.code)
                .writeByte(chained ? CHAINED_FLAG : 0)
                .writeString(impersonator)
                .writeString(target)
                .writeOptionalString(principal)
                .writeOptionalString(queryId);
    }

    /**
     * How the impersonator asks.
     */
    public enum Path
    {
        /** The query engine switches the identity itself. */
        NATIVE(0, "native"),
        /** A session property names the target. */
        PROPERTY(1, "property");

        private final int code;
        private final String word;

        Path(int code, String word)
        {
            this.code = code;
            this.word = word;
        }

        static Path ofCode(int code)
        {
            return switch (code) {
                case 0 -> NATIVE;
                case 1 -> PROPERTY;
                default -> throw new EngineException(EngineException.Code.INTERNAL, "The native library knows the unknown path " + code);
            };
        }

        int code()
        {
            return code;
        }

        /**
         * As in the audit file.
         */
        public String word()
        {
            return word;
        }
    }
}
