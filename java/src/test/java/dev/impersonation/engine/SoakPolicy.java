package dev.impersonation.engine;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import static java.util.Objects.requireNonNull;

/**
 * A policy file of which each version says something else, and the decisions that follow from a version: the table of the README made again, for one
 * question at a time. Everything is computed from the numbers of version and user, so that no run keeps anything of its versions.
 */
final class SoakPolicy
{
    static final String ADMIN_PATTERN = "root|admin_.+";

    private static final Pattern ADMIN = Pattern.compile(ADMIN_PATTERN);

    private SoakPolicy() {}

    /**
     * Somebody by whose name and number the versions know what he is.
     */
    record Person(Kind kind, int number, String name)
    {
        Person
        {
            requireNonNull(kind, "kind is null");
            requireNonNull(name, "name is null");
        }

        static List<Person> of(Kind kind, int count)
        {
            return IntStream.range(0, count).mapToObj(number -> new Person(kind, number, kind.prefix + number)).toList();
        }

        boolean isValid()
        {
            return kind != Kind.NO_NAME;
        }

        boolean isAdmin()
        {
            return ADMIN.matcher(name).matches();
        }

        String group()
        {
            return "g" + number % 3;
        }
    }

    enum Kind
    {
        SERVICE("svc_"),
        PERSON("p"),
        ADMIN("admin_"),
        STRANGER("stranger_"),
        /** Has a control character. */
        NO_NAME("\t"),
        /** There is one in each version alone, which shows that it has been read. */
        VERSION("version_");

        private final String prefix;

        Kind(String prefix)
        {
            this.prefix = prefix;
        }
    }

    enum State
    {
        HOLDER,
        PLAIN,
        DISABLED,
        UNKNOWN,
    }

    static State state(Person person, int version)
    {
        int chance = (int) (mixed(version * 1_000_003L + person.kind.ordinal() * 10_007L + person.number) >>> 1) & 15;
        return switch (person.kind) {
            case SERVICE -> chance < 10 ? State.HOLDER : withoutPermission(chance);
            case PERSON, ADMIN -> withoutPermission(chance);
            case VERSION -> person.number == version ? State.PLAIN : State.UNKNOWN;
            case STRANGER, NO_NAME -> State.UNKNOWN;
        };
    }

    private static State withoutPermission(int chance)
    {
        if (chance < 12) {
            return State.PLAIN;
        }
        return chance < 14 ? State.DISABLED : State.UNKNOWN;
    }

    private record Scope(Optional<Pattern> originalUser, Optional<Pattern> newUser, Optional<String> originalGroup, Optional<String> newGroup, boolean allow)
    {
        boolean matches(Person impersonator, State impersonatorState, Person target, State targetState)
        {
            return originalUser.map(pattern -> pattern.matcher(impersonator.name).matches()).orElse(true)
                    && newUser.map(pattern -> pattern.matcher(target.name).matches()).orElse(true)
                    // Who is unknown has no groups.
                    && originalGroup.map(group -> impersonatorState != State.UNKNOWN && impersonator.group().equals(group)).orElse(true)
                    && newGroup.map(group -> targetState != State.UNKNOWN && target.group().equals(group)).orElse(true);
        }

        String toJson()
        {
            return "{\"allow\": %s%s%s%s%s}".formatted(
                    allow,
                    originalUser.map(pattern -> ", \"original_user\": \"%s\"".formatted(pattern)).orElse(""),
                    newUser.map(pattern -> ", \"new_user\": \"%s\"".formatted(pattern)).orElse(""),
                    originalGroup.map(", \"original_group\": \"%s\""::formatted).orElse(""),
                    newGroup.map(", \"new_group\": \"%s\""::formatted).orElse(""));
        }
    }

    /**
     * All the scopes that there are. A version has some of them, always with the last.
     */
    private static final List<Scope> SCOPES = List.of(
            new Scope(Optional.of(Pattern.compile("svc_1.*")), Optional.of(Pattern.compile("p.*7")), Optional.empty(), Optional.empty(), false),
            new Scope(Optional.empty(), Optional.empty(), Optional.of("g1"), Optional.of("g2"), false),
            new Scope(Optional.empty(), Optional.of(Pattern.compile("p[0-4].*")), Optional.empty(), Optional.empty(), true),
            new Scope(Optional.empty(), Optional.empty(), Optional.empty(), Optional.of("g0"), false),
            new Scope(Optional.of(Pattern.compile("svc_.*|root|admin_.*")), Optional.of(Pattern.compile("(p|admin_).*")), Optional.empty(), Optional.empty(), true));

    private static boolean hasScope(int number, int version)
    {
        return number == SCOPES.size() - 1 || (mixed(version * 31L + number) & 1) == 0;
    }

    /**
     * The whole file, with these people as this version knows them.
     */
    static String file(int version, List<Person> people)
    {
        String users = people.stream()
                .filter(person -> state(person, version) != State.UNKNOWN)
                .map(person -> "{\"name\": \"%s\", \"permissions\": [%s], \"groups\": [\"%s\"], \"disabled\": %s}".formatted(
                        person.name,
                        state(person, version) == State.HOLDER ? "\"IMPERSONATE_USER\"" : "",
                        person.group(),
                        state(person, version) == State.DISABLED))
                .collect(Collectors.joining(",\n", "", ",\n"));
        String scopes = IntStream.range(0, SCOPES.size())
                .filter(number -> hasScope(number, version))
                .mapToObj(number -> SCOPES.get(number).toJson())
                .collect(Collectors.joining(",\n"));
        return "{\"users\": [\n%s{\"name\": \"%s%s\"}],\n\"scopes\": [\n%s]}\n".formatted(users, Kind.VERSION.prefix, version, scopes);
    }

    /**
     * What this version says.
     */
    static String reason(int version, Person impersonator, Person target, boolean chained)
    {
        State impersonatorState = state(impersonator, version);
        State targetState = state(target, version);
        String beforeScopes = reason(impersonator, impersonatorState, target, targetState, chained);
        if (!beforeScopes.equals("permission") && !beforeScopes.equals("admin-user")) {
            return beforeScopes;
        }
        for (int number = 0; number < SCOPES.size(); number++) {
            if (hasScope(number, version) && SCOPES.get(number).matches(impersonator, impersonatorState, target, targetState)) {
                return SCOPES.get(number).allow ? beforeScopes : "out-of-scope";
            }
        }
        return "out-of-scope";
    }

    /**
     * What is decided where there are no scopes.
     */
    static String reason(Person impersonator, State impersonatorState, Person target, State targetState, boolean chained)
    {
        if (!impersonator.isValid() || !target.isValid()) {
            return "invalid-name";
        }
        if (impersonator.equals(target)) {
            return "self";
        }
        if (chained) {
            return "chained";
        }
        boolean admin = impersonator.isAdmin();
        if (impersonatorState == State.UNKNOWN && !admin) {
            return "unknown-user";
        }
        if (impersonatorState == State.DISABLED) {
            return "user-disabled";
        }
        if (impersonatorState != State.HOLDER && !admin) {
            return "no-permission";
        }
        if (targetState == State.UNKNOWN) {
            return "unknown-target";
        }
        if (targetState == State.DISABLED) {
            return "target-disabled";
        }
        if (!admin && target.isAdmin()) {
            return "protected-target";
        }
        return admin ? "admin-user" : "permission";
    }

    /**
     * SplitMix64.
     */
    static long mixed(long number)
    {
        long mixed = number + 0x9e37_79b9_7f4a_7c15L;
        mixed = (mixed ^ (mixed >>> 30)) * 0xbf58_476d_1ce4_e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d0_49bb_1331_11ebL;
        return mixed ^ (mixed >>> 31);
    }
}
