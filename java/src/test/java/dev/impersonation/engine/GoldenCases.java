package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;

/**
 * The cases that the Rust tests read as well.
 */
final class GoldenCases
{
    private GoldenCases() {}

    static Stream<JsonNode> read(String file)
    {
        try {
            JsonNode cases = new ObjectMapper().readTree(Path.of(System.getProperty("immuta.impersonation.test-golden"), file).toFile());
            return StreamSupport.stream(cases.spliterator(), false);
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Fields that the file leaves out have the values of the plainest request.
     */
    static Request request(JsonNode golden)
    {
        return new Request(
                golden.path("path").asInt() == 0 ? NATIVE : PROPERTY,
                golden.path("chained").asBoolean(),
                golden.get("impersonator").asText(),
                golden.get("target").asText(),
                text(golden, "principal"),
                text(golden, "queryId"));
    }

    private static Optional<String> text(JsonNode golden, String field)
    {
        return Optional.ofNullable(golden.get(field)).filter(node -> !node.isNull()).map(JsonNode::asText);
    }
}
