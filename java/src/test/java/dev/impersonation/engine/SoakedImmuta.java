package dev.impersonation.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.impersonation.engine.SoakPolicy.Kind;
import dev.impersonation.engine.SoakPolicy.Person;
import dev.impersonation.engine.SoakPolicy.State;
import dev.impersonation.testing.FakeImmuta;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.util.Objects.requireNonNull;

/**
 * An engine that looks users up at a stand-in for Immuta. Permissions there change and are followed by a flush, after which no older answer is right. While
 * the stand-in misbehaves an answer may be missing, but is never another one.
 */
final class SoakedImmuta
        implements Soaked
{
    private static final Caller ROOT = new Caller("root", Optional.empty(), Optional.empty());
    private static final String UNAVAILABLE = "lookup-unavailable";

    private final FakeImmuta immuta;
    private final List<JsonNode> faults = new ArrayList<>();
    private final List<Person> people = new ArrayList<>();
    private final List<Person> names = new ArrayList<>();
    private final ReplacedEngine engine;
    private volatile int flushed;
    private volatile int changed;
    private volatile boolean faulty;
    private volatile int faultsSoFar;

    SoakedImmuta(Path directory, FakeImmuta immuta)
            throws IOException, InterruptedException
    {
        this.immuta = requireNonNull(immuta, "immuta is null");
        people.addAll(Person.of(Kind.SERVICE, 8));
        people.addAll(Person.of(Kind.PERSON, 24));
        names.addAll(people);
        names.addAll(Person.of(Kind.STRANGER, 3));
        names.addAll(Person.of(Kind.NO_NAME, 1));
        for (Person person : people) {
            put(person, 0);
        }
        Map<String, JsonNode> known = immuta.faults();
        GoldenCases.read("faults.json")
                // Those that last no longer than they are set: 429 asks to be left alone for seconds.
                .filter(row -> !row.path("waits").asBoolean() && !row.get("name").asText().equals("status-429"))
                .filter(row -> row.get("byName").get("neverSeen").asText().equals(UNAVAILABLE))
                .map(row -> known.get(row.get("name").asText()))
                .filter(fault -> fault != null)
                .forEach(faults::add);
        Map<String, String> properties = new HashMap<>(immuta.properties());
        properties.put("immuta.user.admin", SoakPolicy.ADMIN_PATTERN);
        // A busy machine must not make lookups fail, and nothing is forgotten but by a flush.
        properties.put("immuta.http.timeout.milliseconds", "60000");
        properties.put("immuta.impersonation.cache.ttl", "1d");
        properties.put("immuta.impersonation.cache.negative-ttl", "1d");
        properties.put("immuta.impersonation.audit.on-failure", "warn");
        properties.put("immuta.impersonation.audit.rotate-size", "10MB");
        properties.put("immuta.impersonation.audit.max-history", "1");
        engine = new ReplacedEngine(directory, properties);
    }

    @Override
    public String decide(SplittableRandom random)
    {
        Person impersonator = names.get(random.nextInt(random.nextBoolean() ? 8 : names.size()));
        Person target = names.get(random.nextInt(names.size()));
        boolean chained = random.nextInt(32) == 0;
        int from = flushed;
        boolean mayFail = faulty;
        int faultsBefore = faultsSoFar;
        String answer = engine.reason(Soaked.request(random, impersonator, target, chained));
        int to = changed;
        if (answer.equals(UNAVAILABLE) && (mayFail || faultsSoFar != faultsBefore)) {
            return answer;
        }
        for (int version = from; version <= to; version++) {
            if (answer.equals(reason(version, impersonator, target, chained))) {
                return answer;
            }
        }
        throw new AssertionError("%s as %s%s: %s, but since the last flush it is %s; there were changes up to %s, flushes up to %s".formatted(
                impersonator.name(), target.name(), chained ? ", chained" : "", answer, reason(from, impersonator, target, chained), to, from));
    }

    @Override
    public List<Disturbance> disturbances()
    {
        return List.of(
                random -> change(List.of(Optional.empty())),
                random -> change(people.stream().map(person -> Optional.of(person.name())).toList()),
                random -> misbehave(faults.get(random.nextInt(faults.size()))),
                random -> engine.replace());
    }

    @Override
    public String summary()
    {
        return "%s changes at the stand-in with flushes, %s faults, %s engines".formatted(changed, faultsSoFar, engine.replacements() + 1);
    }

    private static String reason(int version, Person impersonator, Person target, boolean chained)
    {
        return SoakPolicy.reason(impersonator, state(impersonator, version), target, state(target, version), chained);
    }

    private static State state(Person person, int version)
    {
        if (person.kind() == Kind.STRANGER) {
            return State.UNKNOWN;
        }
        return SoakPolicy.state(person, version) == State.HOLDER ? State.HOLDER : State.PLAIN;
    }

    private void put(Person person, int version)
            throws IOException, InterruptedException
    {
        if (state(person, version) == State.HOLDER) {
            immuta.putUser(person.name(), "IMPERSONATE_USER");
        }
        else {
            immuta.putUser(person.name(), "CREATE_PROJECT");
        }
    }

    private void change(List<Optional<String>> flushes)
            throws IOException, InterruptedException
    {
        changed++;
        for (Person person : people) {
            if (state(person, changed) != state(person, changed - 1)) {
                put(person, changed);
            }
        }
        flushes.forEach(this::flush);
        flushed = changed;
        immuta.forgetRequests();
    }

    private void misbehave(JsonNode fault)
            throws IOException, InterruptedException
    {
        faulty = true;
        faultsSoFar++;
        long failures = metric("lookup_failures");
        immuta.setFault(fault);
        Soaked.await("lookups fail under " + fault, () -> {
            flush(Optional.empty());
            return metric("lookup_failures") > failures;
        });
        immuta.clearFault();
        Request request = new Request(NATIVE, false, "svc_0", "p0", Optional.empty());
        Soaked.await("lookups work again after " + fault, () -> {
            flush(Optional.empty());
            return !engine.reason(request).equals(UNAVAILABLE) && metric("breaker_open") == 0;
        });
        // Nobody waits any more for a lookup that began under the fault.
        flush(Optional.empty());
        faulty = false;
    }

    private void flush(Optional<String> user)
    {
        if (!engine.engine().flush(ROOT, user)) {
            throw new AssertionError("root may not flush");
        }
    }

    private long metric(String name)
    {
        return engine.engine().metrics().get(name);
    }

    @Override
    public void close()
    {
        engine.close();
    }
}
