package dev.impersonation.engine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The processors that the native library is built for, each with the words that the JVM, our jar and the ELF format have for it.
 */
enum Architecture
{
    X86_64("x86_64", 62, "amd64", "x86_64"),
    AARCH64("aarch64", 183, "aarch64", "arm64");

    private static final int HEADER_SIZE = 20;
    private static final int DATA_ENCODING_OFFSET = 5;
    private static final int BIG_ENDIAN = 2;
    private static final int MACHINE_OFFSET = 18;

    private final String directory;
    private final int elfMachine;
    private final String[] javaNames;

    Architecture(String directory, int elfMachine, String... javaNames)
    {
        this.directory = directory;
        this.elfMachine = elfMachine;
        this.javaNames = javaNames;
    }

    String getDirectory()
    {
        return directory;
    }

    int getElfMachine()
    {
        return elfMachine;
    }

    static Optional<Architecture> ofJavaName(String name)
    {
        for (Architecture architecture : values()) {
            for (String javaName : architecture.javaNames) {
                if (javaName.equals(name)) {
                    return Optional.of(architecture);
                }
            }
        }
        return Optional.empty();
    }

    /**
     * What is wrong with the library for this processor, in words; empty when nothing is.
     */
    Optional<String> mismatch(Path library)
            throws IOException
    {
        byte[] header;
        try (InputStream input = Files.newInputStream(library)) {
            header = input.readNBytes(HEADER_SIZE);
        }
        if (header.length < HEADER_SIZE || header[0] != 0x7F || header[1] != 'E' || header[2] != 'L' || header[3] != 'F') {
            return Optional.of("it is not an ELF library");
        }
        int first = header[MACHINE_OFFSET] & 0xFF;
        int second = header[MACHINE_OFFSET + 1] & 0xFF;
        int machine = first | second << 8;
        if (header[DATA_ENCODING_OFFSET] == BIG_ENDIAN) {
            machine = first << 8 | second;
        }
        if (machine == elfMachine) {
            return Optional.empty();
        }
        return Optional.of("it is built for %s, but this JVM runs on %s".formatted(describe(machine), directory));
    }

    private static String describe(int machine)
    {
        for (Architecture architecture : values()) {
            if (architecture.elfMachine == machine) {
                return architecture.directory;
            }
        }
        return "another processor (ELF machine %s)".formatted(machine);
    }
}
