package dev.impersonation.trino;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

/**
 * Replaces the values of the delegate's file in what its plugin says by the names of their properties: some are secrets, and only the plugin knows which.
 */
final class ConcealedValues
{
    private final Map<String, String> names = new HashMap<>();
    private final Pattern values;

    ConcealedValues(Map<String, String> config)
    {
        requireNonNull(config, "config is null").forEach((name, value) -> {
            if (!value.isEmpty()) {
                names.put(value, name);
            }
        });
        // The longest first, for a value that is part of another. A short one is not looked for within words.
        values = Pattern.compile(names.keySet().stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .map(Pattern::quote)
                .collect(joining("|", "(?<![\\p{L}\\p{N}])(?:", ")(?![\\p{L}\\p{N}])")));
    }

    String conceal(String text)
    {
        if (names.isEmpty()) {
            return text;
        }
        return values.matcher(text).replaceAll(match -> Matcher.quoteReplacement("<value of %s>".formatted(names.get(match.group()))));
    }

    /**
     * Where it came from is kept, for whoever has to find the mistake in the plugin.
     */
    Throwable conceal(Throwable failure)
    {
        return conceal(failure, new HashSet<>());
    }

    private Throwable conceal(Throwable failure, Set<Throwable> seen)
    {
        Throwable cause = failure.getCause();
        Throwable concealedCause = cause != null && seen.add(cause) ? conceal(cause, seen) : null;
        return new ConcealedFailure(conceal(failure.toString()), concealedCause, failure.getStackTrace());
    }

    private static final class ConcealedFailure
            extends Exception
    {
        private static final long serialVersionUID = 1L;

        ConcealedFailure(String description, Throwable cause, StackTraceElement[] stackTrace)
        {
            super(description, cause, false, true);
            setStackTrace(stackTrace);
        }

        @Override
        public String toString()
        {
            return getMessage();
        }
    }
}
