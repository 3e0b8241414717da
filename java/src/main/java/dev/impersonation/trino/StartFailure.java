package dev.impersonation.trino;

import java.util.List;

import static java.util.stream.Collectors.joining;

/**
 * Stops the server's start with all that is wrong, one problem a line.
 */
final class StartFailure
        extends RuntimeException
{
    private static final long serialVersionUID = 1L;

    StartFailure(List<RuntimeException> problems)
    {
        super(message(problems), problems.get(0));
        problems.subList(1, problems.size()).forEach(this::addSuppressed);
    }

    private static String message(List<RuntimeException> problems)
    {
        return problems.stream()
                .map(RuntimeException::getMessage)
                .flatMap(String::lines)
                .map(line -> "\n  - " + line)
                .collect(joining("", "The access control '%s' cannot start:".formatted(ImpersonationAccessControlFactory.NAME), ""));
    }
}
