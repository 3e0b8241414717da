package dev.impersonation.bench;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;
import io.trino.plugin.base.security.FileBasedSystemAccessControl;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;
import io.trino.spi.security.SystemAccessControlFactory.SystemAccessControlContext;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.StreamSupport;

/**
 * Starts access controls as a server does, from what their {@code access-control.properties} say.
 */
final class Controls
{
    private static final String FILE = "file";

    private Controls() {}

    /**
     * What the properties file of this name says, for a control and for the benchmark.
     */
    static Map<String, String> properties(String name)
            throws IOException
    {
        Properties file = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(System.getProperty("bench.controls")).resolve(name + ".properties"))) {
            file.load(reader);
        }
        Map<String, String> properties = new HashMap<>();
        file.stringPropertyNames().forEach(property -> properties.put(property, file.getProperty(property)));
        return properties;
    }

    static SystemAccessControl start(Map<String, String> properties)
            throws IOException
    {
        Map<String, String> configuration = new HashMap<>(properties);
        configuration.keySet().removeIf(property -> property.startsWith("bench."));
        return factory(configuration.remove("access-control.name")).create(configuration, new Context());
    }

    /**
     * Asks a control other things, too, as every server does. Otherwise the JVM would learn that it is asked for nothing else, and compile what no server ever has.
     */
    @SuppressWarnings("deprecation")
    static void askOtherThings(SystemAccessControl control)
    {
        Identity somebody = Identity.ofUser("svc");
        for (int round = 0; round < 20_000; round++) {
            control.checkCanSetUser(Optional.empty(), "svc");
            control.getEventListeners();
            control.filterViewQueryOwnedBy(somebody, List.of());
        }
    }

    /**
     * The SPI that this is compiled with has no such method yet.
     */
    static void shutdown(SystemAccessControl control)
            throws ReflectiveOperationException
    {
        try {
            SystemAccessControl.class.getMethod("shutdown").invoke(control);
        }
        catch (NoSuchMethodException e) {
            // This server tells no access control that it ends.
        }
    }

    private static SystemAccessControlFactory factory(String name)
            throws IOException
    {
        if (name.equals(FILE)) {
            return new FileBasedSystemAccessControl.Factory();
        }
        Path plugins = Path.of(System.getProperty("bench.plugins"));
        Iterable<SystemAccessControlFactory> factories = new PluginFolder(plugins.resolve(name)).plugin().getSystemAccessControlFactories();
        return StreamSupport.stream(factories.spliterator(), false)
                .filter(factory -> factory.getName().equals(name))
                .findFirst().orElseThrow();
    }

    private static final class Context
            implements SystemAccessControlContext
    {
        @Override
        public String getVersion()
        {
            return "bench";
        }

        @Override
        public OpenTelemetry getOpenTelemetry()
        {
            return OpenTelemetry.noop();
        }

        @Override
        public Tracer getTracer()
        {
            return OpenTelemetry.noop().getTracer("bench");
        }
    }
}
