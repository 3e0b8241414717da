package dev.impersonation.engine;

import java.util.List;

/**
 * Calls what only the native library for tests has, which must be built for it (feature {@code boundary-test}).
 */
final class BoundaryProbe
{
    static {
        NativeLibrary.load();
        bindToFirstLibrary();
        System.load(System.getProperty("immuta.impersonation.test-library"));
    }

    private BoundaryProbe() {}

    /**
     * The JVM looks for a native method when it is first called, in all libraries of the class loader and in no certain order. Handles of one library mean nothing to
     * the other.
     */
    private static void bindToFirstLibrary()
    {
        byte[] nothing = {};
        List<Runnable> calls = List.of(
                () -> Natives.open(nothing),
                () -> Natives.check(0, nothing),
                () -> Natives.bind(0, nothing),
                () -> Natives.explain(0, 0, nothing),
                () -> Natives.forUser(nothing),
                () -> Natives.drainLog(0),
                () -> Natives.close(0));
        for (Runnable call : calls) {
            try {
                call.run();
            }
            catch (EngineException e) {
                // What matters is that the method was found.
            }
        }
    }

    /**
     * @param kind what the panic carries: 0 a {@code &str}, 1 a {@code String}, 2 something else
     */
    static native void panic(int kind);

    /**
     * Matches a pattern as the engine does, but without the engine's rules for names, so that line terminators and the empty name can be tried.
     *
     * @param question JSON: an array of the pattern and the array of names
     * @return JSON: why the pattern is refused, or an object: {@code exact} tells for each group whether it captures the same text as in Java,
     * and {@code found} for each name what the groups captured, or null if it does not match
     */
    static native byte[] match(byte[] question);
}
