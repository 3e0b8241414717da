package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.security.SystemAccessControlFactory;

import java.util.List;

public final class ImpersonationPlugin
        implements Plugin
{
    @Override
    public Iterable<SystemAccessControlFactory> getSystemAccessControlFactories()
    {
        return List.of(new ImpersonationAccessControlFactory());
    }
}
