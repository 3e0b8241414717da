package dev.impersonation.trino;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Plugins that no class path of the tests has, because they are compiled into a plugin directory.
 */
final class TestingPlugin
{
    private static final String SERVICE_FILE = "META-INF/services/io.trino.spi.Plugin";
    private static final String PLUGIN = """
            package testing;
            import io.trino.spi.security.*;
            import java.util.*;
            @SuppressWarnings("deprecation")
            public final class TestingPlugin implements io.trino.spi.Plugin
            {
                public Iterable<SystemAccessControlFactory> getSystemAccessControlFactories()
                {
                    return List.of(new SystemAccessControlFactory()
                    {
                        public String getName()
                        {
                            return "%s";
                        }
                        public SystemAccessControl create(Map<String, String> config)
                        {
                            %s
                        }
                    });
                }
            }
            """;

    private TestingPlugin() {}

    /**
     * @param name of the access control
     * @param create the body of the factory's method, which has a {@code Map<String, String> config}
     * @param more further classes, by their names
     */
    static void write(Path directory, String name, String create, Map<String, String> more)
            throws IOException
    {
        Map<String, String> sources = new HashMap<>(more);
        sources.put("testing.TestingPlugin", PLUGIN.formatted(requireNonNull(name, "name is null"), requireNonNull(create, "create is null")));
        compile(directory, "testing.TestingPlugin", sources);
    }

    /**
     * @param service the class that the jar says is its plugin
     */
    static void compile(Path directory, String service, Map<String, String> sources)
            throws IOException
    {
        Path work = Files.createTempDirectory("testing-plugin");
        try {
            List<String> arguments = new ArrayList<>(List.of("-proc:none", "-d", work.resolve("classes").toString(), "-cp", System.getProperty("java.class.path")));
            for (Map.Entry<String, String> source : sources.entrySet()) {
                Path file = work.resolve("sources/%s.java".formatted(source.getKey().replace('.', '/')));
                Files.createDirectories(file.getParent());
                arguments.add(Files.writeString(file, source.getValue()).toString());
            }
            assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments.toArray(String[]::new))).isZero();
            writeJar(directory, work.resolve("classes"), service);
        }
        finally {
            delete(work);
        }
    }

    /**
     * @param service the class that the jar says is its plugin
     */
    static void writeJar(Path directory, Path classes, String service)
            throws IOException
    {
        try (OutputStream file = Files.newOutputStream(Files.createDirectories(directory).resolve("plugin.jar"));
                JarOutputStream jar = new JarOutputStream(file);
                Stream<Path> paths = Files.walk(classes)) {
            jar.putNextEntry(new JarEntry(SERVICE_FILE));
            jar.write(service.getBytes(UTF_8));
            for (Path path : paths.filter(Files::isRegularFile).toList()) {
                jar.putNextEntry(new JarEntry(classes.relativize(path).toString()));
                Files.copy(path, jar);
            }
        }
    }

    private static void delete(Path directory)
            throws IOException
    {
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
