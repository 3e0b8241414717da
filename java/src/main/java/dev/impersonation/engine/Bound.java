package dev.impersonation.engine;

import java.util.Set;

import static java.util.Objects.requireNonNull;

/**
 * A decision, and what is needed to give a query the target's rights.
 *
 * @param groups the target's groups; empty unless the target is allowed
 */
public record Bound(Decision decision, Set<String> groups)
{
    public Bound
    {
        requireNonNull(decision, "decision is null");
        groups = Set.copyOf(groups);
    }
}
