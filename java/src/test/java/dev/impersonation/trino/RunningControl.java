package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;

import java.lang.reflect.Proxy;

import static java.util.Objects.requireNonNull;

/**
 * A control that ends with the test. The interface of the tests' Trino has no shutdown yet.
 */
record RunningControl(SystemAccessControl control)
        implements AutoCloseable
{
    RunningControl
    {
        requireNonNull(control, "control is null");
    }

    @Override
    public void close()
    {
        ((ImpersonationAccessControl) Proxy.getInvocationHandler(control)).shutdown();
    }
}
