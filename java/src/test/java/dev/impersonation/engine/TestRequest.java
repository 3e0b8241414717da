package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestRequest
{
    @ParameterizedTest
    @MethodSource
    void testGoldenEncoding(JsonNode golden)
    {
        assertThat(HexFormat.of().formatHex(GoldenCases.request(golden).encode())).isEqualTo(golden.get("hex").asText());
    }

    static Stream<JsonNode> testGoldenEncoding()
    {
        return GoldenCases.read("requests.json");
    }

    @Test
    void testDifferentRequestsHaveDifferentEncodings()
    {
        List<String> names = List.of("", "a", "b", "ab", "\0", "a\0", "\0a", "?", "\ud800", "\udc00", "\ud800\udc00", "é", "\u0001a");
        Map<String, Request> seen = new HashMap<>();
        for (String impersonator : names) {
            for (String target : names) {
                for (Optional<String> principal : List.of(Optional.<String>empty(), Optional.of(""), Optional.of("a"))) {
                    Request request = new Request(NATIVE, false, impersonator, target, principal);
                    assertThat(seen.put(HexFormat.of().formatHex(request.encode()), request)).isNull();
                }
            }
        }
        Request request = new Request(NATIVE, false, "a", "b", Optional.empty());
        assertThat(request.encode())
                .isNotEqualTo(new Request(NATIVE, true, "a", "b", Optional.empty()).encode())
                .isNotEqualTo(new Request(PROPERTY, false, "a", "b", Optional.empty()).encode())
                .isNotEqualTo(new Request(NATIVE, false, "a", "b", Optional.empty(), Optional.of("")).encode());
        assertThat(new Request(NATIVE, false, "a", "b", Optional.of("q"), Optional.empty()).encode())
                .isNotEqualTo(new Request(NATIVE, false, "a", "b", Optional.empty(), Optional.of("q")).encode());
    }

    @Test
    void testSizeLimitIsExact()
    {
        int overhead = new Request(NATIVE, false, "", "", Optional.empty()).encode().length;
        String longest = "a".repeat(Request.MAX_SIZE - overhead);
        assertThat(new Request(NATIVE, false, longest, "", Optional.empty()).encode()).hasSize(Request.MAX_SIZE);
        for (Request request : List.of(
                new Request(NATIVE, false, longest + "a", "", Optional.empty()),
                new Request(NATIVE, false, longest, "a", Optional.empty()),
                new Request(NATIVE, false, "", "", Optional.of(longest)),
                new Request(NATIVE, false, "", "", Optional.empty(), Optional.of(longest)))) {
            assertThatThrownBy(request::encode)
                    .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(REQUEST_TOO_LARGE));
        }
    }

    @Test
    void testNullsAreRefused()
    {
        assertThatThrownBy(() -> new Request(null, false, "a", "b", Optional.empty())).hasMessage("path is null");
        assertThatThrownBy(() -> new Request(NATIVE, false, null, "b", Optional.empty())).hasMessage("impersonator is null");
        assertThatThrownBy(() -> new Request(NATIVE, false, "a", null, Optional.empty())).hasMessage("target is null");
        assertThatThrownBy(() -> new Request(NATIVE, false, "a", "b", null)).hasMessage("principal is null");
        assertThatThrownBy(() -> new Request(NATIVE, false, "a", "b", Optional.empty(), null)).hasMessage("queryId is null");
    }
}
