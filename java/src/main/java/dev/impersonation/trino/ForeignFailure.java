package dev.impersonation.trino;

import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.regex.Pattern;

import static java.util.stream.Collectors.joining;

/**
 * Tells in one line what code of others complains of.
 */
final class ForeignFailure
{
    private static final Pattern NUMBERED_PROBLEM = Pattern.compile("(?m)^\\d+\\) (?:Error: |\\[Guice/\\w+]: )?(.*)$");

    private ForeignFailure() {}

    /**
     * The server's controls list their problems as numbered lines among much that only their authors can read.
     */
    static String describe(Throwable failure)
    {
        String message = failure.getMessage();
        if (message == null || message.isBlank() || failure instanceof LinkageError) {
            return failure.toString();
        }
        List<String> problems = NUMBERED_PROBLEM.matcher(message).results()
                .map(problem -> problem.group(1).trim())
                .distinct()
                .toList();
        if (!problems.isEmpty()) {
            return String.join("; ", problems);
        }
        String line = message.lines().map(String::trim).filter(part -> !part.isEmpty()).collect(joining(" "));
        if (failure instanceof ServiceConfigurationError && failure.getCause() != null) {
            return "%s: %s".formatted(line, failure.getCause());
        }
        return line;
    }
}
