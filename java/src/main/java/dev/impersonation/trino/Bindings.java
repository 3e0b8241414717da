package dev.impersonation.trino;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

import static java.util.Objects.requireNonNull;

/**
 * The bindings of the queries that run, by query id, and for a while of those that have ended. A query is never mistaken for one that impersonates nobody:
 * <ul>
 * <li>when it ends, it is {@link Binding.Ended} for as long as parts of it may still run, unless it had its own rights anyway;
 * <li>when its end is never told, its binding is dropped for its age. From then on, every query without a binding that began no later than the last one dropped is
 * {@link Binding.Lost}. Query ids begin with the time, so that they sort by it.
 * </ul>
 */
final class Bindings
{
    private final Limits limits;
    private final InstantSource clock;
    private final Map<String, Binding> bindings = new ConcurrentHashMap<>();
    /** When each running query began, oldest first. Guarded by this. */
    private final LinkedHashMap<String, Instant> begins = new LinkedHashMap<>();
    /** When each other query ended, oldest first. Guarded by this. */
    private final LinkedHashMap<String, Instant> ends = new LinkedHashMap<>();
    private volatile String lastDropped;

    /**
     * @param running how many queries can have a binding at a time; a binding takes less than a kilobyte
     * @param maxAge how long a binding waits for the end of its query
     * @param ended how many queries that have ended are remembered, the last ones; they take a tenth of that
     * @param afterEnd how long
     */
    record Limits(int running, Duration maxAge, int ended, Duration afterEnd)
    {
        /**
         * A coordinator runs hundreds of queries at a time.
         */
        static final Limits DEFAULT = new Limits(50_000, Duration.ofHours(24), 50_000, Duration.ofHours(1));

        Limits
        {
            requireNonNull(maxAge, "maxAge is null");
            requireNonNull(afterEnd, "afterEnd is null");
        }
    }

    Bindings(Limits limits, InstantSource clock)
    {
        this.limits = requireNonNull(limits, "limits is null");
        this.clock = requireNonNull(clock, "clock is null");
    }

    /**
     * Whether {@link #find} could find anything.
     */
    boolean isInUse()
    {
        return !bindings.isEmpty() || lastDropped != null;
    }

    Optional<Binding> find(String queryId)
    {
        Binding binding = bindings.get(queryId);
        if (binding != null) {
            return Optional.of(binding);
        }
        String last = lastDropped;
        if (last != null && queryId.compareTo(last) <= 0) {
            return Optional.of(new Binding.Lost());
        }
        return Optional.empty();
    }

    /**
     * @return whether the query has a binding now: its own from before, or this one; there is none if there are too many
     */
    synchronized boolean putIfAbsent(String queryId, Binding binding)
    {
        requireNonNull(binding, "binding is null");
        dropOld();
        if (bindings.containsKey(queryId)) {
            return true;
        }
        if (begins.size() >= limits.running()) {
            return false;
        }
        begins.put(queryId, clock.instant());
        bindings.put(queryId, binding);
        return true;
    }

    /**
     * Changes the binding of a query that has one and runs.
     */
    synchronized void replace(String queryId, Binding binding)
    {
        requireNonNull(binding, "binding is null");
        if (begins.containsKey(queryId)) {
            bindings.put(queryId, binding);
        }
    }

    /**
     * The query impersonates nobody.
     */
    synchronized void remove(String queryId)
    {
        if (begins.remove(queryId) != null) {
            bindings.remove(queryId);
        }
    }

    synchronized void end(String queryId)
    {
        if (begins.remove(queryId) != null) {
            if (bindings.get(queryId) instanceof Binding.Own) {
                bindings.remove(queryId);
            }
            else {
                bindings.put(queryId, new Binding.Ended());
                ends.put(queryId, clock.instant());
            }
        }
        dropOld();
    }

    synchronized void dropOld()
    {
        Instant now = clock.instant();
        Iterator<Map.Entry<String, Instant>> longestRunning = begins.entrySet().iterator();
        while (longestRunning.hasNext()) {
            Map.Entry<String, Instant> oldest = longestRunning.next();
            if (oldest.getValue().plus(limits.maxAge()).isAfter(now)) {
                break;
            }
            String queryId = oldest.getKey();
            // First, so that the query is never without both. Without its binding a query has its own rights, which is right for these.
            if (!(bindings.get(queryId) instanceof Binding.Own) && (lastDropped == null || queryId.compareTo(lastDropped) > 0)) {
                lastDropped = queryId;
            }
            longestRunning.remove();
            bindings.remove(queryId);
        }
        Iterator<Map.Entry<String, Instant>> longestEnded = ends.entrySet().iterator();
        while (longestEnded.hasNext()) {
            Map.Entry<String, Instant> oldest = longestEnded.next();
            if (ends.size() <= limits.ended() && oldest.getValue().plus(limits.afterEnd()).isAfter(now)) {
                break;
            }
            longestEnded.remove();
            bindings.remove(oldest.getKey());
        }
    }

    /**
     * How many there are, of queries that run and of those that have ended.
     */
    int size()
    {
        return bindings.size();
    }
}
