package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.classloader.ThreadContextClassLoader;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

/**
 * Finds delegates in the plugins beside this one. The server has loaded these plugins, too, but lets no plugin see another.
 */
final class DelegatePlugins
{
    private static final String SERVICE_FILE = "META-INF/services/" + Plugin.class.getName();

    private final Path ownDirectory;
    private final ClassLoader givenByServer;

    /**
     * @param ownDirectory where the jar of this plugin lies
     * @param givenByServer the class loader that the server made for this plugin
     */
    DelegatePlugins(Path ownDirectory, ClassLoader givenByServer)
    {
        this.ownDirectory = requireNonNull(ownDirectory, "ownDirectory is null").toAbsolutePath();
        this.givenByServer = requireNonNull(givenByServer, "givenByServer is null");
    }

    static DelegatePlugins besideThisPlugin()
    {
        CodeSource source = DelegatePlugins.class.getProtectionDomain().getCodeSource();
        if (source == null) {
            throw new DelegateException("no other plugin can be looked for, because the JVM does not tell where this one lies");
        }
        try {
            return new DelegatePlugins(Path.of(source.getLocation().toURI()).getParent(), DelegatePlugins.class.getClassLoader());
        }
        catch (URISyntaxException | RuntimeException e) {
            throw new DelegateException("no other plugin can be looked for, because this one lies at %s".formatted(source.getLocation()), e);
        }
    }

    /**
     * Finds a delegate's factory and makes use of it. Its class loader stays open if that succeeds.
     *
     * @param nameProperty where the name was found, for a person
     */
    static <F, T> T use(Supplier<DelegatePlugins> plugins, Kind<F> kind, String nameProperty, String name, Function<Found<F>, T> user)
    {
        Found<F> found;
        try {
            found = plugins.get().find(kind, name);
        }
        catch (DelegateException e) {
            throw new DelegateException("%s=%s cannot be used: %s".formatted(nameProperty, name, e.getMessage()), e);
        }
        try {
            return user.apply(found);
        }
        catch (Throwable e) {
            found.close(e);
            throw e;
        }
    }

    /**
     * @return what the caller must close
     */
    <F> Found<F> find(Kind<F> kind, String name)
    {
        Search<F> search = new Search<>(kind, name);
        try {
            List<Path> others = new ArrayList<>();
            for (Path directory : directories()) {
                if (directory.getFileName().toString().equals(name)) {
                    search.lookInto(directory);
                }
                else {
                    others.add(directory);
                }
            }
            // The server refuses to start with two plugins that offer the same name, so the others need not be loaded to find out.
            if (search.found.isEmpty()) {
                others.forEach(search::lookInto);
            }
            return search.only();
        }
        catch (Throwable e) {
            search.found.forEach(found -> found.close(e));
            throw e;
        }
    }

    private List<Path> directories()
    {
        List<Path> directories = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(ownDirectory.getParent(), Files::isDirectory)) {
            stream.forEach(directories::add);
        }
        catch (IOException e) {
            throw new DelegateException("the plugins in %s cannot be listed: %s".formatted(ownDirectory.getParent(), e), e);
        }
        directories.remove(ownDirectory);
        directories.sort(null);
        return directories;
    }

    /**
     * What is looked for.
     *
     * @param builtIn the names that need no plugin
     */
    record Kind<F>(Function<Plugin, Iterable<F>> factories, Function<F, String> nameOf, List<String> builtIn)
    {
        Kind
        {
            requireNonNull(factories, "factories is null");
            requireNonNull(nameOf, "nameOf is null");
            requireNonNull(builtIn, "builtIn is null");
        }
    }

    record Found<F>(Path directory, F factory, DelegateClassLoader classLoader)
    {
        Found
        {
            requireNonNull(directory, "directory is null");
            requireNonNull(factory, "factory is null");
            requireNonNull(classLoader, "classLoader is null");
        }

        /**
         * For a delegate that is not used after all.
         */
        void close(Throwable reason)
        {
            try {
                classLoader.close();
            }
            catch (IOException e) {
                reason.addSuppressed(e);
            }
        }
    }

    private final class Search<F>
    {
        private final Kind<F> kind;
        private final String name;
        private final List<Found<F>> found = new ArrayList<>();
        private final TreeSet<String> names = new TreeSet<>();
        private final Map<Path, Throwable> failures = new TreeMap<>();

        private Search(Kind<F> kind, String name)
        {
            this.kind = requireNonNull(kind, "kind is null");
            this.name = requireNonNull(name, "name is null");
        }

        @SuppressWarnings("try")
        private void lookInto(Path directory)
        {
            try {
                DelegateClassLoader classLoader = new DelegateClassLoader(directory, givenByServer);
                boolean used = false;
                try (ThreadContextClassLoader ignored = new ThreadContextClassLoader(classLoader)) {
                    if (classLoader.findResource(SERVICE_FILE) == null) {
                        throw new DelegateException("it has no jar with %s, or none that can be read".formatted(SERVICE_FILE));
                    }
                    for (Plugin plugin : ServiceLoader.load(Plugin.class, classLoader)) {
                        for (F factory : kind.factories().apply(plugin)) {
                            String offered = kind.nameOf().apply(factory);
                            names.add(offered);
                            if (offered.equals(name)) {
                                found.add(new Found<>(directory, factory, classLoader));
                                used = true;
                            }
                        }
                    }
                }
                finally {
                    if (!used) {
                        classLoader.close();
                    }
                }
            }
            // A plugin that has nothing to do with the delegate must not stop the server.
            catch (IOException | RuntimeException | ServiceConfigurationError | LinkageError e) {
                failures.put(directory, e);
            }
        }

        private Found<F> only()
        {
            if (found.size() == 1) {
                return found.get(0);
            }
            if (found.isEmpty()) {
                DelegateException failure = new DelegateException(builtIn() + inPlugins());
                failures.values().forEach(failure::addSuppressed);
                throw failure;
            }
            throw new DelegateException("it is offered more than once: " + found.stream().map(Found::directory).map(Path::toString).collect(joining(" and ")));
        }

        private String builtIn()
        {
            return kind.builtIn().isEmpty() ? "" : "built in are %s, and ".formatted(String.join(", ", kind.builtIn()));
        }

        private String inPlugins()
        {
            Path plugins = ownDirectory.getParent();
            String offered = names.isEmpty() ? "none" : String.join(", ", names);
            return "the plugins in %s offer %s".formatted(plugins, offered) + failures.entrySet().stream()
                    .map(failure -> "; %s cannot be loaded: %s".formatted(failure.getKey(), ForeignFailure.describe(failure.getValue())))
                    .collect(joining());
        }
    }
}
