package dev.impersonation.engine;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.Request.Path.PROPERTY;
import static java.util.Objects.requireNonNull;

/**
 * An engine that is closed while others ask it, when another one is open already.
 */
final class ReplacedEngine
        implements AutoCloseable
{
    private final Path directory;
    private final Map<String, String> properties;
    private volatile Generation current;

    ReplacedEngine(Path directory, Map<String, String> properties)
    {
        this.directory = requireNonNull(directory, "directory is null");
        this.properties = Map.copyOf(properties);
        this.current = open(0);
    }

    private static final class Generation
    {
        private final int number;
        private final Engine engine;
        private volatile boolean closed;

        private Generation(int number, Engine engine)
        {
            this.number = number;
            this.engine = engine;
        }
    }

    /**
     * Asks again where the engine was closed before it could answer.
     */
    String reason(Request request)
    {
        while (true) {
            Generation generation = current;
            boolean closed = generation.closed;
            try {
                Decision decision = request.path() == PROPERTY ? generation.engine.bind(request).decision() : generation.engine.check(request);
                if (closed) {
                    throw new AssertionError("a closed engine decided: " + decision);
                }
                return decision.reason().name();
            }
            catch (EngineException e) {
                if (e.getCode() != CLOSED || generation == current) {
                    throw e;
                }
            }
        }
    }

    Engine engine()
    {
        return current.engine;
    }

    void replace()
    {
        Generation old = current;
        current = open(old.number + 1);
        old.engine.close();
        old.closed = true;
    }

    int replacements()
    {
        return current.number;
    }

    private Generation open(int number)
    {
        Map<String, String> all = new HashMap<>(properties);
        // Two engines must not rotate one file.
        all.put("immuta.impersonation.audit.file", directory.resolve("audit-%s.jsonl".formatted(number % 2)).toString());
        return new Generation(number, Engine.open(all));
    }

    @Override
    public void close()
    {
        current.engine.close();
    }
}
