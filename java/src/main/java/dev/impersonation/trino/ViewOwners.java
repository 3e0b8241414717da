package dev.impersonation.trino;

import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * What a view with its owner's rights shows. Trino asks whether the owner could have granted it to others, and of the session's user only whether he may see it himself.
 * The session's user is the impersonator here, so both questions are put as they would be to the target: that user's views are somebody else's, and the target's are
 * the target's own.
 */
final class ViewOwners
{
    private static final Map<String, String> TO_GRANT = Map.of(
            "canExecuteFunction", "canCreateViewWithExecuteFunction",
            "checkCanSelectFromColumns", "checkCanCreateViewWithSelectFromColumns");
    static final Map<String, String> TO_SEE = Map.of(
            "canCreateViewWithExecuteFunction", "canExecuteFunction",
            "checkCanCreateViewWithSelectFromColumns", "checkCanSelectFromColumns");

    private final Forwarder asked;
    private final Optional<Forwarder> toGrant;
    private final Optional<Forwarder> toSee;

    private ViewOwners(Forwarder asked, Optional<Forwarder> toGrant, Optional<Forwarder> toSee)
    {
        this.asked = requireNonNull(asked, "asked is null");
        this.toGrant = requireNonNull(toGrant, "toGrant is null");
        this.toSee = requireNonNull(toSee, "toSee is null");
    }

    /**
     * @return empty if the method does not ask what an owner may show
     */
    static Optional<ViewOwners> of(Method method, Object delegate)
    {
        Optional<Forwarder> toGrant = sibling(method, TO_GRANT).map(sibling -> new Forwarder(sibling, delegate));
        Optional<Forwarder> toSee = sibling(method, TO_SEE).map(sibling -> new Forwarder(sibling, delegate));
        if (toGrant.isEmpty() && toSee.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new ViewOwners(new Forwarder(method, delegate), toGrant, toSee));
    }

    Object invoke(Object[] arguments, Identity owner, Binding.Allowed binding)
            throws Throwable
    {
        if (toGrant.isPresent() && owner.getUser().equals(binding.session().getUser())) {
            return askToGrant(arguments);
        }
        if (toSee.isPresent() && owner.getUser().equals(binding.effective().getUser())) {
            return toSee.get().invoke(arguments);
        }
        return asked.invoke(arguments);
    }

    private Object askToGrant(Object[] arguments)
            throws Throwable
    {
        try {
            return toGrant.orElseThrow().invoke(arguments);
        }
        catch (AccessDeniedException e) {
            // As Trino words it.
            throw new AccessDeniedException("View owner does not have sufficient privileges: " + e.getMessage().replaceFirst("^Access Denied: ", ""), e);
        }
    }

    private static Optional<Method> sibling(Method method, Map<String, String> names)
    {
        String name = names.get(method.getName());
        return Arrays.stream(method.getDeclaringClass().getMethods())
                .filter(candidate -> candidate.getName().equals(name) && Arrays.equals(candidate.getParameterTypes(), method.getParameterTypes()))
                .findFirst();
    }
}
