package dev.impersonation.trino;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.trino.spi.security.SystemAccessControlFactory.SystemAccessControlContext;

final class TestingContext
        implements SystemAccessControlContext
{
    @Override
    public String getVersion()
    {
        return "test";
    }

    @Override
    public OpenTelemetry getOpenTelemetry()
    {
        return OpenTelemetry.noop();
    }

    @Override
    public Tracer getTracer()
    {
        return OpenTelemetry.noop().getTracer("test");
    }
}
