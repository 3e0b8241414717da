package dev.impersonation.engine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;

import static dev.impersonation.engine.EngineException.Code.LIBRARY_UNAVAILABLE;

/**
 * The native library of this class loader. It is loaded once, and a failure is kept as well: the JVM would not answer differently the next time.
 */
final class NativeLibrary
{
    private static State state = State.NOT_LOADED;
    private static DecisionCatalogue catalogue;
    private static EngineException failure;

    private NativeLibrary() {}

    static synchronized DecisionCatalogue load()
    {
        if (state == State.NOT_LOADED) {
            try {
                catalogue = loadLibrary();
                state = State.LOADED;
            }
            catch (EngineException e) {
                failure = e;
                state = State.FAILED;
            }
        }
        if (state == State.FAILED) {
            throw new EngineException(failure.getCode(), failure.getMessage(), failure);
        }
        return catalogue;
    }

    /**
     * The version of this jar.
     */
    static String version()
    {
        Properties properties = new Properties();
        try (InputStream input = NativeLibrary.class.getResourceAsStream("version.properties")) {
            if (input == null) {
                throw new EngineException(LIBRARY_UNAVAILABLE, "The jar is incomplete: version.properties is missing");
            }
            properties.load(input);
        }
        catch (IOException e) {
            throw new EngineException(LIBRARY_UNAVAILABLE, "The jar is incomplete: version.properties cannot be read", e);
        }
        return properties.getProperty("version");
    }

    static void requireSameVersion(String jarVersion, String libraryVersion)
    {
        if (!libraryVersion.equals(jarVersion)) {
            throw new EngineException(LIBRARY_UNAVAILABLE, "The native library has version %s, but the jar has version %s; install both from one build"
                    .formatted(libraryVersion, jarVersion));
        }
    }

    private static DecisionCatalogue loadLibrary()
    {
        Optional<String> overridePath = Optional.ofNullable(System.getenv(LibraryLoader.OVERRIDE_VARIABLE))
                .or(() -> Optional.ofNullable(System.getProperty(LibraryLoader.OVERRIDE_PROPERTY)))
                .filter(path -> !path.isEmpty());
        new LibraryLoader(
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                overridePath,
                NativeLibrary.class.getClassLoader()::getResourceAsStream,
                Path.of(System.getProperty("java.io.tmpdir")),
                MountTable.SYSTEM,
                NativeLibrary::systemLoad)
                .load();
        try {
            requireSameVersion(version(), Natives.version());
            return DecisionCatalogue.decode(Natives.reasons());
        }
        catch (UnsatisfiedLinkError e) {
            throw new EngineException(LIBRARY_UNAVAILABLE, "The native library lacks a function that the jar needs (%s); install both from one build".formatted(e.getMessage()), e);
        }
    }

    /**
     * The JVM gives the library to the class loader of the class that makes this call, so it must not be made by a method reference.
     */
    private static void systemLoad(String path)
    {
        System.load(path);
    }

    private enum State
    {
        NOT_LOADED,
        LOADED,
        FAILED,
    }
}
