package dev.impersonation.engine;

/**
 * Panics inside the native library, which must be built for it (feature {@code boundary-test}).
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
}
