package dev.impersonation.trino;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static java.util.Objects.requireNonNull;

/**
 * Reads an access control file in the way the server reads its own.
 */
final class DelegateConfig
{
    private static final Pattern SECRET = Pattern.compile("\\$\\{([a-zA-Z][a-zA-Z0-9_-]*):([^}]+)}");

    private DelegateConfig() {}

    static Map<String, String> read(Path file, Map<String, String> environment)
    {
        requireNonNull(file, "file is null");
        requireNonNull(environment, "environment is null");
        Properties properties;
        try {
            properties = load(file);
        }
        catch (NoSuchFileException e) {
            throw new DelegateException("%s does not exist".formatted(file.toAbsolutePath()), e);
        }
        catch (IOException | IllegalArgumentException e) {
            throw new DelegateException("%s cannot be read: %s".formatted(file.toAbsolutePath(), e), e);
        }

        Map<String, String> resolved = new TreeMap<>();
        for (String name : properties.stringPropertyNames()) {
            resolved.put(name, resolve(file, name, properties.getProperty(name).trim(), environment));
        }
        return resolved;
    }

    /**
     * @throws IllegalArgumentException the file has a broken escape
     */
    static Properties load(Path file)
            throws IOException
    {
        Properties properties = new Properties();
        try (InputStream input = Files.newInputStream(file)) {
            properties.load(input);
        }
        return properties;
    }

    private static String resolve(Path file, String name, String value, Map<String, String> environment)
    {
        Matcher matcher = SECRET.matcher(value);
        StringBuilder resolved = new StringBuilder();
        while (matcher.find()) {
            if (!matcher.group(1).equalsIgnoreCase("env")) {
                throw new DelegateException("%s: %s refers to %s, but only ${ENV:NAME} is known here".formatted(file, name, matcher.group()));
            }
            String replacement = environment.get(matcher.group(2).trim());
            if (replacement == null) {
                throw new DelegateException("%s: %s refers to %s, but this environment variable is not set".formatted(file, name, matcher.group()));
            }
            matcher.appendReplacement(resolved, Matcher.quoteReplacement(replacement));
        }
        return matcher.appendTail(resolved).toString();
    }
}
