package dev.impersonation.engine;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * A query that ran under impersonation and has ended, for the audit file.
 *
 * @param state the query engine's word for how it ended
 * @param error the query engine's name of the error, of a query that failed
 * @param tables those that it touched, each with catalog and schema
 * @param text recorded where the operator wants that, and in part if it is long
 */
public record EndedQuery(
        Impersonation impersonation,
        String queryId,
        String state,
        Optional<String> error,
        Instant start,
        Duration elapsed,
        Client client,
        Collection<String> catalogs,
        Collection<String> tables,
        Amount input,
        Amount output,
        Amount written,
        String text)
{
    /**
     * The engine refuses more.
     */
    static final int MAX_SIZE = 16 * Request.MAX_SIZE;

    private static final int MAX_TEXT = 32_768;
    /** Path, reason, when it was decided, start, elapsed, and six numbers of amounts; all else carries its own length. */
    private static final int FIXED_SIZE = 1 + Integer.BYTES + 3 * Long.BYTES + 6 * Long.BYTES;

    public EndedQuery
    {
        requireNonNull(impersonation, "impersonation is null");
        requireNonNull(queryId, "queryId is null");
        requireNonNull(state, "state is null");
        requireNonNull(error, "error is null");
        requireNonNull(start, "start is null");
        requireNonNull(elapsed, "elapsed is null");
        requireNonNull(client, "client is null");
        requireNonNull(catalogs, "catalogs is null");
        requireNonNull(tables, "tables is null");
        requireNonNull(input, "input is null");
        requireNonNull(output, "output is null");
        requireNonNull(written, "written is null");
        requireNonNull(text, "text is null");
    }

    byte[] encode()
    {
        Optional<String> recordedText = Optional.of(shortened(text));
        long size = FIXED_SIZE
                + MessageWriter.sizeOf(impersonation.impersonator())
                + MessageWriter.sizeOf(impersonation.target())
                + MessageWriter.sizeOf(impersonation.principal())
                + MessageWriter.sizeOf(queryId)
                + MessageWriter.sizeOf(state)
                + MessageWriter.sizeOf(error)
                + MessageWriter.sizeOf(client.source())
                + MessageWriter.sizeOf(client.address())
                + sizeOf(client.tags())
                + sizeOf(catalogs)
                + sizeOf(tables)
                + MessageWriter.sizeOf(recordedText);
        if (size > MAX_SIZE) {
            throw new EngineException(EngineException.Code.REQUEST_TOO_LARGE, "The ended query has %s bytes, more than %s".formatted(size, MAX_SIZE));
        }
        MessageWriter writer = new MessageWriter((int) size)
                .writeByte(impersonation.path().code())
                .writeInt(impersonation.reason().code())
                .writeLong(micros(impersonation.decided()))
                .writeString(impersonation.impersonator())
                .writeString(impersonation.target())
                .writeOptionalString(impersonation.principal())
                .writeString(queryId)
                .writeString(state)
                .writeOptionalString(error)
                .writeLong(micros(start))
                .writeLong(Math.max(0, elapsed.toNanos() / 1000))
                .writeOptionalString(client.source())
                .writeOptionalString(client.address());
        writeAll(writer, client.tags());
        writeAll(writer, catalogs);
        writeAll(writer, tables);
        for (Amount amount : new Amount[] {input, output, written}) {
            writer.writeLong(amount.rows()).writeLong(amount.bytes());
        }
        return writer.writeOptionalString(recordedText).toBytes();
    }

    private static long sizeOf(Collection<String> values)
    {
        long size = Integer.BYTES;
        for (String value : values) {
            size += MessageWriter.sizeOf(value);
        }
        return size;
    }

    private static void writeAll(MessageWriter writer, Collection<String> values)
    {
        writer.writeInt(values.size());
        values.forEach(writer::writeString);
    }

    private static long micros(Instant instant)
    {
        return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
    }

    private static String shortened(String text)
    {
        if (text.length() <= MAX_TEXT) {
            return text;
        }
        int end = MAX_TEXT;
        if (Character.isHighSurrogate(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end) + "…";
    }

    /**
     * The program that sent the query.
     *
     * @param source its name, as it says
     */
    public record Client(Optional<String> source, Optional<String> address, Collection<String> tags)
    {
        public Client
        {
            requireNonNull(source, "source is null");
            requireNonNull(address, "address is null");
            requireNonNull(tags, "tags is null");
        }
    }

    /**
     * How much data.
     */
    public record Amount(long rows, long bytes) {}
}
