package dev.impersonation.trino;

import io.trino.spi.eventlistener.EventListener;
import io.trino.spi.security.SystemAccessControl;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static java.util.Objects.requireNonNull;

/**
 * Remembers every call, and answers it with a value that can be told from any other, or with a failure.
 */
final class RecordingAccessControl
        implements InvocationHandler
{
    record Call(Method method, List<Object> arguments)
    {
        Call
        {
            requireNonNull(method, "method is null");
            requireNonNull(arguments, "arguments is null");
        }
    }

    private final List<Call> calls = new ArrayList<>();
    private Throwable failure;
    private Object answer;
    private Object lastAnswer;

    static <T extends SystemAccessControl> T create(Class<T> type, RecordingAccessControl recording)
    {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, recording));
    }

    synchronized void failWith(Throwable failure)
    {
        this.failure = failure;
    }

    synchronized void answerWith(Object answer)
    {
        this.answer = answer;
    }

    synchronized List<Call> calls()
    {
        return List.copyOf(calls);
    }

    synchronized List<String> methods()
    {
        return calls.stream().map(call -> call.method().getName()).toList();
    }

    synchronized Object lastAnswer()
    {
        return lastAnswer;
    }

    @Override
    public synchronized Object invoke(Object proxy, Method method, Object[] arguments)
            throws Throwable
    {
        if (method.getDeclaringClass() == Object.class) {
            return switch (method.getName()) {
                case "equals" -> proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "recording";
            };
        }
        calls.add(new Call(method, arguments == null ? List.of() : Arrays.asList(arguments)));
        if (failure != null) {
            throw failure;
        }
        lastAnswer = answer == null ? answer(method.getReturnType()) : answer;
        return lastAnswer;
    }

    private static Object answer(Class<?> type)
    {
        if (type == void.class) {
            return null;
        }
        if (type == boolean.class) {
            return true;
        }
        if (type == int.class) {
            return 42;
        }
        if (type == Set.class) {
            return Set.of("answer");
        }
        if (type == Map.class) {
            return Map.of("answer", "answer");
        }
        if (type == List.class || type == Collection.class) {
            return List.of("answer");
        }
        if (type == Iterable.class) {
            return List.of(new EventListener() {});
        }
        if (type == Optional.class) {
            return Optional.of("answer");
        }
        throw new AssertionError("No answer of " + type);
    }
}
