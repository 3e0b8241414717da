package dev.impersonation.trino;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * The security interfaces of Trino's versions, as {@code ./dev interfaces} has read them from their jars.
 */
final class GoldenInterfaces
{
    private static final JsonNode GOLDEN = read();

    private GoldenInterfaces() {}

    static IntStream versions()
    {
        return StreamSupport.stream(GOLDEN.get("versions").spliterator(), false).mapToInt(JsonNode::asInt);
    }

    static Set<Signature> methods(String type, int version)
    {
        Set<Signature> methods = new LinkedHashSet<>();
        GOLDEN.get(type).properties().forEach(method -> {
            if (Arrays.stream(method.getValue().asText().split(", ")).anyMatch(range -> isIn(range, version))) {
                methods.add(Signature.parse(method.getKey()));
            }
        });
        return methods;
    }

    private static boolean isIn(String range, int version)
    {
        String[] ends = range.split("-");
        return Integer.parseInt(ends[0]) <= version && version <= Integer.parseInt(ends[ends.length - 1]);
    }

    private static JsonNode read()
    {
        try {
            return new ObjectMapper().readTree(Path.of(System.getProperty("immuta.impersonation.test-golden"), "interfaces.json").toFile());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
