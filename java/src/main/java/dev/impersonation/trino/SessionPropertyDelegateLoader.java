package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.classloader.ThreadContextClassLoader;
import io.trino.spi.resourcegroups.SessionPropertyConfigurationManagerContext;
import io.trino.spi.session.SessionConfigurationContext;
import io.trino.spi.session.SessionPropertyConfigurationManager;
import io.trino.spi.session.SessionPropertyConfigurationManagerFactory;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

import static java.util.Objects.requireNonNull;

/**
 * Creates the manager that gives sessions their other defaults. It comes from a plugin, for the server brings none along, and lives as long as the server.
 */
final class SessionPropertyDelegateLoader
{
    private static final String NAME_PROPERTY = "session-property-config.configuration-manager";
    private static final DelegatePlugins.Kind<SessionPropertyConfigurationManagerFactory> KIND = new DelegatePlugins.Kind<>(
            Plugin::getSessionPropertyConfigurationManagerFactories,
            SessionPropertyConfigurationManagerFactory::getName,
            List.of());

    private final Map<String, String> environment;
    private final Supplier<DelegatePlugins> plugins;

    SessionPropertyDelegateLoader(Map<String, String> environment, Supplier<DelegatePlugins> plugins)
    {
        this.environment = requireNonNull(environment, "environment is null");
        this.plugins = requireNonNull(plugins, "plugins is null");
    }

    SessionPropertyConfigurationManager load(Optional<String> configFile, SessionPropertyConfigurationManagerContext context)
    {
        if (configFile.isEmpty()) {
            return new NoDefaults();
        }
        try {
            return load(DelegateFile.read(configFile.get().trim(), NAME_PROPERTY, KIND.builtIn(), environment), context);
        }
        catch (DelegateException e) {
            throw new DelegateException("%s: %s".formatted(ImpersonationAccessControlFactory.DELEGATE_PROPERTY, e.getMessage()), e);
        }
    }

    private SessionPropertyConfigurationManager load(DelegateFile file, SessionPropertyConfigurationManagerContext context)
    {
        DelegatePlugins.Found<SessionPropertyConfigurationManagerFactory> found;
        try {
            found = plugins.get().find(KIND, file.name());
        }
        catch (DelegateException e) {
            throw new DelegateException("%s=%s cannot be used: %s".formatted(NAME_PROPERTY, file.name(), e.getMessage()), e);
        }
        try {
            return create(found, file.config(), context);
        }
        catch (Throwable e) {
            found.close(e);
            throw e;
        }
    }

    @SuppressWarnings("try")
    private static SessionPropertyConfigurationManager create(
            DelegatePlugins.Found<SessionPropertyConfigurationManagerFactory> found,
            Map<String, String> config,
            SessionPropertyConfigurationManagerContext context)
    {
        try (ThreadContextClassLoader ignored = new ThreadContextClassLoader(found.classLoader())) {
            return requireNonNull(found.factory().create(config, context), "the factory gave null");
        }
        catch (RuntimeException | LinkageError e) {
            ConcealedValues values = new ConcealedValues(config);
            throw new DelegateException(
                    "the manager '%s' of the plugin %s cannot be created: %s".formatted(found.factory().getName(), found.directory(), values.conceal(ForeignFailure.describe(e))),
                    values.conceal(e));
        }
    }

    private static final class NoDefaults
            implements SessionPropertyConfigurationManager
    {
        @Override
        public Map<String, String> getSystemSessionProperties(SessionConfigurationContext context)
        {
            return Map.of();
        }

        @Override
        public Map<String, Map<String, String>> getCatalogSessionProperties(SessionConfigurationContext context)
        {
            return Map.of();
        }
    }
}
