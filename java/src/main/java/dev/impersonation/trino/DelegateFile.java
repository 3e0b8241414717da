package dev.impersonation.trino;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import static java.util.Objects.requireNonNull;

/**
 * The file that names a delegate and holds its configuration.
 */
record DelegateFile(String name, Map<String, String> config)
{
    DelegateFile
    {
        requireNonNull(name, "name is null");
        config = Collections.unmodifiableMap(new TreeMap<>(config));
    }

    /**
     * @param nameProperty the property that the server itself would find the name in
     * @param builtIn the names of delegates that need no plugin
     */
    static DelegateFile read(String file, String nameProperty, List<String> builtIn, Map<String, String> environment)
    {
        if (file.isEmpty()) {
            throw new DelegateException("the name of the file is empty");
        }
        Map<String, String> config;
        try {
            config = DelegateConfig.read(Path.of(file), environment);
        }
        catch (InvalidPathException e) {
            throw new DelegateException("not the name of a file: " + e.getMessage(), e);
        }
        String name = config.remove(nameProperty);
        if (name == null || name.isEmpty()) {
            throw new DelegateException("%s has no %s%s".formatted(file, nameProperty, hint(builtIn)));
        }
        if (name.equals(ImpersonationAccessControlFactory.NAME)) {
            throw new DelegateException("%s: %s=%s would make the plugin its own delegate%s".formatted(file, nameProperty, name, hint(builtIn)));
        }
        return new DelegateFile(name, config);
    }

    private static String hint(List<String> builtIn)
    {
        return builtIn.isEmpty() ? "" : "; built in are %s".formatted(String.join(", ", builtIn));
    }
}
