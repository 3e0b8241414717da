package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * {@link Pattern} is the judge: for every pattern and name the engine gives the same answer or refuses the pattern.
 */
final class TestAdminPatternsMeanTheSameInJava
{
    private static final int PATTERNS = 4_000;
    private static final int NAMES = 40;
    private static final String[] CHARACTERS = {
            "a", "b", "A", "B", "k", "s", "i", "0", "7", "_", "-", ".", " ", "@", "é", "É", "\u0131", "\u0130", "\u017f", "\u212a", "\u0661", "\u00a0", "\u2028",
            "\u2029", "\ud83d\ude00", "]", "[", "^", "&", "$", "\\", "#", "{", "}", "|"};
    private static final String[] ATOMS = {
            "a", "b", "A", "k", "s", "i", "0", "_", "-", " ", "@", "é", "#", "}", "]", "&", "&&", ".", ".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\.", "\\-", "\\_",
            "\\ ", "\\&", "\\#", "\\@", "\\<", "\\x41", "\\x{1f600}", "\\u0061", "\\u{61}", "\\t", "\\v", "\\h", "\\R", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G", "\\e", "\\0101",
            "\\1", "\\k<n>", "\\p{L}", "\\p{Alpha}", "\\P{Lu}", "\\Qa.b\\E", "\\N{DIGIT ONE}", "\\X", "^", "$", "(?i)", "(?x)", "(?s)", "(?U)", "(?=a)", "(?!b)", "(?<=a)", "(?>a)",
            "[a-c]", "[^a]", "[\\w.-]", "[\\d_]", "[^\\W]", "[^\\s]", "[a-]", "[-a]", "[]a]", "[^]a]", "[a-b-0]", "[a&&b]", "[a-c&&[^b]]", "[a[b]]", "[[:alpha:]]", "[a^]", "[^^]",
            "[.]", "[$]", "[#]", "[ ]", "[|]", "[()]", "[+--]", "[\\]]", "[\\-a]", "[\\x41-\\x5a]", "[a-z--b]", "[a~~b]", "[é-ï]", "[&]", "[&a]", "[a&]", "[{}]"};
    private static final String[] QUANTIFIERS = {"", "", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "{,2}", "{ 1 }", "*?", "+?", "??", "++", "*+", "?+", "**",
            "{2}{2}", "{1,2}?"};

    @TempDir
    private Path folder;

    @Test
    void testNoPatternLetsAnybodyBeAnAdminWhoIsNoneInJava()
            throws IOException
    {
        Path policy = Files.writeString(folder.resolve("policy.json"), "{\"users\": []}");
        Random random = new Random(20261124);
        List<String> differences = new ArrayList<>();
        int accepted = 0;
        for (int count = 0; count < PATTERNS; count++) {
            String pattern = randomPattern(random, 2);
            Optional<Engine> opened = open(pattern, policy);
            if (opened.isEmpty()) {
                continue;
            }
            try (Engine engine = opened.get()) {
                accepted++;
                compare(pattern, engine, random, differences);
            }
        }
        assertThat(differences).isEmpty();
        // Refusing everything would be no feat.
        assertThat(accepted).isGreaterThan(PATTERNS / 10);
    }

    private static void compare(String source, Engine engine, Random random, List<String> differences)
    {
        Pattern pattern;
        try {
            pattern = Pattern.compile(source);
        }
        catch (PatternSyntaxException e) {
            differences.add("accepted, but Java refuses it: " + source);
            return;
        }
        for (int count = 0; count < NAMES; count++) {
            String name = randomName(random);
            boolean isAdmin = engine.check(new Request(NATIVE, false, name, "the target", Optional.empty(), List.of())).allowed();
            if (isAdmin != pattern.matcher(name).matches()) {
                differences.add("%s on \"%s\": %s here".formatted(source, name, isAdmin));
            }
        }
    }

    private static Optional<Engine> open(String pattern, Path policy)
    {
        try {
            return Optional.of(Engine.open(Map.of(
                    "immuta.user.admin", pattern,
                    "immuta.impersonation.allow-match-all-admin", "true",
                    "immuta.impersonation.unknown-targets", "allow",
                    "immuta.impersonation.audit.file", "",
                    "immuta.impersonation.policy-file", policy.toString())));
        }
        catch (EngineException e) {
            assertThat(e).hasMessageStartingWith("immuta.user.admin: ").hasMessageContaining("position ");
            return Optional.empty();
        }
    }

    private static String randomPattern(Random random, int depth)
    {
        StringBuilder pattern = new StringBuilder();
        int atoms = 1 + random.nextInt(3);
        for (int count = 0; count < atoms; count++) {
            pattern.append(randomAtom(random, depth)).append(pick(random, QUANTIFIERS));
        }
        if (random.nextInt(5) == 0) {
            pattern.append('|').append(randomAtom(random, depth));
        }
        return pattern.toString();
    }

    private static String randomAtom(Random random, int depth)
    {
        if (depth > 0 && random.nextInt(5) == 0) {
            return pick(random, new String[] {"(", "(?:", "(?<n>", "(?P<n>", "(?<n_1>", "(?i:"}) + randomPattern(random, depth - 1) + ")";
        }
        // Half of the atoms are plain, so that patterns are long enough to mean something and names often match.
        return pick(random, random.nextBoolean() ? new String[] {"a", "b", ".", "A", "0"} : ATOMS);
    }

    private static String randomName(Random random)
    {
        StringBuilder name = new StringBuilder();
        int length = 1 + random.nextInt(4);
        for (int count = 0; count < length; count++) {
            name.append(random.nextInt(3) == 0 ? pick(random, CHARACTERS) : pick(random, new String[] {"a", "b", "A", "0"}));
        }
        return name.toString();
    }

    private static String pick(Random random, String[] choices)
    {
        return choices[random.nextInt(choices.length)];
    }
}
