package dev.impersonation.engine;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Patterns of which the engine should accept many, and names that they often match.
 */
final class RandomPatterns
{
    private static final String[] CHARACTERS = {
            // Latin in both cases, and what folds to it elsewhere
            "a", "b", "c", "A", "B", "Z", "k", "K", "s", "S", "i", "I", "z", "é", "É", "ß", "µ", "ÿ", "\u0131", "\u0130", "\u017f", "\u212a", "\uff21", "\uff41",
            "\u03c3", "\u03c2",
            // digits, blanks, line terminators
            "0", "1", "3", "7", "\u0661", "\u0967", "\uff10", "_", "-", ".", " ", "\t", "\u00a0", "\u180e", "\u2003", "\u3000", "\n", "\r", "\r\n", "\u000b", "\u000c",
            "\u0085", "\u2028", "\u2029",
            // supplementary and combining characters, controls
            "\ud83d\ude00", "\ud835\udc00", "\ud801\udc00", "\ud801\udc28", "e\u0301", "\u200d", "\u0000", "\u0007", "\u001b", "\u007f",
            "]", "[", "^", "&", "$", "\\", "#", "{", "}", "|", "@", "(", ")", "*", "+", "?", "!", "/", ":", ",", "~", "`", "<", ">", "=", "'", "\"", "%", ";"};
    private static final String[] PLAIN = {"a", "b", ".", "A", "0", "k"};
    private static final String[] STRUCTURE = {"a", "b"};
    private static final String[] STRUCTURE_ATOMS = {"a", "b", "a", "b", ".", "ab", "[ab]", "^", "$"};
    private static final String[] SUPPORTED_ATOMS = {
            "a", "b", "A", "k", "s", "i", "I", "0", "_", "-", " ", "@", "é", "#", "}", "]", "&", "&&", ".", ".", "\u212a", "\u017f", "\u0131", "\u0130", "\uff21", "😀",
            "\u2028", "\n",
            "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\h", "\\H", "\\v", "\\V", "\\.", "\\-", "\\_", "\\ ", "\\&", "\\#", "\\@", "\\\\", "\\t", "\\n", "\\r", "\\f",
            "\\a", "\\e", "\\cA",
            "\\x41", "\\x{1f600}", "\\x{6b}", "\\u0061", "\\07", "\\060", "\\0101", "\\0400",
            "\\p{Alpha}", "\\p{Lower}", "\\p{Upper}", "\\P{Lower}", "\\P{Upper}", "\\p{Digit}", "\\p{Alnum}", "\\p{Punct}", "\\p{Graph}", "\\p{Print}", "\\p{Blank}",
            "\\p{Cntrl}",
            "\\p{XDigit}", "\\p{Space}", "\\p{ASCII}", "\\P{ASCII}", "\\P{Alpha}",
            "\\Qa.b\\E", "a\\Q\\E", "\\Q*\\E", "\\Q1\\E", "\\Q \\E", "\\Q^\\E", "\\Q[a\\E", "\\Qk\\E", "^", "\\A", "\\z", "(?i)", "(?i)", "(?-i)", "(?s)", "(?i-s)", "(?-is)"};
    private static final String[] OTHER_ATOMS = {
            "\\<", "\\>", "\\é", "\\u{61}", "\\ud83d\\ude00", "\\ud83d", "\\R", "\\ca", "\\0", "\\08", "\\b", "\\B", "\\b{g}", "\\Z", "\\G", "\\1", "\\2", "\\k<n>",
            "\\y", "\\E", "\\Qa", "\\Q",
            "\\p{L}", "\\pL", "\\P{Lu}", "\\p{IsLatin}", "\\p{InGreek}", "\\p{javaLowerCase}", "\\p{alpha}", "\\p{ Alpha}", "\\p{}", "\\ph", "\\pv", "\\p{h}",
            "\\N{DIGIT ONE}", "\\N", "\\X", "$",
            "(?x)", "(?d)", "(?m)", "(?U)", "(?u)", "(?iu)", "(?R)", "(?)", "(?-)", "(?i-)", "(?=a)", "(?!b)", "(?<=a)", "(?<!a)", "(?>a)", "(?#a)", "(?|a)", "()",
            "(?:)", "#c\n", "\t",
            "{", "{2}", "*", "[]", "[^]", "\\x4", "\\x{110000}", "\\x{d800}", "\\u004", "\\U00000041", "|", "(", ")", "\u0000"};
    private static final String[] SUPPORTED_MEMBERS = {
            "a", "b", "k", "K", "s", "A", "Z", "0", "é", "É", "\u0131", "\u212a", "\u017f", "😀", "a-c", "A-Z", "0-9", "a-\u212a", "é-ï", "À-\u017f", "a-\\x63",
            "\\x41-c", "Z-a", "!-~", "A-\ud83d\ude00", "\\[-\\]", "+-\\-", "\\t-\\r", "\\x{1f600}-\\x{1f64f}",
            "\\w", "\\d", "\\W", "\\D", "\\s", "\\S", "\\h", "\\v", "\\H", "\\V", "\\p{Lower}", "\\P{Upper}", "\\p{Punct}", "\\p{Alnum}", "\\]", "\\[", "\\^", "\\-",
            "\\&", ".", "$", "#", " ", "|", "(", ")",
            "{", "}", "~", ":", "=", "\\\\", "*", "+", "?", "@", "_", "\\Qa-c\\E", "\\Q]\\E", "\\Q^\\E", "\\Q&\\E\\Q&\\E", "\\t", "\\e", "\\cA", "\\060", "\\u0061",
            "\\x{1f600}", "\\00-a"};
    private static final String[] OTHER_MEMBERS = {
            "-", "-", "^", "&", "&&", "&&", "[", "]", "--", "~~", "[:alpha:]", "[:x:]", "[.a.]", "\\Q^", "\\R", "\\b", "\\p{L}", "\\1", "\\k", "\\X", "\\N", "\\z",
            "z-a", "+--", "--/", "a-\\d", "\\d-a",
            "!-[", "!-&", "!-^", "^-a", "&-a", "\u0000"};
    private static final String[] SUPPORTED_QUANTIFIERS = {"*", "+", "?", "{2}", "{1,2}", "{0,}", "{0}", "{1}", "{2,3}", "*?", "+?", "??", "{1,2}?", "{0,}?", "{2}?"};
    private static final String[] OTHER_QUANTIFIERS = {
            "{,2}", "{2,1}", "{ 1 }", "{1 }", "++", "?+", "*+", "{1}+", "**", "{2}{2}", " *", "* ?", "{}", "{a}", "{", "{1", "???", "{99999999999}"};
    private static final String[] SUPPORTED_GROUPS = {"(", "(", "(", "(?:", "(?:", "(?i:", "(?-i:", "(?s:", "(?is:", "(?i-s:", "(?<n>"};
    private static final String[] OTHER_GROUPS = {
            "(?x:", "(?-x:", "(?ix-s:", "(?d:", "(?m:", "(?u:", "(?U:", "(?P<n>", "(?<n_1>", "( ?:", "(?=", "(?>", "(?<1>", "(?<>", "(?'n'"};

    private final Random random;
    private boolean supportedOnly;
    private boolean structureOnly;

    RandomPatterns(long seed)
    {
        random = new Random(seed);
    }

    /**
     * Every second pattern is made of what the engine supports, so that enough of them are accepted to be judged. Some have few characters but deep groups.
     */
    String pattern()
    {
        supportedOnly = random.nextBoolean();
        structureOnly = random.nextInt(4) == 0;
        if (structureOnly) {
            return sequence(4);
        }
        String pattern = sequence(2);
        if (random.nextInt(4) == 0) {
            pattern = pick(new String[] {"(?i)", "(?i)", "(?s)", "^"}) + pattern;
        }
        return random.nextInt(12) == 0 ? pattern + pick(new String[] {"$", "\\Z", "\\z"}) : pattern;
    }

    /**
     * What is special in brackets often is so by its neighbour.
     */
    static List<String> bracketsOfEveryPair()
    {
        List<String> members = Stream.of(SUPPORTED_MEMBERS, OTHER_MEMBERS).flatMap(Stream::of).distinct().toList();
        return members.stream()
                .flatMap(first -> members.stream().map(second -> "[" + first + second + "]"))
                .toList();
    }

    static List<String> characters()
    {
        return List.of(CHARACTERS);
    }

    List<String> names(String pattern, int count)
    {
        String[] own = pattern.codePoints().mapToObj(Character::toString).toArray(String[]::new);
        return IntStream.range(0, count).mapToObj(index -> name(own)).toList();
    }

    /**
     * Characters of the pattern itself let it match more often.
     */
    private String name(String[] own)
    {
        StringBuilder name = new StringBuilder();
        int length = random.nextInt(5);
        for (int count = 0; count < length; count++) {
            name.append(pick(structureOnly ? STRUCTURE : switch (random.nextInt(4)) {
                case 0, 1 -> own;
                case 2 -> PLAIN;
                default -> CHARACTERS;
            }));
        }
        return name.toString();
    }

    private String sequence(int depth)
    {
        StringBuilder pattern = new StringBuilder();
        int atoms = 1 + random.nextInt(3);
        for (int count = 0; count < atoms; count++) {
            pattern.append(atom(depth));
            if (random.nextInt(structureOnly ? 2 : 4) == 0) {
                pattern.append(pick(SUPPORTED_QUANTIFIERS, OTHER_QUANTIFIERS));
            }
        }
        if (random.nextInt(5) == 0) {
            pattern.append('|').append(sequence(depth - 1));
        }
        return pattern.toString();
    }

    private String atom(int depth)
    {
        int kind = random.nextInt(10);
        if (kind < 4 && depth > 0) {
            return pick(SUPPORTED_GROUPS, OTHER_GROUPS) + sequence(depth - 1) + ")";
        }
        if (structureOnly) {
            return pick(STRUCTURE_ATOMS);
        }
        if (kind < 6) {
            return brackets(2);
        }
        // Plain atoms let names match.
        return kind < 8 ? pick(PLAIN) : pick(SUPPORTED_ATOMS, OTHER_ATOMS);
    }

    private String brackets(int depth)
    {
        StringBuilder members = new StringBuilder(random.nextInt(4) == 0 ? "[^" : "[");
        int count = 1 + random.nextInt(4);
        for (int member = 0; member < count; member++) {
            if (depth > 0 && random.nextInt(5) == 0) {
                if (random.nextInt(3) == 0 && member > 0) {
                    members.append("&&");
                }
                members.append(brackets(depth - 1));
            }
            else {
                members.append(pick(SUPPORTED_MEMBERS, OTHER_MEMBERS));
            }
        }
        return members.append(']').toString();
    }

    private String pick(String[] supported, String[] others)
    {
        return !supportedOnly && random.nextInt(6) == 0 ? pick(others) : pick(supported);
    }

    private String pick(String[] choices)
    {
        return choices[random.nextInt(choices.length)];
    }
}
