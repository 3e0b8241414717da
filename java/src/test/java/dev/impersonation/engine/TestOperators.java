package dev.impersonation.engine;

import dev.impersonation.testing.FakeImmuta;
import dev.impersonation.testing.TestingConfiguration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What an engine shows to those who run it, over the border.
 */
final class TestOperators
{
    private static final Request SVC_AS_BOB = new Request(NATIVE, false, "svc", "bob", Optional.of("svc@REALM"));
    private static final Caller ROOT = caller("root");

    @TempDir
    private Path directory;

    @Test
    void testDecisionsAndMetricsAgree()
            throws IOException
    {
        Instant before = Instant.now().minusSeconds(1);
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            engine.check(SVC_AS_BOB);
            engine.check(new Request(NATIVE, false, "zoë", "bob", Optional.empty()));
            engine.bind(new Request(PROPERTY, false, "svc", "carol", Optional.empty(), Optional.of("q1")));
            assertThat(engine.metrics())
                    .containsEntry("decisions_allow", 1L)
                    .containsEntry("decisions_allow_permission", 1L)
                    .containsEntry("decisions_deny", 2L)
                    .containsEntry("decisions_deny_target_disabled", 1L)
                    .containsEntry("decisions_deny_unknown_user", 1L)
                    .containsEntry("audit_lost", 0L)
                    .containsEntry("cache_size", 0L);
            List<PastDecision> decisions = engine.decisions(Optional.empty());
            assertThat(decisions).hasSize(3).allSatisfy(past -> assertThat(past.time()).isBetween(before, Instant.now().plusSeconds(1)));
            PastDecision newest = decisions.get(0);
            assertThat(newest.decision().allowed()).isFalse();
            assertThat(newest.decision().reason().name()).isEqualTo("target-disabled");
            assertThat(newest).isEqualTo(new PastDecision(newest.time(), newest.decision(), PROPERTY, "svc", "carol", Optional.empty(), Optional.of("q1")));
            PastDecision oldest = decisions.get(2);
            assertThat(oldest.decision().allowed()).isTrue();
            assertThat(oldest).isEqualTo(new PastDecision(oldest.time(), oldest.decision(), NATIVE, "svc", "bob", Optional.of("svc@REALM"), Optional.empty()));
            assertThat(engine.decisions(Optional.of("zoë"))).singleElement().satisfies(past -> assertThat(past.impersonator()).isEqualTo("zoë"));
            assertThat(engine.decisions(Optional.of("zo\ud800"))).isEmpty();
        }
    }

    @Test
    void testMetricsHaveTheSameNamesAllTheTime()
            throws IOException
    {
        try (Engine engine = Engine.open(new TestingConfiguration(directory).properties())) {
            Set<String> names = engine.metrics().keySet();
            engine.check(SVC_AS_BOB);
            assertThat(engine.metrics().keySet()).containsExactlyElementsOf(names).allMatch(name -> name.matches("[a-z][a-z0-9_]*"));
        }
    }

    @Test
    void testSettingsWithoutSecrets()
            throws IOException, InterruptedException
    {
        try (FakeImmuta immuta = FakeImmuta.start(directory); Engine engine = Engine.open(immuta.properties())) {
            String key = immuta.properties().get("immuta.apikey");
            assertThat(engine.settings())
                    .contains(new Setting("immuta.apikey", Optional.of("****"), false))
                    .contains(new Setting("immuta.endpoint", Optional.of(immuta.url()), false))
                    .contains(new Setting("immuta.impersonation.cache.ttl", Optional.of("30s"), true))
                    .contains(new Setting("immuta.group-file", Optional.empty(), true))
                    .allSatisfy(setting -> assertThat(setting.toString()).doesNotContain(key));
        }
    }

    @Test
    void testRememberedUsersAndFlush()
            throws IOException, InterruptedException
    {
        try (FakeImmuta immuta = FakeImmuta.start(directory)) {
            Map<String, String> properties = new HashMap<>(immuta.properties());
            Path audit = directory.resolve("audit.jsonl");
            properties.put("immuta.user.admin", "root");
            properties.put("immuta.impersonation.audit.file", audit.toString());
            properties.put("immuta.impersonation.cache.ttl", "1h");
            try (Engine engine = Engine.open(properties)) {
                Request request = new Request(NATIVE, false, "svc", "alice", Optional.empty());
                assertThat(engine.check(request).allowed()).isTrue();
                assertThat(engine.remembered()).hasSize(2).anySatisfy(user -> {
                    assertThat(user).isEqualTo(new RememberedUser("svc", "fresh", user.age(), true, true, 0));
                    assertThat(user.age()).isLessThan(Duration.ofMinutes(10));
                });
                immuta.putUser("svc");
                assertThat(engine.check(request).allowed()).isTrue();
                assertThat(engine.flush(caller("svc"), Optional.empty())).isFalse();
                assertThat(engine.check(request).allowed()).isTrue();
                assertThat(engine.flush(ROOT, Optional.of("svc"))).isTrue();
                assertThat(engine.check(request).reason().name()).isEqualTo("no-permission");
                assertThat(engine.remembered()).extracting(RememberedUser::name).contains("alice");
                assertThat(engine.flush(ROOT, Optional.empty())).isTrue();
                assertThat(engine.remembered()).isEmpty();
            }
            assertThat(Files.readAllLines(audit).stream().filter(line -> line.contains("\"type\":\"flush\""))).hasSize(3).satisfiesExactly(
                    line -> assertThat(line).contains("\"decision\":\"deny\"", "\"user\":\"svc\"", "\"flushed\":null", "\"queryId\":\"q7\""),
                    line -> assertThat(line).contains("\"decision\":\"allow\"", "\"user\":\"root\"", "\"flushed\":\"svc\""),
                    line -> assertThat(line).contains("\"decision\":\"allow\"", "\"user\":\"root\"", "\"flushed\":null"));
        }
    }

    @Test
    void testAdministratorsAreThoseOfDecisions()
            throws IOException
    {
        TestingConfiguration configuration = new TestingConfiguration(directory)
                .with("immuta.user.admin", "root|carol")
                .with("immuta.group.admin", "operators");
        configuration.with("immuta.group-file", configuration.write("groups.txt", "operators:bob,carol\n").toString());
        try (Engine engine = Engine.open(configuration.properties())) {
            assertThat(engine.isAdmin(ROOT)).isTrue();
            assertThat(engine.isAdmin(caller("bob"))).isTrue();
            assertThat(engine.isAdmin(caller("svc"))).isFalse();
            assertThat(engine.isAdmin(caller("carol"))).as("disabled").isFalse();
            assertThat(engine.isAdmin(caller("root\ud800"))).isFalse();
            assertThat(engine.isAdmin(caller(""))).isFalse();
            Caller tooLarge = caller("x".repeat(Request.MAX_SIZE));
            assertThatThrownBy(() -> engine.isAdmin(tooLarge))
                    .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(REQUEST_TOO_LARGE));
        }
    }

    @Test
    void testClosedEngineShowsNothing()
            throws IOException
    {
        Engine engine = Engine.open(new TestingConfiguration(directory).properties());
        engine.close();
        for (ThrowingCallable call : List.<ThrowingCallable>of(
                engine::metrics,
                engine::remembered,
                engine::settings,
                () -> engine.decisions(Optional.empty()),
                () -> engine.isAdmin(ROOT),
                () -> engine.flush(ROOT, Optional.empty()))) {
            assertThatThrownBy(call).isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(CLOSED));
        }
    }

    private static Caller caller(String user)
    {
        return new Caller(user, Optional.of("svc@REALM"), Optional.of("q7"));
    }
}
