package dev.impersonation.engine;

import java.util.Set;

import static java.util.Objects.requireNonNull;

/**
 * A decision, and what is needed to give a query the target's rights.
 *
 * @param target the target by the name that the permission source has, whatever spelling was asked for; whose rights apply if the target is allowed
 * @param groups the target's groups; empty unless the target is allowed
 */
public record Bound(Decision decision, String target, Set<String> groups)
{
    public Bound
    {
        requireNonNull(decision, "decision is null");
        requireNonNull(target, "target is null");
        groups = Set.copyOf(groups);
    }
}
