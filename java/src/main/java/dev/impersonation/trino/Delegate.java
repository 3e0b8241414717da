package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * The control that decides on data, together with the class loader that was opened for it, if one was.
 */
record Delegate(SystemAccessControl control, Optional<DelegateClassLoader> classLoader)
{
    Delegate
    {
        requireNonNull(control, "control is null");
        requireNonNull(classLoader, "classLoader is null");
    }

    static Delegate ofServer(SystemAccessControl control)
    {
        return new Delegate(control, Optional.empty());
    }

    /**
     * @param type the interface of the running server
     */
    void shutdown(Class<?> type)
    {
        try {
            Forwarder.shutdown(type, control);
        }
        finally {
            classLoader.ifPresent(Delegate::close);
        }
    }

    private static void close(DelegateClassLoader classLoader)
    {
        try {
            classLoader.close();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
