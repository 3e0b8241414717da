package dev.impersonation.engine;

import dev.impersonation.engine.SoakPolicy.Kind;
import dev.impersonation.engine.SoakPolicy.Person;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

import static dev.impersonation.engine.Request.Path.NATIVE;
import static dev.impersonation.engine.SoakPolicy.reason;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * An engine whose users are in a policy file that changes and breaks all the time. An answer is right if it is that of a version which may have been the
 * engine's while it was asked: not older than the last that it is known to have read, not newer than what has been written.
 */
final class SoakedFile
        implements Soaked
{
    private final Path file;
    private final Path next;
    private final List<Person> people = new ArrayList<>();
    private final List<Person> names = new ArrayList<>();
    private final ReplacedEngine engine;
    private volatile int read;
    private volatile int written;
    private int broken;

    SoakedFile(Path directory)
            throws IOException
    {
        file = directory.resolve("policy.json");
        next = directory.resolve("policy.json.next");
        people.addAll(Person.of(Kind.SERVICE, 20));
        people.addAll(Person.of(Kind.PERSON, 100));
        people.addAll(Person.of(Kind.ADMIN, 10));
        names.addAll(people);
        names.addAll(Person.of(Kind.STRANGER, 5));
        names.addAll(Person.of(Kind.NO_NAME, 1));
        Files.writeString(file, SoakPolicy.file(0, people));
        engine = new ReplacedEngine(directory, Map.of(
                "immuta.user.admin", SoakPolicy.ADMIN_PATTERN,
                "immuta.impersonation.policy-file", file.toString(),
                "immuta.impersonation.policy-file.refresh", "10ms",
                // A disk that is slower than the test must not change an answer.
                "immuta.impersonation.audit.on-failure", "warn",
                "immuta.impersonation.audit.rotate-size", "10MB",
                "immuta.impersonation.audit.max-history", "1"));
    }

    @Override
    public String decide(SplittableRandom random)
    {
        Person impersonator = names.get(random.nextInt(random.nextBoolean() ? 20 : names.size()));
        Person target = names.get(random.nextInt(names.size()));
        boolean chained = random.nextInt(32) == 0;
        int from = read;
        String answer = engine.reason(Soaked.request(random, impersonator, target, chained));
        int to = written;
        for (int version = from; version <= to; version++) {
            if (answer.equals(reason(version, impersonator, target, chained))) {
                return answer;
            }
        }
        throw new AssertionError("%s as %s%s: %s, but by version %s it is %s; written were versions up to %s".formatted(
                impersonator.name(), target.name(), chained ? ", chained" : "", answer, from, reason(from, impersonator, target, chained), to));
    }

    @Override
    public List<Disturbance> disturbances()
    {
        return List.of(
                random -> moveNext(),
                random -> {
                    spoil(SoakPolicy.file(written + 1, people).substring(0, 1 + random.nextInt(5_000)).getBytes(UTF_8));
                    moveNext();
                },
                random -> {
                    byte[] garbage = new byte[1 + random.nextInt(10_000)];
                    random.nextBytes(garbage);
                    spoil(garbage);
                    overwrite();
                },
                random -> overwrite(),
                random -> engine.replace());
    }

    @Override
    public String summary()
    {
        return "%s versions of the policy file, %s broken ones, %s engines".formatted(written + 1, broken, engine.replacements() + 1);
    }

    private void moveNext()
            throws IOException
    {
        written++;
        Files.writeString(next, SoakPolicy.file(written, people));
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
        awaitRead();
    }

    private void overwrite()
            throws IOException
    {
        written++;
        Files.writeString(file, SoakPolicy.file(written, people));
        awaitRead();
    }

    private void awaitRead()
    {
        Request request = new Request(NATIVE, false, "root", "version_" + written, Optional.empty());
        Soaked.await("the file is read", () -> !engine.reason(request).equals("unknown-target"));
        read = written;
    }

    private void spoil(byte[] content)
            throws IOException
    {
        Files.write(file, content);
        broken++;
        Soaked.await("the broken file is seen", () -> engine.engine().drainLog().stream().anyMatch(message -> message.text().contains("not reloaded")));
    }

    @Override
    public void close()
    {
        engine.close();
    }
}
