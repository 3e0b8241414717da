package dev.impersonation.trino;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.logging.Logger;
import java.util.regex.Pattern;

import static java.util.Objects.requireNonNull;

/**
 * Whether the catalog {@code immuta} is the one of this plugin. A server with dynamic catalogs lets it be dropped, and made again of any connector. It tells nobody of
 * what connector a catalog is, and keeps a dropped one alive for the queries that use it, so that to have a connector is not enough: what is asked before a catalog is
 * dropped or made counts, and what came of it. In doubt the catalog is somebody else's, and the delegate's to decide on.
 */
final class PropertyCatalog
{
    private static final Logger log = Logger.getLogger(PropertyCatalog.class.getName());

    /** Nothing cleverer: what is not plainly this is taken for another connector's. */
    private static final Pattern OF_OURS = Pattern.compile(
            "\\s*CREATE\\s+CATALOG\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?%s\\s+USING\\s+%s(?:\\s.*)?".formatted(ImmutaCatalog.NAME, ImmutaCatalog.CONNECTOR_NAME),
            Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    /** Anybody can send such a statement; far more than run at a time. */
    private static final int MOST_REMEMBERED = 1_000;

    /** The queries that run and make it of our connector, if they may. */
    private final Set<String> ofOurs = new LinkedHashSet<>();
    /** Those that may, and make it of whatever. */
    private final Set<String> ofWhatever = new HashSet<>();
    private int connectors;
    private boolean dropped;
    /** The query that alone may have dropped it, and may yet fail to. */
    private String droppedBy;
    private boolean foreign;

    synchronized void connectorStarted()
    {
        connectors++;
        dropped = false;
        foreign = false;
        ofWhatever.clear();
    }

    synchronized void connectorEnded()
    {
        connectors--;
    }

    /**
     * Whether whatever is called {@code immuta} is ours, if there is anything.
     */
    synchronized boolean isOurs()
    {
        return connectors > 0 && !foreign && ofWhatever.isEmpty();
    }

    /**
     * Whether new queries find it, and find ours.
     */
    synchronized boolean isThere()
    {
        return isOurs() && !dropped;
    }

    synchronized void queryCreated(String queryId, String statement)
    {
        requireNonNull(queryId, "queryId is null");
        if (OF_OURS.matcher(statement).matches()) {
            ofOurs.add(queryId);
            if (ofOurs.size() > MOST_REMEMBERED) {
                ofOurs.remove(ofOurs.iterator().next());
            }
        }
    }

    /**
     * The query is about to drop it.
     */
    synchronized void mayBeDropped(String queryId)
    {
        droppedBy = dropped ? null : queryId;
        dropped = true;
    }

    /**
     * The query is about to make a catalog of this name, which Trino does only if there is none.
     */
    synchronized void mayBeMade(String queryId)
    {
        if (dropped && !ofOurs.contains(queryId)) {
            ofWhatever.add(queryId);
        }
    }

    synchronized void queryCompleted(String queryId, boolean succeeded)
    {
        requireNonNull(queryId, "queryId is null");
        boolean madeOfOurs = ofOurs.remove(queryId);
        boolean madeOfWhatever = ofWhatever.remove(queryId);
        if (!succeeded && queryId.equals(droppedBy)) {
            dropped = false;
        }
        if (succeeded && dropped && (madeOfOurs || madeOfWhatever)) {
            dropped = false;
            foreign = madeOfWhatever;
            if (foreign) {
                log.warning(("The catalog '%1$s' was made again of what may be another connector. Whoever sets %2$s is refused, and the delegate decides on the catalog. "
                        + "To have it back: DROP CATALOG %1$s, then CREATE CATALOG %1$s USING %3$s").formatted(
                                ImmutaCatalog.NAME,
                                ImmutaCatalog.QUALIFIED_PROPERTY,
                                ImmutaCatalog.CONNECTOR_NAME));
            }
        }
    }
}
