package dev.impersonation.trino;

import io.trino.spi.classloader.ThreadContextClassLoader;

import java.util.Map;
import java.util.function.Function;

import static java.util.Objects.requireNonNull;

/**
 * Calls the factory of a delegate as the server itself does.
 */
final class DelegateCreation
{
    private DelegateCreation() {}

    /**
     * @param what is created, for a person
     * @param factory whose own class loader is the thread's meanwhile, for the file control, say, reads its JSON by services of it
     * @throws DelegateException with what the factory complains of, without the values of the configuration
     */
    @SuppressWarnings("try")
    static <T> T create(String what, Object factory, Map<String, String> config, Function<Map<String, String>, T> call)
    {
        try (ThreadContextClassLoader ignored = new ThreadContextClassLoader(factory.getClass().getClassLoader())) {
            return requireNonNull(call.apply(config), "the factory gave null");
        }
        catch (RuntimeException | LinkageError e) {
            ConcealedValues values = new ConcealedValues(config);
            throw new DelegateException("the %s cannot be created: %s".formatted(what, values.conceal(ForeignFailure.describe(e))), values.conceal(e));
        }
    }
}
