package dev.impersonation.trino;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

import static java.util.Objects.requireNonNull;

/**
 * By which the connector and the access controls find each other. Trino creates the connector first, and knows of no relation between them.
 */
final class LiveParts
{
    static final LiveParts OF_THIS_PLUGIN = new LiveParts();

    private final List<PropertyPath> controls = new CopyOnWriteArrayList<>();
    private final List<OperatedControl> operated = new CopyOnWriteArrayList<>();
    private final PropertyCatalog catalog = new PropertyCatalog();

    void controlStarted(PropertyPath control)
    {
        controls.add(requireNonNull(control, "control is null"));
    }

    void controlEnded(PropertyPath control)
    {
        operated.removeIf(ended -> ended.path() == control);
        controls.remove(control);
    }

    /**
     * A control that started can be looked into, until it ends.
     */
    void operable(OperatedControl control)
    {
        operated.add(requireNonNull(control, "control is null"));
    }

    List<OperatedControl> operated()
    {
        return List.copyOf(operated);
    }

    List<PropertyPath> controls()
    {
        return List.copyOf(controls);
    }

    /**
     * Whether Trino itself made somebody this user, for the query that the calling thread is about to begin.
     */
    boolean isImpersonated(String user)
    {
        return controls.stream().anyMatch(control -> control.isImpersonated(user));
    }

    boolean hasControl()
    {
        return !controls.isEmpty();
    }

    PropertyCatalog catalog()
    {
        return catalog;
    }
}
