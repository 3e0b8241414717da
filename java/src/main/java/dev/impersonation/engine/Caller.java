package dev.impersonation.engine;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Somebody who wants to see or do what is for administrators.
 *
 * @param user the user whose rights count: of a query under impersonation, the target
 * @param principal how the client authenticated, for the record
 * @param queryId the query, for the record
 */
public record Caller(String user, Optional<String> principal, Optional<String> queryId)
{
    public Caller
    {
        requireNonNull(user, "user is null");
        requireNonNull(principal, "principal is null");
        requireNonNull(queryId, "queryId is null");
    }

    byte[] encode()
    {
        return write(0).toBytes();
    }

    byte[] encodeFlush(Optional<String> whom)
    {
        return write(MessageWriter.sizeOf(whom)).writeOptionalString(whom).toBytes();
    }

    private MessageWriter write(long more)
    {
        long size = more + MessageWriter.sizeOf(user) + MessageWriter.sizeOf(principal) + MessageWriter.sizeOf(queryId);
        if (size > Request.MAX_SIZE) {
            throw new EngineException(EngineException.Code.REQUEST_TOO_LARGE, "The request has %s bytes, more than %s".formatted(size, Request.MAX_SIZE));
        }
        return new MessageWriter((int) size)
                .writeString(user)
                .writeOptionalString(principal)
                .writeOptionalString(queryId);
    }
}
