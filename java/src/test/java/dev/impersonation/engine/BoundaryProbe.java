package dev.impersonation.engine;

import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.stream.Stream;

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
     * the other, so every method is called once while there is only the first.
     */
    private static void bindToFirstLibrary()
    {
        for (Method method : Natives.class.getDeclaredMethods()) {
            if (Modifier.isNative(method.getModifiers())) {
                call(method);
            }
        }
    }

    private static void call(Method method)
    {
        Object[] noHandleAndNothingElse = Stream.of(method.getParameterTypes())
                .map(type -> Array.get(Array.newInstance(type, 1), 0))
                .toArray();
        try {
            method.invoke(null, noHandleAndNothingElse);
        }
        catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof EngineException)) {
                throw new IllegalStateException("%s cannot be called".formatted(method), e.getCause());
            }
            // The arguments are refused; what matters is that the method was found.
        }
        catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
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
