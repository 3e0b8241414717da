package dev.impersonation.trino;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * Loads a plugin as the server does: the JDK's classes and those that the server shares are the server's, everything else, and every resource, is the plugin's own.
 * <p>
 * What the server shares differs from version to version, so the class loader that it gave to us is asked for it instead of a list.
 */
final class DelegateClassLoader
        extends URLClassLoader
{
    private final ClassLoader givenByServer;

    /**
     * @param givenByServer the class loader of a plugin, whose own classes are not shared
     */
    DelegateClassLoader(Path directory, ClassLoader givenByServer)
    {
        super("delegate:" + requireNonNull(directory, "directory is null").getFileName(), jars(directory), ClassLoader.getPlatformClassLoader());
        this.givenByServer = requireNonNull(givenByServer, "givenByServer is null");
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve)
            throws ClassNotFoundException
    {
        synchronized (getClassLoadingLock(name)) {
            if (findLoadedClass(name) == null) {
                Optional<Class<?>> shared = shared(name);
                if (shared.isPresent()) {
                    return shared.get();
                }
            }
            return super.loadClass(name, resolve);
        }
    }

    private Optional<Class<?>> shared(String name)
    {
        try {
            Class<?> type = givenByServer.loadClass(name);
            return type.getClassLoader() == givenByServer ? Optional.empty() : Optional.of(type);
        }
        catch (ClassNotFoundException e) {
            return Optional.empty();
        }
    }

    private static URL[] jars(Path directory)
    {
        List<Path> files = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(files::add);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return files.stream().sorted().map(DelegateClassLoader::url).toArray(URL[]::new);
    }

    private static URL url(Path file)
    {
        try {
            return file.toUri().toURL();
        }
        catch (MalformedURLException e) {
            throw new UncheckedIOException(e);
        }
    }
}
