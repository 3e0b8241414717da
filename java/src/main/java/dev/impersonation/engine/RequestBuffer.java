package dev.impersonation.engine;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * A thread's memory from which the native library reads a request by itself. Having the JVM copy an array for it, and encoding characters here, takes longer than
 * the decision. The form is described in {@code rust/src/wire/units.rs}.
 * <p>
 * The library trusts the address, so nobody else may have it: the memory lives as long as this, and this is handed to no other thread.
 */
final class RequestBuffer
{
    /** In characters. Enough for three names of usual length and some groups; what is larger goes in an array. */
    static final int CAPACITY = 256;

    private static final ThreadLocal<RequestBuffer> OF_THREAD = ThreadLocal.withInitial(RequestBuffer::new);

    /** Where the request is put together, since Java copies a string's characters fast into an array alone. */
    private final char[] units = new char[CAPACITY];
    private final CharBuffer memory;
    private final long address;
    private int position;

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

    static boolean fits(Request request)
    {
        // Path, whether chained, which of the optional strings are there, and how many groups.
        long size = 5;
        size += sizeOf(request.impersonator()) + sizeOf(request.target());
        if (request.principal().isPresent()) {
            size += sizeOf(request.principal().get());
        }
        if (request.queryId().isPresent()) {
            size += sizeOf(request.queryId().get());
        }
        if (!request.groups().isEmpty()) {
            for (String group : request.groups()) {
                size += sizeOf(group);
            }
        }
        return size <= CAPACITY;
    }

    /**
     * @param request one that {@linkplain #fits}
     * @return what {@link Natives#check} returns
     */
    long check(long handle, Request request)
    {
        write(request);
        int length = position;
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

    private void write(Request request)
    {
        position = 0;
        units[position++] = (char) request.path().code();
        units[position++] = (char) (request.chained() ? 1 : 0);
        write(request.impersonator());
        write(request.target());
        write(request.principal());
        write(request.queryId());
        units[position++] = (char) request.groups().size();
        if (!request.groups().isEmpty()) {
            request.groups().forEach(this::write);
        }
    }

    private void write(Optional<String> text)
    {
        units[position++] = (char) (text.isPresent() ? 1 : 0);
        if (text.isPresent()) {
            write(text.get());
        }
    }

    private void write(String text)
    {
        int length = text.length();
        units[position++] = (char) length;
        text.getChars(0, length, units, position);
        position += length;
    }

    private static long sizeOf(String text)
    {
        return 1L + text.length();
    }
}
