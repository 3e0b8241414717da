package dev.impersonation.engine;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;

import static dev.impersonation.engine.EngineException.Code.LIBRARY_UNAVAILABLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestLibraryLoader
{
    private static final int TYPE_OFFSET = 16;
    private static final int PROGRAM_TYPE = 2;
    private static final int MACHINE_OFFSET = 18;

    @TempDir
    private Path temporary;

    private final List<Path> loaded = new ArrayList<>();
    private byte[] library;
    private Architecture architecture;

    @BeforeEach
    void readLibrary()
            throws IOException
    {
        library = Files.readAllBytes(Path.of(System.getProperty(LibraryLoader.OVERRIDE_PROPERTY)));
        architecture = Architecture.ofJavaName(System.getProperty("os.arch")).orElseThrow();
    }

    @Test
    void testExtractsToUniqueFilesAndDeletesThem()
            throws IOException
    {
        List<byte[]> contents = new ArrayList<>();
        LibraryLoader loader = loader(Optional.empty(), resource -> new ByteArrayInputStream(library), path -> {
            loaded.add(Path.of(path));
            contents.add(read(Path.of(path)));
        });
        loader.load();
        loader.load();
        assertThat(contents).hasSize(2).allSatisfy(content -> assertThat(content).isEqualTo(library));
        assertThat(loaded.get(0)).isNotEqualTo(loaded.get(1)).hasParentRaw(temporary);
        assertTemporaryDirectoryIsEmpty();
    }

    @Test
    void testNobodyElseCanReadOrWriteWhatIsExtracted()
    {
        loader(Optional.empty(), resource -> new ByteArrayInputStream(library), path ->
                assertThat(permissions(Path.of(path))).isEqualTo("rw-------")).load();
    }

    @Test
    void testTakesTheResourceOfTheProcessor()
    {
        List<String> asked = new ArrayList<>();
        loader(Optional.empty(), resource -> {
            asked.add(resource);
            return new ByteArrayInputStream(library);
        }, path -> {}).load();
        assertThat(asked).containsExactly("native/linux-%s/libimmuta_impersonation.so".formatted(architecture.getDirectory()));
    }

    @Test
    void testOverrideIsLoadedInPlace()
    {
        Path path = Path.of(System.getProperty(LibraryLoader.OVERRIDE_PROPERTY));
        loader(Optional.of(path.toString()), this::noResource, file -> loaded.add(Path.of(file))).load();
        assertThat(loaded).containsExactly(path.toAbsolutePath());
        assertThat(path).exists();
    }

    @ParameterizedTest
    @CsvSource({"Mac OS X,aarch64", "Windows 11,amd64", "Linux,riscv64", "Linux,x86"})
    void testUnsupportedPlatform(String osName, String osArchitecture)
    {
        LibraryLoader loader = new LibraryLoader(osName, osArchitecture, Optional.empty(), this::noResource, temporary, MountTable.SYSTEM, path -> {});
        assertUnavailable(loader, "there is none for %s on %s, only for Linux on x86_64 and aarch64".formatted(osName, osArchitecture));
    }

    @Test
    void testMissingOverride()
    {
        Path missing = temporary.resolve("missing.so");
        assertUnavailable(loader(Optional.of(missing.toString()), this::noResource, path -> {}),
                "%s does not exist or is not a file (set by IMMUTA_IMPERSONATION_LIBRARY or -Dimmuta.impersonation.library)".formatted(missing));
        assertUnavailable(loader(Optional.of(temporary.toString()), this::noResource, path -> {}),
                "%s does not exist or is not a file (set by IMMUTA_IMPERSONATION_LIBRARY or -Dimmuta.impersonation.library)".formatted(temporary));
    }

    @Test
    void testMissingResource()
    {
        assertUnavailable(loader(Optional.empty(), this::noResource, path -> {}),
                "native/linux-%s/libimmuta_impersonation.so is missing from the jar; the jar was built for another processor, or without the native library"
                        .formatted(architecture.getDirectory()));
    }

    @Test
    void testWrongProcessor()
            throws IOException
    {
        Architecture other = Stream.of(Architecture.values()).filter(candidate -> candidate != architecture).findFirst().orElseThrow();
        byte[] flipped = library.clone();
        flipped[MACHINE_OFFSET] = (byte) other.getElfMachine();
        Path file = Files.write(temporary.resolve("other.so"), flipped);
        assertUnavailable(loader(Optional.of(file.toString()), this::noResource, System::load),
                "%s: it is built for %s, but this JVM runs on %s".formatted(file, other.getDirectory(), architecture.getDirectory()));

        flipped[MACHINE_OFFSET] = 3;
        Files.write(file, flipped);
        assertUnavailable(loader(Optional.of(file.toString()), this::noResource, System::load),
                "%s: it is built for another processor (ELF machine 3), but this JVM runs on %s".formatted(file, architecture.getDirectory()));
        Files.delete(file);

        assertThatThrownBy(loader(Optional.empty(), resource -> new ByteArrayInputStream(flipped), path -> {})::load)
                .hasMessageContaining("extracted from native/linux-")
                .hasMessageContaining("another processor");
        assertTemporaryDirectoryIsEmpty();
    }

    @ParameterizedTest(name = "[{index}]")
    @CsvSource({"''", "'not a library, though long enough'", "'\u007fELF'"})
    void testNotALibrary(String content)
            throws IOException
    {
        Path file = Files.writeString(temporary.resolve("text.so"), content);
        assertUnavailable(loader(Optional.of(file.toString()), this::noResource, System::load), "%s: it is not an ELF library".formatted(file));
    }

    @Test
    void testOtherFailureGivesTheReasonOfTheSystem()
            throws IOException
    {
        byte[] program = library.clone();
        program[TYPE_OFFSET] = PROGRAM_TYPE;
        Path file = Files.write(temporary.resolve("program.so"), program);
        assertThatThrownBy(loader(Optional.of(file.toString()), this::noResource, System::load)::load)
                .isInstanceOf(EngineException.class)
                .hasMessageStartingWith("The native library cannot be loaded: %s: ".formatted(file))
                .hasMessageContaining("executable")
                .hasCauseInstanceOf(UnsatisfiedLinkError.class);
    }

    @Test
    void testNoexecDirectoryByTheWordsOfTheSystem()
    {
        Consumer<String> load = path -> {
            throw new UnsatisfiedLinkError(path + ": failed to map segment from shared object");
        };
        assertThatThrownBy(loader(Optional.empty(), resource -> new ByteArrayInputStream(library), load)::load)
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("is on a file system that is mounted noexec (")
                .hasMessageEndingWith("; set -Djava.io.tmpdir to a directory on another one");
        assertTemporaryDirectoryIsEmpty();
    }

    @Test
    void testNoexecDirectoryByTheMountTable()
            throws IOException
    {
        Path table = Files.writeString(temporary.resolve("mounts"), "tmpfs %s tmpfs rw,noexec 0 0\n".formatted(temporary));
        LibraryLoader loader = new LibraryLoader(
                "Linux",
                System.getProperty("os.arch"),
                Optional.empty(),
                resource -> new ByteArrayInputStream(library),
                temporary,
                new MountTable(table),
                path -> {
                    throw new UnsatisfiedLinkError("Operation not permitted");
                });
        assertThatThrownBy(loader::load).hasMessageContaining("is mounted noexec (Operation not permitted)");
    }

    @Test
    void testTemporaryDirectoryThatIsNone()
    {
        LibraryLoader loader = new LibraryLoader(
                "Linux",
                System.getProperty("os.arch"),
                Optional.empty(),
                resource -> new ByteArrayInputStream(library),
                temporary.resolve("missing"),
                MountTable.SYSTEM,
                path -> {});
        assertThatThrownBy(loader::load)
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("it cannot be extracted to %s (".formatted(temporary.resolve("missing")))
                .hasMessageContaining("set -Djava.io.tmpdir to a directory with space");
    }

    @Test
    void testNativeAccessDenied()
    {
        Consumer<String> load = path -> {
            throw new IllegalCallerException("Illegal native access from an unnamed module");
        };
        assertUnavailable(loader(Optional.empty(), resource -> new ByteArrayInputStream(library), load),
                "this JVM denies native access (Illegal native access from an unnamed module); start it with --enable-native-access=ALL-UNNAMED");
    }

    private LibraryLoader loader(Optional<String> overridePath, Function<String, InputStream> resources, Consumer<String> load)
    {
        return new LibraryLoader("Linux", System.getProperty("os.arch"), overridePath, resources, temporary, MountTable.SYSTEM, load);
    }

    private InputStream noResource(String resource)
    {
        return null;
    }

    private void assertTemporaryDirectoryIsEmpty()
    {
        assertThat(temporary).isEmptyDirectory();
    }

    private static String permissions(Path path)
    {
        try {
            return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
        }
        catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] read(Path path)
    {
        try {
            return Files.readAllBytes(path);
        }
        catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void assertUnavailable(LibraryLoader loader, String cause)
    {
        assertThatThrownBy(loader::load)
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(LIBRARY_UNAVAILABLE))
                .hasMessage("The native library cannot be loaded: " + cause);
    }
}
