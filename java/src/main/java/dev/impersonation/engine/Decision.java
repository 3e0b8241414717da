package dev.impersonation.engine;

import static java.util.Objects.requireNonNull;

public record Decision(boolean allowed, Reason reason)
{
    public Decision
    {
        requireNonNull(reason, "reason is null");
    }
}
