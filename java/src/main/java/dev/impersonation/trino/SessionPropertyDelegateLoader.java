package dev.impersonation.trino;

import io.trino.spi.Plugin;
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
        return DelegatePlugins.use(plugins, KIND, NAME_PROPERTY, file.name(), found -> DelegateCreation.create(
                "manager '%s' of the plugin %s".formatted(file.name(), found.directory()),
                found.factory(),
                file.config(),
                properties -> found.factory().create(properties, context)));
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
