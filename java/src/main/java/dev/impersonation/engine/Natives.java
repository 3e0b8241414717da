package dev.impersonation.engine;

import java.nio.ByteBuffer;

/**
 * The functions of the native library. Their byte formats are described at {@link MessageWriter} and {@link MessageReader}, and at the methods of {@link Engine} and of
 * {@link Expressions}.
 */
final class Natives
{
    private Natives() {}

    static native byte[] reasons();

    static native String version();

    static native long open(byte[] properties);

    /**
     * @return the code of the reason in the lowest 8 bits, in the next whether {@link #explain} has more to say than the reason's sentence, in the others when it was
     * decided, in microseconds since 1970, or zero where decisions are not recorded
     */
    static native long check(long handle, byte[] request);

    /**
     * As {@link #check}, of a request in memory that {@link RequestBuffer} owns. Nothing is left of the request there.
     *
     * @param address what {@link #address} said of that memory, which is still there
     * @param length of the request in characters
     */
    static native long checkAt(long handle, long address, int length);

    /**
     * Where the memory of a direct buffer begins.
     */
    static native long address(ByteBuffer memory);

    static native byte[] bind(long handle, byte[] request);

    /**
     * @return the code of a reason to deny
     */
    static native int refuse(long handle, byte[] request);

    static native String explain(long handle, int code, byte[] request);

    static native String forUser(byte[] expression);

    static native byte[] drainLog(long handle);

    static native byte[] metrics(long handle);

    static native byte[] decisions(long handle, byte[] viewer);

    static native byte[] remembered(long handle);

    static native byte[] settings(long handle);

    static native boolean isAdmin(long handle, byte[] caller);

    static native boolean flush(long handle, byte[] arguments);

    static native void close(long handle);

    static native void recordQuery(long handle, byte[] query);
}
