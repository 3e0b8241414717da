package dev.impersonation.trino;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

import static java.util.Objects.requireNonNull;

/**
 * The bindings of the queries that run, by query id, and for a while of those that have ended. A query is never mistaken for one that impersonates nobody:
 * <ul>
 * <li>when it ends, it is {@link Binding.Ended} for as long as parts of it are likely to run still, unless it had its own rights anyway;
 * <li>when that is long ago, or so long ago that it began that its end seems never to be told, its binding is dropped. From then on, every query without a binding that
 * began no later than the last one dropped is {@link Binding.Lost}, unless it runs and is known to impersonate nobody. Query ids begin with the time, so that they sort
 * by it.
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
    /** The queries that run and impersonate nobody, oldest first. Guarded by this. */
    private final LinkedHashSet<String> unbound = new LinkedHashSet<>();
    private volatile String lastDropped;

    /**
     * @param running how many queries can have a binding at a time, and how many others are known to run; a binding takes less than a kilobyte
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
        if (last == null || queryId.compareTo(last) > 0) {
            return Optional.empty();
        }
        return findOld(queryId);
    }

    private synchronized Optional<Binding> findOld(String queryId)
    {
        if (unbound.contains(queryId)) {
            return Optional.empty();
        }
        return Optional.of(bindings.getOrDefault(queryId, new Binding.Lost()));
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
        unbound.remove(queryId);
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
     * The query impersonates nobody, unless it has a binding.
     */
    synchronized void runUnbound(String queryId)
    {
        if (!bindings.containsKey(queryId)) {
            rememberUnbound(queryId);
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
        runUnbound(queryId);
    }

    synchronized void end(String queryId)
    {
        unbound.remove(queryId);
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
            longestRunning.remove();
            if (bindings.get(queryId) instanceof Binding.Own) {
                rememberUnbound(queryId);
                bindings.remove(queryId);
            }
            else {
                drop(queryId);
            }
        }
        Iterator<Map.Entry<String, Instant>> longestEnded = ends.entrySet().iterator();
        while (longestEnded.hasNext()) {
            Map.Entry<String, Instant> oldest = longestEnded.next();
            if (ends.size() <= limits.ended() && oldest.getValue().plus(limits.afterEnd()).isAfter(now)) {
                break;
            }
            longestEnded.remove();
            drop(oldest.getKey());
        }
    }

    private void drop(String queryId)
    {
        // First, so that the query is never without both.
        if (lastDropped == null || queryId.compareTo(lastDropped) > 0) {
            lastDropped = queryId;
        }
        bindings.remove(queryId);
    }

    /**
     * Where more run than can be remembered, the oldest are taken for lost, for they could be anything.
     */
    private void rememberUnbound(String queryId)
    {
        unbound.add(queryId);
        if (unbound.size() > limits.running()) {
            unbound.remove(unbound.iterator().next());
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
