package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Logger;
import java.util.stream.IntStream;

import static dev.impersonation.engine.PatternJudge.printable;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * {@link java.util.regex.Pattern} is the judge: for every pattern and name the engine gives the same answer or refuses the pattern.
 * <p>
 * {@code -Dimmuta.impersonation.test-seed} and {@code -Dimmuta.impersonation.test-pairs} make it another and a longer run.
 */
final class TestAdminPatternsMeanTheSameInJava
{
    private static final Logger LOG = Logger.getLogger(TestAdminPatternsMeanTheSameInJava.class.getName());
    private static final long PAIRS = Long.getLong("immuta.impersonation.test-pairs", 200_000);
    private static final int NAMES = 40;

    @TempDir
    private Path folder;

    /**
     * The constructs of Java's documentation, and whether the engine supports them.
     */
    @Test
    void testDocumentedConstructs()
    {
        PatternJudge judge = new PatternJudge();
        List<String> surprises = new ArrayList<>();
        GoldenCases.read("patterns.json").forEach(golden -> {
            for (JsonNode pattern : golden.get("accepted")) {
                if (!judge.compare(pattern.asText(), texts(golden.get("names")))) {
                    surprises.add("refused: " + printable(pattern.asText()) + ": " + PatternJudge.ask(pattern.asText(), List.of()).asText());
                }
            }
            for (JsonNode pattern : golden.get("refused")) {
                if (judge.compare(pattern.asText(), texts(golden.get("names")))) {
                    surprises.add("accepted: " + printable(pattern.asText()));
                }
            }
        });
        assertThat(judge.differences()).isEmpty();
        assertThat(surprises).isEmpty();
        assertThat(judge.tried()).isGreaterThanOrEqualTo(300);
    }

    /**
     * What libFuzzer found worth keeping, too.
     */
    @Test
    void testPatternsOfTheFuzzTarget()
    {
        PatternJudge judge = new PatternJudge();
        for (byte[] input : FuzzCorpus.read("pattern")) {
            List<String> lines = List.of(new String(input, UTF_8).split("\n", -1));
            judge.compare(lines.get(0), lines);
        }
        assertThat(judge.differences()).isEmpty();
        assertThat(judge.accepted()).isGreaterThan(judge.tried() / 3);
    }

    @Test
    void testRandomPatterns()
    {
        // The same each time, so that a failure is one of the change under test; other seeds and more pairs are for long runs by hand.
        long seed = Long.getLong("immuta.impersonation.test-seed", 20261124);
        RandomPatterns patterns = new RandomPatterns(seed);
        PatternJudge judge = new PatternJudge();
        while (judge.pairs() < PAIRS) {
            String pattern = patterns.pattern();
            judge.compare(pattern, patterns.names(pattern, NAMES));
        }
        LOG.info("seed %d, locale %s: %d of %d patterns accepted, %d pairs, %d matches, %d captures".formatted(
                seed, Locale.getDefault(), judge.accepted(), judge.tried(), judge.pairs(), judge.matches(), judge.captures()));
        assertThat(judge.differences()).as("seed %s", seed).isEmpty();
        // Refusing everything would be no feat, nor would matching nothing.
        assertThat(judge.accepted()).isGreaterThan(judge.tried() / 3);
        assertThat(judge.matches()).isGreaterThan(judge.pairs() / 50);
        assertThat(judge.captures()).isGreaterThan(judge.pairs() / 250);
    }

    @Test
    void testEveryPairInBrackets()
    {
        PatternJudge judge = new PatternJudge();
        RandomPatterns.bracketsOfEveryPair().forEach(pattern -> judge.compare(pattern, RandomPatterns.characters()));
        assertThat(judge.differences()).isEmpty();
        assertThat(judge.accepted()).isGreaterThan(judge.tried() / 2);
    }

    @Test
    void testEachCharacterIsInTheSameClasses()
    {
        List<String> characters = IntStream.concat(IntStream.range(0, 0x3100), IntStream.of(0xfeff, 0xff10, 0xff21, 0xff41, 0xffff, 0x10400, 0x10428, 0x1f600, 0x10ffff))
                .mapToObj(Character::toString)
                .toList();
        PatternJudge judge = new PatternJudge();
        for (String source : List.of(
                ".", "(?s).", "\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "\\h", "\\H", "\\v", "\\V", "\\p{Punct}", "\\P{Graph}", "\\p{Cntrl}", "\\p{Space}",
                "(?i)\\p{Lower}", "(?i)\\P{Upper}",
                "(?i)[k-s]", "(?i)[^i]", "(?i)[Z-a]", "(?i)[^Z-a]", "(?i)é", "(?i)\u017f", "(?i)\u212a", "(?i)\u0130", "(?i)i", "(?i)k", "(?i)[À-\u024f]",
                "(?i)[@-\u212a]", "[\\W&&[^é-ï]]")) {
            assertThat(judge.compare(source, characters)).as(source).isTrue();
        }
        assertThat(judge.differences()).isEmpty();
    }

    /**
     * The properties lead to the same patterns.
     */
    @Test
    void testAdministratorsOfAnEngine()
            throws IOException
    {
        Path policy = folder.resolve("policy.json");
        List<String> differences = new ArrayList<>();
        GoldenCases.read("patterns.json").filter(golden -> golden.get("construct").asText().equals("as operators write")).forEach(golden -> {
            for (JsonNode pattern : golden.get("accepted")) {
                List<String> names = texts(golden.get("names"));
                writePolicy(policy, names);
                JsonNode expected = PatternJudge.ask(pattern.asText(), names);
                try (Engine engine = engine(pattern.asText(), policy)) {
                    for (int index = 0; index < names.size(); index++) {
                        // A group may be called anything, a user may not.
                        Request request = new Request(NATIVE, false, "user " + index, "the target", Optional.empty());
                        if (engine.check(request).allowed() == expected.get("found").get(index).isNull()) {
                            differences.add("%s on %s".formatted(printable(pattern.asText()), printable(names.get(index))));
                        }
                    }
                }
            }
        });
        assertThat(differences).isEmpty();
    }

    private static Engine engine(String pattern, Path policy)
    {
        return Engine.open(Map.of(
                "immuta.group.admin", pattern,
                "immuta.impersonation.allow-match-all-admin", "true",
                "immuta.impersonation.unknown-targets", "allow",
                "immuta.impersonation.audit.file", "",
                "immuta.impersonation.policy-file", policy.toString()));
    }

    /**
     * Each user has a group of one of the names.
     */
    private static void writePolicy(Path file, List<String> groups)
    {
        ObjectNode policy = JsonNodeFactory.instance.objectNode();
        ArrayNode users = policy.putArray("users");
        for (int index = 0; index < groups.size(); index++) {
            users.addObject().put("name", "user " + index).putArray("groups").add(groups.get(index));
        }
        try {
            Files.writeString(file, policy.toString());
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> texts(JsonNode names)
    {
        List<String> texts = new ArrayList<>();
        names.forEach(name -> texts.add(name.asText()));
        return texts;
    }
}
