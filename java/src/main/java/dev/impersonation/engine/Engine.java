package dev.impersonation.engine;

import dev.impersonation.engine.Request.Path;

import java.security.Principal;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.EngineException.Code.INVALID_CONFIGURATION;
import static java.util.Objects.requireNonNull;

/**
 * An open engine with its own configuration, source and audit file. Safe for use by many threads, and for closing while others use it: they then get an
 * {@link EngineException} with {@link EngineException.Code#CLOSED}.
 */
public final class Engine
        implements AutoCloseable
{
    private static final int CODE = 0xFF;
    static final int HAS_MORE_TO_SAY = 0x100;
    private static final int TIME_SHIFT = 9;

    private final DecisionCatalogue catalogue;
    private final long handle;
    private volatile boolean closed;

    private Engine(DecisionCatalogue catalogue, long handle)
    {
        this.catalogue = requireNonNull(catalogue, "catalogue is null");
        this.handle = handle;
    }

    /**
     * @throws EngineException with {@link EngineException.Code#INVALID_CONFIGURATION} and one line for each problem, or with
     * {@link EngineException.Code#LIBRARY_UNAVAILABLE}
     */
    public static Engine open(Map<String, String> properties)
    {
        byte[] encoded = encode(Map.copyOf(properties));
        try {
            DecisionCatalogue catalogue = NativeLibrary.load();
            return new Engine(catalogue, Natives.open(encoded));
        }
        finally {
            // The API key may be in it.
            Arrays.fill(encoded, (byte) 0);
        }
    }

    public Decision check(Request request)
    {
        requireNonNull(request, "request is null");
        String principal = request.principal().orElse(null);
        if (request.queryId().isPresent()) {
            requireOpen();
            return decision(Natives.check(handle, request.encode()), request);
        }
        return check(request.path(), request.chained(), request.impersonator(), request.target(), principal);
    }

    /**
     * Decides as {@link #check(Request)} does, on a request whose parts need not be put together for that. Shims ask this at each login, so it leaves no garbage if it
     * can.
     */
    public Decision check(Path path, boolean chained, String impersonator, String target, Optional<? extends Principal> principal)
    {
        String name = null;
        if (principal.isPresent()) {
            name = principal.get().getName();
        }
        return check(path, chained, impersonator, target, name);
    }

    /**
     * Decides as {@link #check} does, and gives the target's name and groups as well, for a query engine that keeps the identity and only asks for the target's rights.
     */
    public Bound bind(Request request)
    {
        requireNonNull(request, "request is null");
        requireOpen();
        byte[] encoded = request.encode();
        MessageReader reader = new MessageReader(Natives.bind(handle, encoded));
        Decision decision = catalogue.decision(reader.readInt());
        String target = reader.readString();
        int count = reader.readCount();
        Set<String> groups = new LinkedHashSet<>();
        for (int index = 0; index < count; index++) {
            groups.add(reader.readString());
        }
        reader.requireEnd();
        return new Bound(explained(decision, encoded), target, groups);
    }

    /**
     * Records that the shim refused this by itself, because it could not have held the target's rights up. Nothing is decided, and the answer is never to allow.
     */
    public Decision refuse(Request request)
    {
        requireNonNull(request, "request is null");
        requireOpen();
        return catalogue.decision(Natives.refuse(handle, request.encode()));
    }

    /**
     * What the engine wanted to log since the last call, oldest first. Works on a closed engine, too, which may have had something to say while it closed.
     */
    public List<LogMessage> drainLog()
    {
        return MessageReader.readList(
                Natives.drainLog(handle),
                reader -> new LogMessage(LogMessage.Level.ofCode(reader.readByte()), reader.readString()));
    }

    /**
     * What the engine counts, by names that stay the same for as long as it lives. Documented in {@code docs/metrics.md}.
     */
    public Map<String, Long> metrics()
    {
        requireOpen();
        Map<String, Long> metrics = new LinkedHashMap<>();
        MessageReader.readList(Natives.metrics(handle), reader -> Map.entry(reader.readString(), reader.readLong()))
                .forEach(metric -> metrics.put(metric.getKey(), metric.getValue()));
        return Collections.unmodifiableMap(metrics);
    }

    /**
     * The last decisions, the newest first.
     *
     * @param user whose decisions alone, as impersonator or as target
     */
    public List<PastDecision> decisions(Optional<String> user)
    {
        requireOpen();
        byte[] viewer = new MessageWriter((int) MessageWriter.sizeOf(user)).writeOptionalString(user).toBytes();
        return MessageReader.readList(Natives.decisions(handle, viewer), reader -> PastDecision.read(reader, catalogue));
    }

    /**
     * Who is remembered of the permission source.
     */
    public List<RememberedUser> remembered()
    {
        requireOpen();
        return MessageReader.readList(Natives.remembered(handle), RememberedUser::read);
    }

    /**
     * What holds of each property, without secrets.
     */
    public List<Setting> settings()
    {
        requireOpen();
        return MessageReader.readList(Natives.settings(handle), Setting::read);
    }

    /**
     * Whether this is an administrator, by the same rules as in a decision.
     */
    public boolean isAdmin(Caller caller)
    {
        requireOpen();
        return Natives.isAdmin(handle, caller.encode());
    }

    /**
     * Forgets what is remembered, so that the next decision asks the permission source, if the caller is an administrator. Either way it leaves a line in the audit file.
     *
     * @param user who is to be forgotten; everybody if empty
     * @return whether the caller is an administrator
     */
    public boolean flush(Caller caller, Optional<String> user)
    {
        requireOpen();
        return Natives.flush(handle, caller.encodeFlush(user));
    }

    /**
     * Returns when the audit file has every line of every decision and query.
     */
    @Override
    public void close()
    {
        closed = true;
        Natives.close(handle);
    }

    /**
     * Records a query that ran under impersonation and has ended.
     */
    public void recordQuery(EndedQuery query)
    {
        requireNonNull(query, "query is null");
        requireOpen();
        Natives.recordQuery(handle, query.encode());
    }

    private Decision check(Path path, boolean chained, String impersonator, String target, String principal)
    {
        requireOpen();
        long answer = RequestBuffer.ofThread().check(handle, path, chained, impersonator, target, principal);
        if ((answer & HAS_MORE_TO_SAY) == 0) {
            return decision(answer);
        }
        Request request = new Request(path, chained, impersonator, target, Optional.ofNullable(principal));
        if (answer == RequestBuffer.TOO_LARGE) {
            answer = Natives.check(handle, request.encode());
        }
        return decision(answer, request);
    }

    private Decision decision(long answer)
    {
        return catalogue.decision((int) (answer & CODE), answer >> TIME_SHIFT);
    }

    private Decision decision(long answer, Request request)
    {
        Decision decision = decision(answer);
        if ((answer & HAS_MORE_TO_SAY) == 0) {
            return decision;
        }
        return explained(decision, request.encode());
    }

    private Decision explained(Decision decision, byte[] request)
    {
        if (decision.allowed()) {
            return decision;
        }
        Reason reason = decision.reason();
        // Where the permission source knows users by other names, the sentence says by which.
        return new Decision(false, new Reason(reason.code(), reason.name(), Natives.explain(handle, reason.code(), request)), decision.micros());
    }

    private void requireOpen()
    {
        // The native side checks as well, for a close that happens between this line and the call.
        if (closed) {
            throw new EngineException(CLOSED, "The engine is closed");
        }
    }

    static byte[] encode(Map<String, String> properties)
    {
        long size = Integer.BYTES;
        for (Map.Entry<String, String> property : properties.entrySet()) {
            size += MessageWriter.sizeOf(property.getKey()) + MessageWriter.sizeOf(property.getValue());
        }
        if (size > Integer.MAX_VALUE - Long.BYTES) {
            throw new EngineException(INVALID_CONFIGURATION, "The configuration is too large");
        }
        MessageWriter writer = new MessageWriter((int) size).writeInt(properties.size());
        properties.forEach((key, value) -> writer.writeString(key).writeString(value));
        return writer.toBytes();
    }
}
