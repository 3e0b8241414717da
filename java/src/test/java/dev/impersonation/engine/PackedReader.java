package dev.impersonation.engine;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Reads packed messages a second time, by the table at the top of {@code rust/src/wire.rs}, so that there is something to compare the engine with.
 */
final class PackedReader
{
    // The engine's times end with the year 9999.
    private static final long FIRST_MICROS = -377_705_023_201_000_000L;
    private static final long LAST_MICROS = 253_402_207_200_999_999L;

    private final ByteBuffer bytes;

    private PackedReader(byte[] bytes)
    {
        this.bytes = ByteBuffer.wrap(bytes);
    }

    /**
     * Nothing if the bytes are not exactly one such message.
     */
    static <T> Optional<T> read(byte[] bytes, Function<PackedReader, T> layout)
    {
        PackedReader reader = new PackedReader(bytes);
        try {
            T message = layout.apply(reader);
            return reader.bytes.hasRemaining() ? Optional.empty() : Optional.of(message);
        }
        catch (BufferUnderflowException | MalformedException e) {
            return Optional.empty();
        }
    }

    /**
     * @param names impersonator and target; a name that is not UTF-8 is nothing
     * @param principal nothing where there is none, too
     */
    record Question(boolean chained, List<Optional<String>> names, Optional<String> principal) {}

    Question question()
    {
        oneOf(0, 1);
        boolean chained = oneOf(0, 1) == 1;
        List<Optional<String>> names = List.of(string(), string());
        Optional<String> principal = optionalString();
        optionalString();
        return new Question(chained, names, principal);
    }

    /**
     * The caller's user.
     */
    Optional<String> caller()
    {
        Optional<String> user = string();
        optionalString();
        optionalString();
        return user;
    }

    Optional<String> flush()
    {
        Optional<String> caller = caller();
        optionalString();
        return caller;
    }

    Boolean viewer()
    {
        optionalString();
        return true;
    }

    Boolean expression()
    {
        text();
        text();
        for (long left = count(); left > 0; left--) {
            text();
        }
        return true;
    }

    Boolean properties()
    {
        for (long left = count(); left > 0; left--) {
            text();
            text();
        }
        return true;
    }

    Boolean endedQuery()
    {
        oneOf(0, 1);
        int reason = bytes.getInt();
        if (IntStream.concat(IntStream.rangeClosed(1, 4), IntStream.rangeClosed(16, 29)).noneMatch(code -> code == reason)) {
            throw new MalformedException();
        }
        time();
        string();
        string();
        optionalString();
        string();
        string();
        optionalString();
        time();
        bytes.getLong();
        optionalString();
        optionalString();
        strings();
        strings();
        strings();
        for (int amount = 0; amount < 6; amount++) {
            bytes.getLong();
        }
        optionalString();
        return true;
    }

    private int oneOf(int first, int second)
    {
        int value = bytes.get();
        if (value != first && value != second) {
            throw new MalformedException();
        }
        return value;
    }

    private void time()
    {
        long micros = bytes.getLong();
        if (micros < FIRST_MICROS || micros > LAST_MICROS) {
            throw new MalformedException();
        }
    }

    private long count()
    {
        return Integer.toUnsignedLong(bytes.getInt());
    }

    /**
     * Nothing if it is not UTF-8.
     */
    private Optional<String> string()
    {
        long length = count();
        if (length > bytes.remaining()) {
            throw new MalformedException();
        }
        ByteBuffer text = bytes.slice(bytes.position(), (int) length);
        bytes.position(bytes.position() + (int) length);
        try {
            return Optional.of(UTF_8.newDecoder().decode(text).toString());
        }
        catch (CharacterCodingException e) {
            return Optional.empty();
        }
    }

    private void text()
    {
        if (string().isEmpty()) {
            throw new MalformedException();
        }
    }

    private Optional<String> optionalString()
    {
        if (oneOf(0, 1) == 1) {
            return string();
        }
        return Optional.empty();
    }

    private List<Optional<String>> strings()
    {
        List<Optional<String>> strings = new ArrayList<>();
        for (long left = count(); left > 0; left--) {
            strings.add(string());
        }
        return strings;
    }

    private static final class MalformedException
            extends RuntimeException
    {
        private static final long serialVersionUID = 1L;

        MalformedException()
        {
            super(null, null, false, false);
        }
    }
}
