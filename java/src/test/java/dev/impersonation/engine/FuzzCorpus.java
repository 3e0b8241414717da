package dev.impersonation.engine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The inputs that the fuzz targets of the engine begin with.
 */
final class FuzzCorpus
{
    private FuzzCorpus() {}

    /**
     * In an order that does not change.
     */
    static List<byte[]> read(String target)
    {
        Path folder = Path.of(System.getProperty("immuta.impersonation.test-golden")).resolve("../../fuzz/corpus").resolve(target);
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().map(FuzzCorpus::bytes).toList();
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bytes(Path file)
    {
        try {
            return Files.readAllBytes(file);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
