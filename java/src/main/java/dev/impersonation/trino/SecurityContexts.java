package dev.impersonation.trino;

import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.util.Optional;

import static java.lang.invoke.MethodType.methodType;
import static java.util.Objects.requireNonNull;

/**
 * Reads and rebuilds the context of an access check. It held an identity and perhaps a query up to 426; since 427 it holds an identity, a query and its start.
 */
final class SecurityContexts
{
    private final MethodHandle queryId;
    private final MethodHandle create;

    /**
     * Of the running server.
     */
    SecurityContexts()
    {
        this(SystemSecurityContext.class);
    }

    SecurityContexts(Class<?> type)
    {
        requireNonNull(type, "type is null");
        try {
            MethodHandle queryId = getter(type, "getQueryId");
            this.queryId = queryId.asType(methodType(Object.class, Object.class));
            this.create = create(type, queryId).asType(methodType(Object.class, Identity.class, Object.class));
        }
        catch (ReflectiveOperationException e) {
            throw new IllegalStateException("This server's %s is not known: it must be newer than this plugin".formatted(type.getSimpleName()), e);
        }
    }

    /**
     * The query that asks, if there is one.
     */
    Optional<String> queryId(Object context)
    {
        Object id;
        try {
            id = (Object) queryId.invokeExact(context);
        }
        catch (Throwable e) {
            throw unexpected(e);
        }
        if (id instanceof Optional<?> optional) {
            return optional.map(Object::toString);
        }
        return Optional.of(id.toString());
    }

    /**
     * The same context, asked by somebody else.
     */
    Object withIdentity(Object context, Identity identity)
    {
        try {
            return (Object) create.invokeExact(identity, context);
        }
        catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static MethodHandle create(Class<?> type, MethodHandle queryId)
            throws ReflectiveOperationException
    {
        for (Constructor<?> constructor : type.getConstructors()) {
            MethodHandle handle = MethodHandles.publicLookup().unreflectConstructor(constructor);
            if (constructor.getParameterCount() == 2) {
                return MethodHandles.filterArguments(handle, 1, queryId);
            }
            if (constructor.getParameterCount() == 3) {
                MethodHandle filtered = MethodHandles.filterArguments(handle, 1, queryId, getter(type, "getQueryStart"));
                return MethodHandles.permuteArguments(filtered, methodType(type, Identity.class, type), 0, 1, 1);
            }
        }
        throw new NoSuchMethodException("constructor");
    }

    private static MethodHandle getter(Class<?> type, String name)
            throws ReflectiveOperationException
    {
        Method method = type.getMethod(name);
        return MethodHandles.publicLookup().unreflect(method);
    }

    private static RuntimeException unexpected(Throwable failure)
    {
        if (failure instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("The context of an access check cannot be used", failure);
    }
}
