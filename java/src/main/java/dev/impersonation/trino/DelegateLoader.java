package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

import static java.util.Objects.requireNonNull;

/**
 * Creates the control that decides on data, out of those that the server brings along and those of the plugins beside this one.
 */
final class DelegateLoader
{
    static final String NAME_PROPERTY = "access-control.name";
    private static final String DEFAULT_NAME = "default";
    private static final Map<String, String> BUILT_IN = new TreeMap<>(Map.of(
            "allow-all", "AllowAllSystemAccessControl",
            DEFAULT_NAME, "DefaultSystemAccessControl",
            "file", "FileBasedSystemAccessControl",
            "read-only", "ReadOnlySystemAccessControl"));
    private static final DelegatePlugins.Kind<SystemAccessControlFactory> KIND = new DelegatePlugins.Kind<>(
            Plugin::getSystemAccessControlFactories,
            SystemAccessControlFactory::getName,
            List.copyOf(BUILT_IN.keySet()));

    private final Map<String, String> environment;
    private final ClassLoader serverClassLoader;
    private final Supplier<DelegatePlugins> plugins;
    private final Creator creator;

    DelegateLoader(Map<String, String> environment, ClassLoader serverClassLoader, Supplier<DelegatePlugins> plugins, Creator creator)
    {
        this.environment = requireNonNull(environment, "environment is null");
        this.serverClassLoader = requireNonNull(serverClassLoader, "serverClassLoader is null");
        this.plugins = requireNonNull(plugins, "plugins is null");
        this.creator = requireNonNull(creator, "creator is null");
    }

    Delegate load(Optional<String> configFile)
    {
        try {
            if (configFile.isEmpty()) {
                return builtIn(DEFAULT_NAME, Map.of());
            }
            return loadFrom(configFile.get().trim());
        }
        catch (DelegateException e) {
            throw new DelegateException("%s: %s".formatted(ImpersonationAccessControlFactory.DELEGATE_PROPERTY, e.getMessage()), e);
        }
    }

    private Delegate loadFrom(String configFile)
    {
        DelegateFile file = DelegateFile.read(configFile, NAME_PROPERTY, KIND.builtIn(), environment);
        try {
            return BUILT_IN.containsKey(file.name()) ? builtIn(file.name(), file.config()) : ofPlugin(file.name(), file.config());
        }
        catch (DelegateException e) {
            throw new DelegateException("%s: %s".formatted(configFile, e.getMessage()), e);
        }
    }

    private Delegate builtIn(String name, Map<String, String> config)
    {
        return Delegate.ofServer(create("'%s'".formatted(name), factory(name), config));
    }

    private Delegate ofPlugin(String name, Map<String, String> config)
    {
        return DelegatePlugins.use(plugins, KIND, NAME_PROPERTY, name, found -> new Delegate(
                create("'%s' of the plugin %s".formatted(name, found.directory()), found.factory(), config),
                Optional.of(found.classLoader())));
    }

    private SystemAccessControl create(String description, SystemAccessControlFactory factory, Map<String, String> config)
    {
        return DelegateCreation.create("access control " + description, factory, config, properties -> creator.create(factory, properties));
    }

    /**
     * By name, because the server's own classes are not part of what a plugin may link against.
     */
    private SystemAccessControlFactory factory(String name)
    {
        String className = "io.trino.plugin.base.security.%s$Factory".formatted(BUILT_IN.get(name));
        try {
            return Class.forName(className, true, serverClassLoader)
                    .asSubclass(SystemAccessControlFactory.class)
                    .getConstructor()
                    .newInstance();
        }
        catch (ReflectiveOperationException | LinkageError | ClassCastException e) {
            throw new DelegateException("this server has no access control '%s' (%s)".formatted(name, e), e);
        }
    }

    interface Creator
    {
        SystemAccessControl create(SystemAccessControlFactory factory, Map<String, String> config);
    }
}
