package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Compares what the engine makes of patterns with what {@link Pattern} makes of them, and keeps the score.
 */
final class PatternJudge
{
    private static final ObjectMapper JSON = new ObjectMapper();

    private final List<String> differences = new ArrayList<>();
    private int tried;
    private int accepted;
    private long pairs;
    private long matches;
    private long captures;

    /**
     * Compares the answers for each name and what each group captured.
     *
     * @return whether the engine accepts the pattern
     */
    boolean compare(String source, List<String> names)
    {
        tried++;
        JsonNode answer = ask(source, names);
        if (answer.isTextual()) {
            return false;
        }
        accepted++;
        Pattern pattern;
        try {
            pattern = Pattern.compile(source);
        }
        catch (PatternSyntaxException e) {
            differences.add("accepted, but Java refuses it: " + printable(source));
            return true;
        }
        for (int index = 0; index < names.size(); index++) {
            compare(pattern.matcher(names.get(index)), names.get(index), answer.get("found").get(index), answer.get("exact"));
        }
        return true;
    }

    private void compare(Matcher matcher, String name, JsonNode found, JsonNode exact)
    {
        pairs++;
        boolean expected = matcher.matches();
        if (expected == found.isNull()) {
            differences.add("%s on %s: %s here".formatted(printable(matcher.pattern().pattern()), printable(name), !expected));
            return;
        }
        if (!expected) {
            return;
        }
        matches++;
        if (found.size() != matcher.groupCount()) {
            differences.add("%s has %s groups here".formatted(printable(matcher.pattern().pattern()), found.size()));
            return;
        }
        for (int group = 1; group <= matcher.groupCount(); group++) {
            // A scope refuses to use what these captured.
            if (!exact.get(group - 1).asBoolean()) {
                continue;
            }
            captures++;
            String captured = found.get(group - 1).textValue();
            if (!Objects.equals(captured, matcher.group(group))) {
                differences.add("%s on %s: group %s is %s here, %s in Java".formatted(
                        printable(matcher.pattern().pattern()), printable(name), group, printable(captured), printable(matcher.group(group))));
            }
        }
    }

    /**
     * The engine's answer, as in {@link BoundaryProbe#match}.
     */
    static JsonNode ask(String pattern, List<String> names)
    {
        try {
            return JSON.readTree(BoundaryProbe.match(JSON.writeValueAsBytes(List.of(pattern, names))));
        }
        catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    List<String> differences()
    {
        return differences;
    }

    int tried()
    {
        return tried;
    }

    int accepted()
    {
        return accepted;
    }

    long pairs()
    {
        return pairs;
    }

    long matches()
    {
        return matches;
    }

    long captures()
    {
        return captures;
    }

    static String printable(String text)
    {
        if (text == null) {
            return "nothing";
        }
        StringBuilder printable = new StringBuilder("\"");
        text.codePoints().forEach(character -> {
            if (character >= ' ' && character < 0x7f) {
                printable.appendCodePoint(character);
            }
            else {
                printable.append("<%x>".formatted(character));
            }
        });
        return printable.append('"').toString();
    }
}
