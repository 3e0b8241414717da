package dev.impersonation.engine;

/**
 * Calls what only the native library for tests has, which must be built for it (feature {@code boundary-test}).
 */
final class BoundaryProbe
{
    static {
        NativeLibrary.load();
        System.load(System.getProperty("immuta.impersonation.test-library"));
    }

    private BoundaryProbe() {}

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
