package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.impersonation.testing.TestingConfiguration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.EngineException.Code.INVALID_CONFIGURATION;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestEngine
{
    private static final Request SVC_AS_BOB = new Request(NATIVE, false, "svc", "bob", Optional.of("svc"));

    @TempDir
    private Path directory;

    @ParameterizedTest
    @MethodSource
    void testGoldenDecisions(JsonNode golden)
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory, golden.get("policy").toString());
        golden.path("properties").fields().forEachRemaining(property -> configuration.with(property.getKey(), property.getValue().asText()));
        try (Engine engine = Engine.open(configuration.properties())) {
            for (JsonNode check : golden.get("checks")) {
                assertThat(engine.check(GoldenCases.request(check)).reason().name())
                        .describedAs("%s: %s", golden.get("name").asText(), check)
                        .isEqualTo(check.get("reason").asText());
            }
        }
    }

    static Stream<JsonNode> testGoldenDecisions()
    {
        return GoldenCases.read("decisions.json");
    }

    @Test
    void testDenialSaysByWhichNameTheSourceKnowsTheUser()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory);
        Path mapping = configuration.write("mapping.json", """
                {"rules": [{"pattern": "(svc|bob)@corp"}, {"pattern": "stranger", "allow": false}, {"pattern": "(.*)", "user": "$1@nowhere"}]}
                """);
        configuration.with("immuta.impersonation.user-mapping.file", mapping.toString());
        try (Engine engine = Engine.open(configuration.properties())) {
            assertThat(engine.check(new Request(NATIVE, false, "svc@corp", "bob@corp", Optional.empty())).allowed()).isTrue();
            assertThat(engine.check(new Request(NATIVE, false, "svc@corp", "eve", Optional.empty())).reason().sentence())
                    .startsWith("the target is not known to the permission source")
                    .endsWith("; the permission source was asked for \"eve@nowhere\"");
            assertThat(engine.check(new Request(NATIVE, false, "svc@corp", "stranger", Optional.empty())).reason().sentence())
                    .endsWith("; a rule of the user mapping forbids this name");
        }
    }

    @Test
    void testNoNamesStayWithTheThread()
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            assertThat(engine.check(SVC_AS_BOB).allowed()).isTrue();
            assertThat(RequestBuffer.ofThread().contents()).containsOnly('\0');
            assertThat(engine.check(new Request(NATIVE, false, "bob", "svc", Optional.empty())).allowed()).isFalse();
            assertThat(RequestBuffer.ofThread().contents()).containsOnly('\0');
        }
    }

    @Test
    void testRequestsOfEverySizeAroundTheBuffers()
            throws IOException
    {
        int most = RequestBuffer.CAPACITY;
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            for (int length = most - 40; length < most + 40; length++) {
                Request large = new Request(NATIVE, false, "svc", "bob", Optional.of("p".repeat(length)));
                assertThat(engine.check(large).reason().name()).isEqualTo("permission");
                // Of the longer one before nothing is left.
                assertThat(engine.check(SVC_AS_BOB).reason().name()).isEqualTo("permission");
            }
        }
    }

    @Test
    void testRequestsOfEverySizeAreRecordedAlike()
            throws IOException
    {
        String filling = "x".repeat(RequestBuffer.CAPACITY);
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            for (String name : List.of("", "svc", "zoë", "日本", "😀", "\ud83d", "a\ude00", "a\0b", "\uffff")) {
                Request small = new Request(PROPERTY, true, name, "t" + name, Optional.of("p" + name));
                Request large = new Request(PROPERTY, true, name, "t" + name, Optional.of("p" + name), Optional.of(filling));
                assertThat(engine.check(small).reason()).isEqualTo(engine.check(large).reason());
                List<PastDecision> recorded = engine.decisions(Optional.empty()).subList(0, 2);
                assertThat(recorded.get(0)).usingRecursiveComparison().ignoringFields("time", "queryId").isEqualTo(recorded.get(1));
            }
        }
    }

    @Test
    void testAllowedAndReasonAgree()
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            Decision allowed = engine.check(SVC_AS_BOB);
            assertThat(allowed.allowed()).isTrue();
            assertThat(allowed.reason().name()).isEqualTo("permission");
            Decision denied = engine.check(new Request(NATIVE, false, "svc", "carol", Optional.empty()));
            assertThat(denied.allowed()).isFalse();
            assertThat(denied.reason().name()).isEqualTo("target-disabled");
        }
    }

    @ParameterizedTest(name = "[{index}]")
    @CsvSource({"'\0'", "'a\r\nb'", "'\ud800'", "'svc\udfff'", "''", "'\u007f'"})
    void testNamesThatCannotBe(String name)
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).with("immuta.user.admin", "svc\\?|root").properties())) {
            assertThat(engine.check(new Request(NATIVE, false, name, "bob", Optional.empty())).reason().name()).isEqualTo("invalid-name");
            assertThat(engine.check(new Request(NATIVE, false, "svc", name, Optional.empty())).reason().name()).isEqualTo("invalid-name");
        }
    }

    @Test
    void testNameOf64Kibibytes()
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            assertThat(engine.check(new Request(NATIVE, false, "svc", "b".repeat(64 * 1024), Optional.empty())).reason().name()).isEqualTo("invalid-name");
        }
    }

    @Test
    void testEveryProblemIsALineWithTheProperty()
    {
        assertThatThrownBy(() -> Engine.open(Map.of(
                "immuta.user.admin", "(unclosed",
                "immuta.impersonation.enabled", "perhaps",
                "immuta.impersonation.polcy-file", "x")))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INVALID_CONFIGURATION))
                .message()
                .satisfies(message -> assertThat(message.lines())
                        .anyMatch(line -> line.startsWith("immuta.user.admin"))
                        .anyMatch(line -> line.startsWith("immuta.impersonation.enabled"))
                        .anyMatch(line -> line.startsWith("immuta.impersonation.polcy-file") && line.contains("immuta.impersonation.policy-file"))
                        .allMatch(line -> line.startsWith("immuta.")));
    }

    @Test
    void testMissingPolicyFile()
            throws IOException
    {
        Path missing = directory.resolve("missing.json");
        assertThatThrownBy(() -> Engine.open(new TestingConfiguration(directory).with("immuta.impersonation.policy-file", missing.toString()).properties()))
                .isInstanceOf(EngineException.class)
                .hasMessageStartingWith("immuta.impersonation.policy-file")
                .hasMessageContaining(missing.toString());
    }

    @Test
    void testBrokenPolicyFileNamesTheLine()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory, "{\"users\": [\n{\"name\": \"svc\"},\n{\"nmae\": \"bob\"}]}");
        assertThatThrownBy(() -> Engine.open(configuration.properties()))
                .isInstanceOf(EngineException.class)
                .hasMessageStartingWith("immuta.impersonation.policy-file")
                .hasMessageContaining("line 3");
    }

    @Test
    void testBoundTargetHasItsGroups()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory, """
                {"users": [{"name": "svc", "permissions": ["IMPERSONATE_USER"]}, {"name": "alice", "groups": ["bi", "analysts"]}, {"name": "bob", "disabled": true}]}
                """);
        configuration.with("immuta.group-file", configuration.write("groups.txt", "east:alice\nbi:alice,svc\n").toString());
        try (Engine engine = Engine.open(configuration.properties())) {
            Bound alice = engine.bind(new Request(PROPERTY, false, "svc", "alice", Optional.of("svc"), Optional.of("q1")));
            assertThat(alice.decision().reason().name()).isEqualTo("permission");
            assertThat(alice.target()).isEqualTo("alice");
            assertThat(alice.groups()).containsExactlyInAnyOrder("analysts", "bi", "east");
            Bound bob = engine.bind(new Request(PROPERTY, false, "svc", "bob", Optional.of("svc"), Optional.of("q2")));
            assertThat(bob.decision().allowed()).isFalse();
            assertThat(bob.decision().reason().sentence()).startsWith("the target's account is disabled");
            assertThat(bob.groups()).isEmpty();
        }
        assertThat(Files.readAllLines(configuration.auditFile()).stream().filter(line -> line.contains("\"path\":\"property\"")))
                .hasSize(2)
                .anyMatch(line -> line.contains("\"decision\":\"allow\"") && line.contains("\"queryId\":\"q1\""))
                .anyMatch(line -> line.contains("\"decision\":\"deny\"") && line.contains("\"queryId\":\"q2\""));
    }

    @Test
    void testClosedEngine()
            throws IOException
    {
        Engine engine = Engine.open(new TestingConfiguration(directory).properties());
        engine.close();
        engine.close();
        for (ThrowingCallable call : List.<ThrowingCallable>of(
                () -> engine.check(SVC_AS_BOB),
                () -> engine.bind(SVC_AS_BOB),
                () -> engine.refuse(SVC_AS_BOB),
                () -> engine.recordQuery(endedQuery("")))) {
            assertThatThrownBy(call).isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(CLOSED));
        }
    }

    @Test
    void testMessagesOfTheEnd()
            throws IOException
    {
        Engine engine = Engine.open(new TestingConfiguration(directory).with("immuta.impersonation.audit.file", "/dev/full").properties());
        assertThat(engine.drainLog()).anySatisfy(message -> assertThat(message.text()).contains("cannot be written"));
        engine.close();
        assertThat(engine.drainLog()).anySatisfy(message -> assertThat(message.text()).contains("closed while lines were waiting"));
    }

    @Test
    void testNulls()
            throws IOException
    {
        assertThatThrownBy(() -> Engine.open(null)).isInstanceOf(NullPointerException.class);
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            assertThatThrownBy(() -> engine.check(null)).isInstanceOf(NullPointerException.class).hasMessage("request is null");
            assertThatThrownBy(() -> engine.bind(null)).isInstanceOf(NullPointerException.class).hasMessage("request is null");
            assertThatThrownBy(() -> engine.refuse(null)).isInstanceOf(NullPointerException.class).hasMessage("request is null");
        }
    }

    @Test
    void testQueryLeavesItsLine()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory).with("immuta.impersonation.audit.query-text", "true");
        try (Engine engine = Engine.open(configuration.properties())) {
            engine.recordQuery(endedQuery("SELECT '\ud83e\udd8a'"));
            engine.recordQuery(endedQuery("x".repeat(32_767) + "\ud83e\udd8a"));
        }
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(configuration.auditFile())) {
            JsonNode node = new ObjectMapper().readTree(line);
            if (node.get("type").asText().equals("query")) {
                lines.add(node);
            }
        }
        assertThat(lines).hasSize(2);
        JsonNode line = lines.get(0);
        assertThat(line.get("queryId").asText()).isEqualTo("q1");
        assertThat(line.get("state").asText()).isEqualTo("FAILED");
        assertThat(line.get("success").asBoolean()).isFalse();
        assertThat(line.get("errorCode").asText()).isEqualTo("DIVISION_BY_ZERO");
        assertThat(line.get("start").asText()).isEqualTo("2026-11-24T05:40:00.123456Z");
        assertThat(line.get("decidedAt").asText()).isEqualTo("1969-12-31T23:59:59.999999Z");
        assertThat(line.get("elapsedMillis").asLong()).isEqualTo(1500);
        assertThat(line.get("path").asText()).isEqualTo("property");
        assertThat(line.get("reason").asText()).isEqualTo("admin-user");
        assertThat(line.get("userId").asText()).isEqualTo("zoë");
        assertThat(line.get("impersonationUser").asText()).isEqualTo("svc");
        assertThat(line.get("principal").isNull()).isTrue();
        assertThat(line.get("source").asText()).isEqualTo("superset");
        assertThat(line.get("clientTags")).hasToString("[\"a\",\"b\"]");
        assertThat(line.get("tables")).hasToString("[\"tpch.tiny.nation\"]");
        assertThat(List.of("inputRows", "inputBytes", "outputRows", "outputBytes", "writtenRows", "writtenBytes"))
                .extracting(name -> line.get(name).asLong())
                .containsExactly(1L, 2L, 3L, 4L, 5L, Long.MAX_VALUE);
        assertThat(line.get("queryText").asText()).isEqualTo("SELECT '\ud83e\udd8a'");
        assertThat(lines.get(1).get("queryText").asText()).isEqualTo("x".repeat(32_767) + "…");
    }

    @Test
    void testQueryWithTooManyTablesIsRefused()
            throws IOException
    {
        EndedQuery query = endedQuery("");
        EndedQuery tooLarge = new EndedQuery(
                query.impersonation(), "q1", "FINISHED", Optional.empty(), query.start(), query.elapsed(), query.client(),
                Set.of(), Collections.nCopies(17, "x".repeat(1024 * 1024)), query.input(), query.output(), query.written(), "");
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            assertThatThrownBy(() -> engine.recordQuery(tooLarge))
                    .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(EngineException.Code.REQUEST_TOO_LARGE));
        }
    }

    private static EndedQuery endedQuery(String text)
    {
        return new EndedQuery(
                new Impersonation(Request.Path.PROPERTY, new Reason(2, "admin-user", ""), Instant.EPOCH.minusNanos(1000), "svc", "zoë", Optional.empty()),
                "q1",
                "FAILED",
                Optional.of("DIVISION_BY_ZERO"),
                Instant.parse("2026-11-24T05:40:00.123456789Z"),
                Duration.ofMillis(1500),
                new EndedQuery.Client(Optional.of("superset"), Optional.empty(), List.of("a", "b")),
                List.of("tpch"),
                List.of("tpch.tiny.nation"),
                new EndedQuery.Amount(1, 2),
                new EndedQuery.Amount(3, 4),
                new EndedQuery.Amount(5, Long.MAX_VALUE),
                text);
    }

    @Test
    void testWarningsOfTheStart()
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).with("immuta.cache.views.seconds", "60").properties())) {
            assertThat(engine.drainLog())
                    .anySatisfy(message -> {
                        assertThat(message.level()).isEqualTo(LogMessage.Level.WARNING);
                        assertThat(message.text()).contains("immuta.cache.views.seconds");
                    });
            assertThat(engine.drainLog()).isEmpty();
        }
    }
}
