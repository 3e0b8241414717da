package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.impersonation.engine.PackedReader.Question;
import dev.impersonation.testing.TestingConfiguration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.logging.Logger;

import static dev.impersonation.engine.EngineException.Code.INVALID_CONFIGURATION;
import static dev.impersonation.engine.EngineException.Code.INVALID_REQUEST;
import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Whatever bytes a native method gets, it answers what {@link PackedReader} finds in them, or with an {@link EngineException} of the right code.
 * <p>
 * {@code -Dimmuta.impersonation.test-seed} and {@code -Dimmuta.impersonation.test-messages} make it another and a longer run.
 */
final class TestMalformedMessages
{
    private static final Logger LOG = Logger.getLogger(TestMalformedMessages.class.getName());
    private static final long SEED = Long.getLong("immuta.impersonation.test-seed", 20261125);
    private static final int MESSAGES = Integer.getInteger("immuta.impersonation.test-messages", 10_000);
    private static final int NO_PERMISSION = 21;
    private static final int NOT_ENFORCEABLE = 30;
    private static final Map<String, Boolean> MAY_IMPERSONATE = Map.of("svc", true, "alice", true, "bob", false, "carol", false);

    @TempDir
    private Path directory;

    private TestingConfiguration configuration;
    private long handle;

    private int answered;
    private int allowed;
    private int malformed;

    @BeforeEach
    void open()
            throws IOException
    {
        NativeLibrary.load();
        configuration = new TestingConfiguration(directory)
                .with("immuta.user.admin", "root")
                // Each decision has its line.
                .with("immuta.impersonation.audit.max-repeated-refusals", "0");
        handle = Natives.open(Engine.encode(configuration.properties()));
    }

    @AfterEach
    void close()
    {
        Natives.close(handle);
    }

    @Test
    void testNativesAnswerWhatTheBytesSay()
            throws IOException
    {
        RandomMessages messages = new RandomMessages(SEED);
        messages.corpus().forEach(this::compare);
        for (int message = 0; message < MESSAGES; message++) {
            compare(messages.next());
        }
        LOG.info("seed %d: %d questions answered, %d of them with yes; %d malformed".formatted(SEED, answered, allowed, malformed));
        // Neither refusing everything nor taking everything would be a feat.
        assertThat(answered).isGreaterThan(MESSAGES / 10);
        assertThat(allowed).isGreaterThan(MESSAGES / 100);
        assertThat(malformed).isGreaterThan(MESSAGES / 2);
        Natives.close(handle);
        assertEachDecisionIsRecorded();
    }

    @Test
    void testMessagesThatAreTooLarge()
    {
        for (byte filling : new byte[] {0, 1, 'a', -1}) {
            byte[] bytes = new byte[Request.MAX_SIZE + 1];
            Arrays.fill(bytes, filling);
            assertFails(bytes, () -> Natives.check(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.bind(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.refuse(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.explain(handle, NO_PERMISSION, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.forUser(bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.decisions(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.isAdmin(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.flush(handle, bytes), REQUEST_TOO_LARGE);
            assertFails(bytes, () -> Natives.open(bytes), REQUEST_TOO_LARGE);
        }
    }

    private void compare(byte[] bytes)
    {
        Optional<Question> question = PackedReader.read(bytes, PackedReader::question);
        if (question.isPresent()) {
            int expected = expectedCode(question.get());
            assertThat(Natives.check(handle, bytes) & 0xFF).as(describe(bytes)).isEqualTo(expected);
            MessageReader bound = new MessageReader(Natives.bind(handle, bytes));
            assertThat(bound.readInt()).as(describe(bytes)).isEqualTo(expected);
            String target = bound.readString();
            question.get().names().get(1).ifPresent(asked -> assertThat(target).as(describe(bytes)).isEqualTo(asked));
            // Nobody here has groups.
            assertThat(bound.readInt()).as(describe(bytes)).isZero();
            bound.requireEnd();
            assertThat(Natives.refuse(handle, bytes)).as(describe(bytes)).isEqualTo(NOT_ENFORCEABLE);
            assertThat(Natives.explain(handle, expected, bytes)).as(describe(bytes)).isNotBlank();
            answered++;
            allowed += expected < 16 ? 1 : 0;
        }
        else {
            assertFails(bytes, () -> Natives.check(handle, bytes), INVALID_REQUEST);
            assertFails(bytes, () -> Natives.bind(handle, bytes), INVALID_REQUEST);
            assertFails(bytes, () -> Natives.refuse(handle, bytes), INVALID_REQUEST);
            assertFails(bytes, () -> Natives.explain(handle, NO_PERMISSION, bytes), INVALID_REQUEST);
            malformed++;
        }
        compare(bytes, PackedReader.read(bytes, PackedReader::caller).map(TestMalformedMessages::isAdmin), () -> Natives.isAdmin(handle, bytes));
        compare(bytes, PackedReader.read(bytes, PackedReader::flush).map(TestMalformedMessages::isAdmin), () -> Natives.flush(handle, bytes));
        compare(bytes, PackedReader.read(bytes, PackedReader::viewer), () -> Natives.decisions(handle, bytes).length >= Integer.BYTES);
        compare(bytes, PackedReader.read(bytes, PackedReader::endedQuery), () -> {
            Natives.recordQuery(handle, bytes);
            return true;
        });
        // Nothing is opened and no file is touched: there is no permission source.
        assertFails(bytes, () -> Natives.open(bytes), PackedReader.read(bytes, PackedReader::properties).isPresent() ? INVALID_CONFIGURATION : INVALID_REQUEST);
        compareExpression(bytes);
    }

    private static void compare(byte[] bytes, Optional<Boolean> expected, Supplier<Boolean> call)
    {
        if (expected.isPresent()) {
            assertThat(call.get()).as(describe(bytes)).isEqualTo(expected.get());
        }
        else {
            assertFails(bytes, call, INVALID_REQUEST);
        }
    }

    /**
     * An expression may be refused for what it says, too.
     */
    private static void compareExpression(byte[] bytes)
    {
        try {
            assertThat(Natives.forUser(bytes)).as(describe(bytes)).isNotNull();
        }
        catch (EngineException e) {
            assertThat(e.getCode()).as(describe(bytes)).isEqualTo(INVALID_REQUEST);
            return;
        }
        assertThat(PackedReader.read(bytes, PackedReader::expression)).as(describe(bytes)).isPresent();
    }

    /**
     * The README's table, on the users of {@link TestingConfiguration#POLICY}.
     */
    private static int expectedCode(Question question)
    {
        Optional<String> impersonator = question.names().get(0).filter(TestMalformedMessages::canBeName);
        Optional<String> target = question.names().get(1).filter(TestMalformedMessages::canBeName);
        if (impersonator.isEmpty() || target.isEmpty()) {
            return 17;
        }
        if (impersonator.equals(target)) {
            return 4;
        }
        if (question.chained()) {
            return 18;
        }
        if (question.principal().equals(target)) {
            return 29;
        }
        boolean admin = impersonator.get().equals("root");
        Optional<Boolean> mayImpersonate = impersonator.map(MAY_IMPERSONATE::get);
        if (mayImpersonate.isEmpty() && !admin) {
            return 19;
        }
        if (impersonator.get().equals("carol")) {
            return 20;
        }
        if (!admin && !mayImpersonate.get()) {
            return NO_PERMISSION;
        }
        if (!MAY_IMPERSONATE.containsKey(target.get())) {
            return 22;
        }
        if (target.get().equals("carol")) {
            return 23;
        }
        return admin ? 2 : 1;
    }

    private static boolean isAdmin(Optional<String> caller)
    {
        return caller.equals(Optional.of("root"));
    }

    private static boolean canBeName(String name)
    {
        int size = name.getBytes(UTF_8).length;
        return size > 0 && size <= 256 && name.chars().noneMatch(Character::isISOControl);
    }

    /**
     * {@code check}, {@code bind} and {@code refuse} were all asked.
     */
    private void assertEachDecisionIsRecorded()
            throws IOException
    {
        int decisions = 0;
        int allows = 0;
        Set<String> types = new HashSet<>();
        for (String line : Files.readAllLines(configuration.auditFile())) {
            JsonNode json = new ObjectMapper().readTree(line);
            types.add(json.get("type").asText());
            if (json.get("type").asText().equals("decision")) {
                decisions++;
                allows += json.get("decision").asText().equals("allow") ? 1 : 0;
            }
        }
        assertThat(decisions).isEqualTo(3 * answered);
        assertThat(allows).isEqualTo(2 * allowed);
        assertThat(types).containsExactlyInAnyOrder("start", "decision", "flush", "query");
    }

    private static void assertFails(byte[] bytes, Supplier<?> call, EngineException.Code code)
    {
        Object answer;
        try {
            answer = call.get();
        }
        catch (EngineException e) {
            assertThat(e.getCode()).as(describe(bytes)).isEqualTo(code);
            return;
        }
        throw new AssertionError("%s was answered with %s".formatted(describe(bytes), answer));
    }

    private static String describe(byte[] bytes)
    {
        return "seed %s, message %s".formatted(SEED, HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 2000)));
    }
}
