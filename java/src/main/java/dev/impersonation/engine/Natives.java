package dev.impersonation.engine;

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

    static native int check(long handle, byte[] request);

    /**
     * As {@link #check}, of a request that is the beginning of a longer array.
     */
    static native int checkFirst(long handle, byte[] bytes, int length);

    static native byte[] bind(long handle, byte[] request);

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
