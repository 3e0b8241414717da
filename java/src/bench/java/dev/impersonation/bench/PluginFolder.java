package dev.impersonation.bench;

import io.trino.spi.Plugin;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/**
 * The jars of one plugin, loaded as a server loads them: by a class loader of their own that shares the SPI and nothing else.
 */
final class PluginFolder
        extends URLClassLoader
{
    private static final List<String> SHARED_PACKAGES = List.of(
            "com.fasterxml.jackson.annotation.",
            "io.airlift.slice.",
            "io.opentelemetry.api.",
            "io.opentelemetry.context.",
            "io.trino.spi.");

    PluginFolder(Path folder)
            throws IOException
    {
        super(jars(folder), ClassLoader.getPlatformClassLoader());
    }

    Plugin plugin()
    {
        return ServiceLoader.load(Plugin.class, this).findFirst().orElseThrow();
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve)
            throws ClassNotFoundException
    {
        if (SHARED_PACKAGES.stream().anyMatch(name::startsWith)) {
            return Plugin.class.getClassLoader().loadClass(name);
        }
        return super.loadClass(name, resolve);
    }

    private static URL[] jars(Path folder)
            throws IOException
    {
        List<URL> jars = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                jars.add(file.toUri().toURL());
            }
        }
        return jars.toArray(URL[]::new);
    }
}
