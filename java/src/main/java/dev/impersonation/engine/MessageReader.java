package dev.impersonation.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

/**
 * Reads what the native library writes, in the format of {@link MessageWriter}. Anything unexpected is an {@link EngineException}.
 */
final class MessageReader
{
    private final byte[] bytes;
    private int position;

    MessageReader(byte[] bytes)
    {
        this.bytes = requireNonNull(bytes, "bytes is null");
    }

    int readByte()
    {
        require(1);
        return bytes[position++] & 0xFF;
    }

    int readInt()
    {
        require(Integer.BYTES);
        int value = (bytes[position] & 0xFF) << 24
                | (bytes[position + 1] & 0xFF) << 16
                | (bytes[position + 2] & 0xFF) << 8
                | (bytes[position + 3] & 0xFF);
        position += Integer.BYTES;
        return value;
    }

    long readLong()
    {
        return (long) readInt() << Integer.SIZE | readInt() & 0xFFFFFFFFL;
    }

    boolean readBoolean()
    {
        int value = readByte();
        if (value > 1) {
            throw new EngineException(INTERNAL, "The native library answered with %s where it must say yes or no".formatted(value));
        }
        return value == 1;
    }

    Optional<String> readOptionalString()
    {
        return readBoolean() ? Optional.of(readString()) : Optional.empty();
    }

    /**
     * A list that is the whole message.
     */
    static <T> List<T> readList(byte[] bytes, Function<MessageReader, T> readItem)
    {
        MessageReader reader = new MessageReader(bytes);
        int count = reader.readCount();
        List<T> items = new ArrayList<>(count);
        for (int index = 0; index < count; index++) {
            items.add(readItem.apply(reader));
        }
        reader.requireEnd();
        return List.copyOf(items);
    }

    /**
     * A number of items that follow. Every item has a byte at least, so that a broken count cannot make the caller allocate without end.
     */
    int readCount()
    {
        int count = readInt();
        require(count);
        return count;
    }

    String readString()
    {
        int length = readInt();
        require(length);
        String value = new String(bytes, position, length, UTF_8);
        position += length;
        return value;
    }

    void requireEnd()
    {
        if (position != bytes.length) {
            throw new EngineException(INTERNAL, "The native library answered with %s bytes too many".formatted(bytes.length - position));
        }
    }

    private void require(int count)
    {
        if (count < 0 || count > bytes.length - position) {
            throw new EngineException(INTERNAL, "The native library answered with a message that ends too early");
        }
    }
}
