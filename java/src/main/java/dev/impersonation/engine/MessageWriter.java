package dev.impersonation.engine;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Writes what the native library reads: big-endian integers, and strings as a length in bytes followed by UTF-8.
 * <p>
 * A lone surrogate is written in its generalised three-byte form, which the engine takes for an invalid name.
 * {@link String#getBytes(java.nio.charset.Charset)} would write a question mark, and so turn one user's name into another's.
 */
final class MessageWriter
{
    private final byte[] bytes;
    private int position;

    /**
     * @param size the exact size of the message; see {@link #sizeOf}
     */
    MessageWriter(int size)
    {
        bytes = new byte[size];
    }

    static long sizeOf(String value)
    {
        int length = value.length();
        long size = Integer.BYTES + (long) length;
        for (int index = 0; index < length; index++) {
            char character = value.charAt(index);
            if (character >= 0x800) {
                size += 2;
                if (isPair(value, index)) {
                    // Four bytes for two chars: one for each is in `length`, two were just added.
                    index++;
                }
            }
            else if (character >= 0x80) {
                size++;
            }
        }
        return size;
    }

    static long sizeOf(Optional<String> value)
    {
        long size = 1;
        if (value.isPresent()) {
            size += sizeOf(value.get());
        }
        return size;
    }

    MessageWriter writeByte(int value)
    {
        bytes[position++] = (byte) value;
        return this;
    }

    MessageWriter writeInt(int value)
    {
        putInt(position, value);
        position += Integer.BYTES;
        return this;
    }

    MessageWriter writeLong(long value)
    {
        return writeInt((int) (value >>> Integer.SIZE)).writeInt((int) value);
    }

    MessageWriter writeString(String value)
    {
        requireNonNull(value, "value is null");
        int lengthPosition = position;
        int next = position + Integer.BYTES;
        int length = value.length();
        for (int index = 0; index < length; index++) {
            char character = value.charAt(index);
            if (character < 0x80) {
                bytes[next++] = (byte) character;
            }
            else if (character < 0x800) {
                bytes[next++] = (byte) (0xC0 | (character >> 6));
                bytes[next++] = (byte) (0x80 | (character & 0x3F));
            }
            else if (isPair(value, index)) {
                int codePoint = Character.toCodePoint(character, value.charAt(index + 1));
                bytes[next++] = (byte) (0xF0 | (codePoint >> 18));
                bytes[next++] = (byte) (0x80 | ((codePoint >> 12) & 0x3F));
                bytes[next++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
                bytes[next++] = (byte) (0x80 | (codePoint & 0x3F));
                index++;
            }
            else {
                bytes[next++] = (byte) (0xE0 | (character >> 12));
                bytes[next++] = (byte) (0x80 | ((character >> 6) & 0x3F));
                bytes[next++] = (byte) (0x80 | (character & 0x3F));
            }
        }
        putInt(lengthPosition, next - lengthPosition - Integer.BYTES);
        position = next;
        return this;
    }

    MessageWriter writeOptionalString(Optional<String> value)
    {
        writeByte(value.isPresent() ? 1 : 0);
        if (value.isPresent()) {
            writeString(value.get());
        }
        return this;
    }

    byte[] toBytes()
    {
        if (position != bytes.length) {
            throw new IllegalStateException("Message has %s bytes, but %s were planned".formatted(position, bytes.length));
        }
        return bytes;
    }

    private void putInt(int at, int value)
    {
        bytes[at] = (byte) (value >>> 24);
        bytes[at + 1] = (byte) (value >>> 16);
        bytes[at + 2] = (byte) (value >>> 8);
        bytes[at + 3] = (byte) value;
    }

    private static boolean isPair(String value, int index)
    {
        return Character.isHighSurrogate(value.charAt(index)) && index + 1 < value.length() && Character.isLowSurrogate(value.charAt(index + 1));
    }
}
