package dev.impersonation.trino;

import io.trino.spi.Plugin;

import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;

/**
 * Shares with the plugin what a server shares.
 */
final class PluginClassLoader
        extends URLClassLoader
{
    private static final List<String> SHARED_PACKAGES = List.of(
            "com.fasterxml.jackson.annotation.",
            "io.airlift.slice.",
            "io.opentelemetry.api.",
            "io.opentelemetry.context.",
            "io.trino.spi.");

    PluginClassLoader(Path jar)
            throws MalformedURLException
    {
        super(new URL[] {jar.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
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
}
