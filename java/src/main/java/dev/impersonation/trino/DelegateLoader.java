package dev.impersonation.trino;

import io.trino.spi.security.SystemAccessControl;
import io.trino.spi.security.SystemAccessControlFactory;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

/**
 * Creates the control that decides on data, out of those that the server brings along.
 */
final class DelegateLoader
{
    private static final String NAME_PROPERTY = "access-control.name";
    private static final String DEFAULT_NAME = "default";
    private static final Map<String, String> BUILT_IN = new TreeMap<>(Map.of(
            "allow-all", "AllowAllSystemAccessControl",
            DEFAULT_NAME, "DefaultSystemAccessControl",
            "file", "FileBasedSystemAccessControl",
            "read-only", "ReadOnlySystemAccessControl"));

    private static final Pattern NUMBERED_PROBLEM = Pattern.compile("(?m)^\\d+\\) (?:Error: )?(.*)$");

    private final Map<String, String> environment;
    private final ClassLoader serverClassLoader;
    private final Creator creator;

    DelegateLoader(Map<String, String> environment, ClassLoader serverClassLoader, Creator creator)
    {
        this.environment = requireNonNull(environment, "environment is null");
        this.serverClassLoader = requireNonNull(serverClassLoader, "serverClassLoader is null");
        this.creator = requireNonNull(creator, "creator is null");
    }

    SystemAccessControl load(Optional<String> configFile)
    {
        try {
            if (configFile.isEmpty()) {
                return create(DEFAULT_NAME, Map.of());
            }
            return loadFrom(configFile.get().trim());
        }
        catch (DelegateException e) {
            throw new DelegateException("%s: %s".formatted(ImpersonationAccessControlFactory.DELEGATE_PROPERTY, e.getMessage()), e);
        }
    }

    private SystemAccessControl loadFrom(String configFile)
    {
        if (configFile.isEmpty()) {
            throw new DelegateException("the name of the file is empty");
        }
        Map<String, String> config;
        try {
            config = DelegateConfig.read(Path.of(configFile), environment);
        }
        catch (InvalidPathException e) {
            throw new DelegateException("not the name of a file: " + e.getMessage(), e);
        }

        String name = config.remove(NAME_PROPERTY);
        if (name == null || name.isEmpty()) {
            throw new DelegateException("%s has no %s; known are %s".formatted(configFile, NAME_PROPERTY, knownNames()));
        }
        if (name.equals(ImpersonationAccessControlFactory.NAME)) {
            throw new DelegateException("%s: %s=%s would make the control its own delegate; known are %s".formatted(configFile, NAME_PROPERTY, name, knownNames()));
        }
        if (!BUILT_IN.containsKey(name)) {
            throw new DelegateException("%s: %s=%s is not known; known are %s".formatted(configFile, NAME_PROPERTY, name, knownNames()));
        }
        try {
            return create(name, config);
        }
        catch (DelegateException e) {
            throw new DelegateException("%s: %s".formatted(configFile, e.getMessage()), e);
        }
    }

    private SystemAccessControl create(String name, Map<String, String> config)
    {
        SystemAccessControlFactory factory = factory(name);
        // What the server itself does around this call; the file control reads its JSON by services of its own class loader.
        Thread thread = Thread.currentThread();
        ClassLoader original = thread.getContextClassLoader();
        thread.setContextClassLoader(factory.getClass().getClassLoader());
        try {
            return requireNonNull(creator.create(factory, config), "the factory gave null");
        }
        catch (RuntimeException | LinkageError e) {
            throw new DelegateException("the access control '%s' cannot be created: %s".formatted(name, describe(e)), e);
        }
        finally {
            thread.setContextClassLoader(original);
        }
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

    /**
     * The server's controls list their problems as numbered lines among much that only their authors can read.
     */
    private static String describe(Throwable failure)
    {
        String message = failure.getMessage();
        if (message == null || message.isBlank()) {
            return failure.toString();
        }
        List<String> problems = NUMBERED_PROBLEM.matcher(message).results()
                .map(problem -> problem.group(1).trim())
                .distinct()
                .toList();
        if (problems.isEmpty()) {
            return message.lines().map(String::trim).filter(line -> !line.isEmpty()).collect(joining(" "));
        }
        return String.join("; ", problems);
    }

    private static String knownNames()
    {
        return String.join(", ", BUILT_IN.keySet());
    }

    interface Creator
    {
        SystemAccessControl create(SystemAccessControlFactory factory, Map<String, String> config);
    }
}
