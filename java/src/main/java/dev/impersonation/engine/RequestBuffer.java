package dev.impersonation.engine;

import dev.impersonation.engine.Request.Path;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.util.Arrays;

/**
 * A thread's memory from which the native library reads a request by itself. Having the JVM copy an array for it, and encoding characters here, takes longer than
 * the decision. The form is described in {@code rust/src/wire/units.rs}.
 * <p>
 * The library trusts the address, so nobody else may have it: the memory lives as long as this, and this is handed to no other thread.
 */
final class RequestBuffer
{
    /** In characters. Enough for three names of usual length; what is larger goes in an array, and so does what has a query id. */
    static final int CAPACITY = 192;

    /** No answer: what it says of a reason is not in the catalogue. */
    static final long TOO_LARGE = Engine.HAS_MORE_TO_SAY;

    private static final ThreadLocal<RequestBuffer> OF_THREAD = ThreadLocal.withInitial(RequestBuffer::new);

    /** Where the request is put together, since Java copies a string's characters fast into an array alone. */
    private final char[] units = new char[CAPACITY];
    private final CharBuffer memory;
    private final long address;

    private RequestBuffer()
    {
        ByteBuffer bytes = ByteBuffer.allocateDirect(CAPACITY * Character.BYTES).order(ByteOrder.nativeOrder());
        memory = bytes.asCharBuffer();
        address = Natives.address(bytes);
    }

    static RequestBuffer ofThread()
    {
        return OF_THREAD.get();
    }

    /**
     * @param principal may be null
     * @return what {@link Natives#check} returns, or {@link #TOO_LARGE}
     */
    long check(long handle, Path path, boolean chained, String impersonator, String target, String principal)
    {
        if (!fits(impersonator, target, principal)) {
            return TOO_LARGE;
        }
        int length = write(path, chained, impersonator, target, principal);
        memory.put(0, units, 0, length);
        // Threads live long. Nobody's names are to stay with them.
        Arrays.fill(units, 0, length, '\0');
        try {
            return Natives.checkAt(handle, address, length);
        }
        finally {
            Reference.reachabilityFence(memory);
        }
    }

    /**
     * What is left of requests.
     */
    char[] contents()
    {
        char[] contents = Arrays.copyOf(units, 2 * CAPACITY);
        memory.get(0, contents, CAPACITY, CAPACITY);
        return contents;
    }

    private static boolean fits(String impersonator, String target, String principal)
    {
        // Path, whether chained, and whether there are a principal and a query id.
        long size = 4 + sizeOf(impersonator) + sizeOf(target);
        if (principal != null) {
            size += sizeOf(principal);
        }
        return size <= CAPACITY;
    }

    private int write(Path path, boolean chained, String impersonator, String target, String principal)
    {
        units[0] = (char) path.code();
        units[1] = (char) (chained ? 1 : 0);
        int position = write(2, impersonator);
        position = write(position, target);
        if (principal == null) {
            units[position++] = 0;
        }
        else if (principal.equals(impersonator)) {
            units[position++] = 2;
        }
        else {
            units[position++] = 1;
            position = write(position, principal);
        }
        // No query id.
        units[position++] = 0;
        return position;
    }

    /**
     * @return where the string ends
     */
    private int write(int position, String text)
    {
        int length = text.length();
        units[position] = (char) length;
        text.getChars(0, length, units, position + 1);
        return position + 1 + length;
    }

    private static long sizeOf(String text)
    {
        return 1L + text.length();
    }
}
