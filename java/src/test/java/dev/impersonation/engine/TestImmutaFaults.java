package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.impersonation.testing.FakeImmuta;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Every fault that the stand-in for Immuta can make, met by users in every state of the cache. What each must lead to is in the file that the Rust tests
 * read, too.
 */
final class TestImmutaFaults
{
    /**
     * For faults that make a lookup wait until its time is up. A lookup that works must not need as much.
     */
    private static final Duration SHORT = Duration.ofMillis(400);

    /**
     * For all others: so long that a busy machine does not turn them into one of the first kind.
     */
    private static final Duration LONG = Duration.ofSeconds(5);

    /**
     * How much longer than its timeout a decision may take on a busy machine.
     */
    private static final Duration SLACK = Duration.ofSeconds(2);

    /**
     * How long users are remembered where the test waits for them to be forgotten.
     */
    private static final Duration BRIEFLY = Duration.ofMillis(50);

    private static final Set<String> ELSEWHERE = Set.of("no-server", "tls-wrong-name", "tls-unknown-ca");

    @TempDir
    private static Path directory;

    private static FakeImmuta immuta;
    private static Map<String, JsonNode> faults;

    @BeforeAll
    static void start()
            throws IOException, InterruptedException
    {
        immuta = FakeImmuta.start(directory);
        faults = immuta.faults();
    }

    @AfterAll
    static void stop()
            throws IOException
    {
        if (immuta != null) {
            immuta.close();
        }
    }

    @AfterEach
    void clearFault()
            throws IOException, InterruptedException
    {
        immuta.clearFault();
    }

    @Test
    void testEveryFaultHasARow()
    {
        Set<String> expected = new HashSet<>(faults.keySet());
        expected.addAll(ELSEWHERE);
        assertThat(GoldenCases.read("faults.json").map(row -> row.get("name").asText()))
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void testNeverSeen(Case row)
            throws IOException, InterruptedException
    {
        try (Engine engine = row.open(Duration.ofHours(1))) {
            row.begin();
            row.assertFirst(engine, "neverSeen");
            assertThat(allows(engine, "mallory")).isFalse();
            if (row.isElsewhere()) {
                return;
            }
            row.assertNextCall(engine);
            immuta.clearFault();
            assertThat(row.reason(engine)).isEqualTo(row.recoversAtOnce() ? "permission" : row.expected("neverSeen"));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("casesOfImmuta")
    void testWarm(Case row)
            throws IOException, InterruptedException
    {
        try (Engine engine = row.open(Duration.ofHours(1))) {
            assertThat(allows(engine, "svc")).isTrue();
            row.begin();
            for (int call = 0; call < 100; call++) {
                assertThat(row.reason(engine)).isEqualTo(row.expected("warm"));
            }
            assertThat(immuta.requests()).isEmpty();
            immuta.clearFault();
            assertThat(allows(engine, "svc")).isTrue();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("casesOfImmuta")
    void testJustExpired(Case row)
            throws IOException, InterruptedException
    {
        try (Engine engine = row.open(BRIEFLY)) {
            assertThat(allows(engine, "svc")).isTrue();
            row.begin();
            letPass(BRIEFLY);
            row.assertFirst(engine, "justExpired");
            immuta.clearFault();
            if (!row.recoversAtOnce()) {
                letPass(BRIEFLY);
            }
            assertThat(allows(engine, "svc")).isTrue();
        }
    }

    static Stream<Arguments> cases()
    {
        return GoldenCases.read("faults.json")
                .flatMap(row -> Stream.of("byName", "inOneIam").map(lookup -> new Case(row, lookup)))
                .map(Arguments::of);
    }

    static Stream<Arguments> casesOfImmuta()
    {
        return cases().filter(arguments -> !((Case) arguments.get()[0]).isElsewhere());
    }

    private static boolean allows(Engine engine, String impersonator)
    {
        return engine.check(asAlice(impersonator)).allowed();
    }

    private static Request asAlice(String impersonator)
    {
        return new Request(NATIVE, false, impersonator, "alice", Optional.empty());
    }

    /**
     * The engine's own clock runs, so that this time has passed for it, too.
     */
    private static void letPass(Duration time)
    {
        long start = System.nanoTime();
        long left = time.toNanos();
        while (left > 0) {
            LockSupport.parkNanos(left);
            left = time.toNanos() - (System.nanoTime() - start);
        }
    }

    /**
     * A fault and a way of looking users up.
     */
    private record Case(JsonNode row, String lookup)
    {
        @Override
        public String toString()
        {
            return "%s %s".formatted(name(), lookup);
        }

        String name()
        {
            return row.get("name").asText();
        }

        String expected(String state)
        {
            return row.get(lookup).get(state).asText();
        }

        /**
         * What Immuta seemed to say of the user is remembered otherwise.
         */
        boolean recoversAtOnce()
        {
            return expected("afterRepair").equals("at-once");
        }

        boolean isElsewhere()
        {
            return ELSEWHERE.contains(name());
        }

        boolean waits()
        {
            return row.path("waits").asBoolean();
        }

        Duration timeout()
        {
            return waits() ? SHORT : LONG;
        }

        Engine open(Duration remembered)
        {
            Map<String, String> properties = immuta.properties();
            properties.put("immuta.http.timeout.milliseconds", String.valueOf(timeout().toMillis()));
            properties.put("immuta.impersonation.cache.ttl", remembered.toMillis() + "ms");
            properties.put("immuta.impersonation.cache.negative-ttl", remembered.toMillis() + "ms");
            if (lookup.equals("inOneIam")) {
                properties.put("immuta.iam", "bim");
            }
            switch (name()) {
                case "no-server" -> properties.put("immuta.endpoint", "http://127.0.0.1:1");
                case "tls-wrong-name" -> properties.put("immuta.endpoint", immuta.wrongNameUrl());
                case "tls-unknown-ca" -> properties.put("immuta.endpoint", immuta.unknownCaUrl());
                default -> {
                    // The stand-in itself has the fault.
                }
            }
            return Engine.open(properties);
        }

        void begin()
                throws IOException, InterruptedException
        {
            if (!isElsewhere()) {
                immuta.setFault(faults.get(name()));
            }
            immuta.forgetRequests();
        }

        String reason(Engine engine)
        {
            return engine.check(asAlice("svc")).reason().name();
        }

        void assertFirst(Engine engine, String state)
        {
            long start = System.nanoTime();
            String reason = reason(engine);
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            assertThat(reason).isEqualTo(expected(state));
            assertThat(took).isLessThan(timeout().plus(SLACK));
            assertThat(took.compareTo(timeout()) >= 0).describedAs("%s is the whole timeout", took).isEqualTo(waits());
        }

        void assertNextCall(Engine engine)
                throws IOException, InterruptedException
        {
            immuta.forgetRequests();
            assertThat(reason(engine)).isEqualTo(expected("neverSeen"));
            assertThat(immuta.requests().isEmpty()).isEqualTo(expected("nextCall").equals("remembered"));
        }
    }
}
