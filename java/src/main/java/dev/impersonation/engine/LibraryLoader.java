package dev.impersonation.engine;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

import static dev.impersonation.engine.EngineException.Code.LIBRARY_UNAVAILABLE;
import static java.util.Objects.requireNonNull;

/**
 * Finds the native library and has the JVM load it, or says in one sentence what keeps it from that.
 *
 * @param overridePath a library to load in place of the one in the jar
 * @param resources opens a resource of the jar; null when there is none
 * @param systemLoad {@link System#load} of the class loader that declares the native methods
 */
record LibraryLoader(
        String osName,
        String osArchitecture,
        Optional<String> overridePath,
        Function<String, InputStream> resources,
        Path temporaryDirectory,
        MountTable mounts,
        Consumer<String> systemLoad)
{
    static final String FILE_NAME = "libimmuta_impersonation.so";
    static final String OVERRIDE_VARIABLE = "IMMUTA_IMPERSONATION_LIBRARY";
    static final String OVERRIDE_PROPERTY = "immuta.impersonation.library";

    LibraryLoader
    {
        requireNonNull(osName, "osName is null");
        requireNonNull(osArchitecture, "osArchitecture is null");
        requireNonNull(overridePath, "overridePath is null");
        requireNonNull(resources, "resources is null");
        requireNonNull(temporaryDirectory, "temporaryDirectory is null");
        requireNonNull(mounts, "mounts is null");
        requireNonNull(systemLoad, "systemLoad is null");
    }

    void load()
    {
        Optional<Architecture> architecture = Architecture.ofJavaName(osArchitecture);
        if (!osName.toLowerCase(Locale.ROOT).equals("linux") || architecture.isEmpty()) {
            throw unavailable("there is none for %s on %s, only for Linux on x86_64 and aarch64".formatted(osName, osArchitecture), null);
        }
        if (overridePath.isPresent()) {
            loadOverride(overridePath.get(), architecture.get());
        }
        else {
            loadFromJar(architecture.get());
        }
    }

    private void loadOverride(String path, Architecture architecture)
    {
        Path library = Path.of(path).toAbsolutePath();
        if (!Files.isRegularFile(library)) {
            throw unavailable("%s does not exist or is not a file (set by %s or -D%s)".formatted(library, OVERRIDE_VARIABLE, OVERRIDE_PROPERTY), null);
        }
        load(library, library.toString(), architecture);
    }

    private void loadFromJar(Architecture architecture)
    {
        String resource = "native/linux-%s/%s".formatted(architecture.getDirectory(), FILE_NAME);
        Path extracted = extract(resource);
        try {
            load(extracted, "%s, extracted from %s in the jar".formatted(extracted, resource), architecture);
        }
        finally {
            // The mapping stays; the name is of no more use to anybody.
            deleteQuietly(extracted);
        }
    }

    /**
     * To a name of its own: the JVM refuses one path to two class loaders.
     */
    private Path extract(String resource)
    {
        try (InputStream input = resources.apply(resource)) {
            if (input == null) {
                throw unavailable("%s is missing from the jar; the jar was built for another processor, or without the native library".formatted(resource), null);
            }
            Path file = Files.createTempFile(temporaryDirectory, "immuta-impersonation-", ".so");
            // Into the file that was made, which nobody else may read or write, and not in place of it.
            try (OutputStream output = Files.newOutputStream(file)) {
                input.transferTo(output);
            }
            catch (IOException e) {
                deleteQuietly(file);
                throw e;
            }
            return file;
        }
        catch (IOException e) {
            throw unavailable("it cannot be extracted to %s (%s); set -Djava.io.tmpdir to a directory with space that the server may write to"
                    .formatted(temporaryDirectory, e), e);
        }
    }

    private void load(Path library, String description, Architecture architecture)
    {
        try {
            Optional<String> mismatch = architecture.mismatch(library);
            if (mismatch.isPresent()) {
                throw unavailable("%s: %s".formatted(description, mismatch.get()), null);
            }
        }
        catch (IOException e) {
            throw unavailable("%s cannot be read (%s)".formatted(description, e), e);
        }

        try {
            systemLoad.accept(library.toString());
        }
        catch (UnsatisfiedLinkError e) {
            // The JVM and the system each put the path in front of what they say.
            String message = String.valueOf(e.getMessage()).replace(library + ": ", "");
            if (message.contains("failed to map segment") || mounts.isNoexec(library)) {
                throw unavailable("%s is on a file system that is mounted noexec (%s); set -Djava.io.tmpdir to a directory on another one".formatted(description, message), e);
            }
            throw unavailable("%s: %s".formatted(description, message), e);
        }
        catch (IllegalCallerException e) {
            throw unavailable("this JVM denies native access (%s); start it with --enable-native-access=ALL-UNNAMED".formatted(e.getMessage()), e);
        }
    }

    private static EngineException unavailable(String cause, Throwable throwable)
    {
        return new EngineException(LIBRARY_UNAVAILABLE, "The native library cannot be loaded: " + cause, throwable);
    }

    private static void deleteQuietly(Path file)
    {
        try {
            Files.deleteIfExists(file);
        }
        catch (IOException e) {
            // A leftover in the temporary directory is no reason to keep the server from starting.
            file.toFile().deleteOnExit();
        }
    }
}
