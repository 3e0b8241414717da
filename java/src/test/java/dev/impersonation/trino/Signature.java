package dev.impersonation.trino;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static java.util.stream.Collectors.joining;

/**
 * A method of some version of Trino's interfaces, whose types may be unknown to the version that is compiled against. Types have no packages.
 */
record Signature(String returns, String name, List<String> parameters)
{
    private static final Pattern TEXT = Pattern.compile("(?:(.+) )?(\\w+)\\((.*)\\)");

    static Signature parse(String text)
    {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("Not a method: " + text);
        }
        return new Signature(matcher.group(1) == null ? "" : matcher.group(1), matcher.group(2), split(matcher.group(3)));
    }

    static Signature of(Method method)
    {
        List<String> parameters = Arrays.stream(method.getGenericParameterTypes()).map(type -> withoutPackages(type.getTypeName())).toList();
        return new Signature(withoutPackages(method.getGenericReturnType().getTypeName()), method.getName(), parameters);
    }

    @Override
    public String toString()
    {
        return "%s%s(%s)".formatted(returns.isEmpty() ? "" : returns + " ", name, parameters.stream().collect(joining(", ")));
    }

    private static String withoutPackages(String type)
    {
        return type.replaceAll("\\b(?:[a-z_]\\w*\\.)+(?=[A-Z])", "");
    }

    private static List<String> split(String parameters)
    {
        List<String> types = new ArrayList<>();
        int depth = 0;
        int begin = 0;
        for (int index = 0; index < parameters.length(); index++) {
            char letter = parameters.charAt(index);
            if (letter == '<') {
                depth++;
            }
            if (letter == '>') {
                depth--;
            }
            if (letter == ',' && depth == 0) {
                types.add(parameters.substring(begin, index).strip());
                begin = index + 1;
            }
        }
        if (!parameters.isBlank()) {
            types.add(parameters.substring(begin).strip());
        }
        return List.copyOf(types);
    }
}
