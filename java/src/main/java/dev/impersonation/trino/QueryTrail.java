package dev.impersonation.trino;

import dev.impersonation.engine.Impersonation;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * The impersonations of the queries that run, by query id. Unlike a binding, an entry has no age: a query that takes a week leaves its line, too.
 */
final class QueryTrail
{
    /** A coordinator runs hundreds of queries at a time; the rest is for those whose end Trino never tells. */
    static final int MAX_QUERIES = 50_000;

    private final int maxQueries;
    /** The oldest first. Guarded by this. */
    private final Map<String, Impersonation> running = new LinkedHashMap<>();

    QueryTrail(int maxQueries)
    {
        this.maxQueries = maxQueries;
    }

    /**
     * @return false if the oldest had to be forgotten
     */
    synchronized boolean begin(String queryId, Impersonation impersonation)
    {
        requireNonNull(queryId, "queryId is null");
        requireNonNull(impersonation, "impersonation is null");
        running.put(queryId, impersonation);
        if (running.size() <= maxQueries) {
            return true;
        }
        Iterator<String> oldest = running.keySet().iterator();
        oldest.next();
        oldest.remove();
        return false;
    }

    synchronized Optional<Impersonation> end(String queryId)
    {
        return Optional.ofNullable(running.remove(queryId));
    }
}
