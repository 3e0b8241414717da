package dev.impersonation.trino;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.util.Arrays;

import static java.util.Objects.requireNonNull;

/**
 * Calls one method of the delegate. By a method handle, because {@link Method#invoke} would wrap each denial in a second exception, which costs as much as the first.
 */
final class Forwarder
{
    private static final MethodType SPREAD = MethodType.methodType(Object.class, Object[].class);

    private static final Object[] NO_ARGUMENTS = {};

    private final MethodHandle handle;

    Forwarder(Method method, Object delegate)
    {
        requireNonNull(method, "method is null");
        requireNonNull(delegate, "delegate is null");
        try {
            handle = MethodHandles.publicLookup()
                    .unreflect(method)
                    .bindTo(delegate)
                    .asFixedArity()
                    .asSpreader(Object[].class, method.getParameterCount())
                    .asType(SPREAD);
        }
        catch (IllegalAccessException e) {
            throw new IllegalArgumentException("Method is not public: " + method, e);
        }
    }

    Object invoke(Object[] arguments)
            throws Throwable
    {
        return (Object) handle.invokeExact(arguments);
    }

    /**
     * Trino shuts access controls down since 440.
     */
    static boolean hasShutdown(Class<?> type)
    {
        return Arrays.stream(type.getMethods()).anyMatch(Forwarder::isShutdown);
    }

    static void shutdown(Class<?> type, Object delegate)
    {
        for (Method method : type.getMethods()) {
            if (isShutdown(method)) {
                try {
                    new Forwarder(method, delegate).invoke(NO_ARGUMENTS);
                }
                catch (RuntimeException | Error e) {
                    throw e;
                }
                catch (Throwable e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }

    static boolean isShutdown(Method method)
    {
        return method.getName().equals("shutdown") && method.getParameterCount() == 0;
    }
}
