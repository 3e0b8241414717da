package dev.impersonation.trino;

import io.trino.spi.QueryId;
import io.trino.spi.security.AccessDeniedException;
import io.trino.spi.security.Identity;
import io.trino.spi.security.SystemSecurityContext;

import java.lang.reflect.Method;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static java.util.Objects.requireNonNull;

/**
 * An access check that a query makes: left to the delegate, for the target where the query has one.
 */
final class CheckedForTarget
{
    /**
     * Looking at what the catalog {@code immuta} has of ours is free to everybody, for how else could they find out who they are. What is not for everybody there, its
     * tables refuse.
     */
    static final Set<String> LOOKING = Set.of(
            "canAccessCatalog",
            "checkCanAccessCatalog",
            // The procedure asks the engine itself.
            "checkCanExecuteProcedure",
            "checkCanSelectFromColumns",
            "checkCanSetCatalogSessionProperty",
            "checkCanShowColumns",
            "checkCanShowSchemas",
            "checkCanShowTables",
            "filterColumns",
            "filterSchemas",
            "filterTables",
            "getColumnMask",
            "getColumnMasks",
            "getRowFilters");

    /**
     * What Trino asks while it collects the properties of a session, before it says what they are. Nothing of them shows any data.
     */
    private static final Set<String> BEGINNING = Set.of("canAccessCatalog", "checkCanAccessCatalog", "checkCanSetCatalogSessionProperty");

    private static final String CREATE_CATALOG = "checkCanCreateCatalog";
    private static final Set<String> DEFINING = Set.of(CREATE_CATALOG, "checkCanDropCatalog");

    /**
     * The session is the impersonator's, whoever is to be impersonated.
     */
    static final Set<String> SESSION = Set.of("checkCanExecuteQuery", "checkCanSetSystemSessionProperty");

    /**
     * What answers with expressions, and what those are called.
     */
    static final Map<String, String> EXPRESSIONS = Map.of(
            "getColumnMask", "column mask",
            "getColumnMasks", "column masks",
            "getRowFilters", "row filters");

    private final Method method;
    private final Forwarder forwarder;
    private final Optional<ViewOwners> viewOwners;
    private final Environment environment;
    private final boolean hasContext;
    private final boolean looking;
    private final boolean definesCatalog;

    /**
     * What all checks of an access control share.
     */
    record Environment(PropertyPath path, LiveParts liveParts, SecurityContexts contexts, FilterExpressions expressions)
    {
        Environment
        {
            requireNonNull(path, "path is null");
            requireNonNull(liveParts, "liveParts is null");
            requireNonNull(contexts, "contexts is null");
            requireNonNull(expressions, "expressions is null");
        }
    }

    CheckedForTarget(Method method, Object delegate, Environment environment)
    {
        this.method = requireNonNull(method, "method is null");
        forwarder = new Forwarder(method, delegate);
        viewOwners = ViewOwners.of(method, delegate);
        this.environment = requireNonNull(environment, "environment is null");
        hasContext = method.getParameterTypes()[0] == SystemSecurityContext.class;
        looking = hasContext && LOOKING.contains(method.getName());
        definesCatalog = DEFINING.contains(method.getName());
    }

    /**
     * Whether a query is known that asks.
     */
    static boolean isAskedByQuery(Method method)
    {
        List<Class<?>> parameters = List.of(method.getParameterTypes());
        return !parameters.isEmpty() && parameters.get(0) == SystemSecurityContext.class
                || parameters.size() > 1 && parameters.get(0) == Identity.class && parameters.get(1) == QueryId.class;
    }

    Object invoke(Object[] arguments)
            throws Throwable
    {
        if (looking && isOurs(arguments)) {
            return look(arguments);
        }
        Optional<Binding> binding = Optional.empty();
        if (environment.path().isInUse()) {
            binding = queryId(arguments).flatMap(environment.path()::binding);
        }
        if (method.getName().equals("filterCatalogs")) {
            return withImmuta(arguments[1], filterCatalogs(arguments, binding));
        }
        Object answer = invoke(arguments, binding);
        if (definesCatalog && ImmutaCatalog.NAME.equals(arguments[1])) {
            catalogDefined(queryId(arguments).orElse(""));
        }
        return answer;
    }

    private Object invoke(Object[] arguments, Optional<Binding> binding)
            throws Throwable
    {
        if (SESSION.contains(method.getName())) {
            return forwarder.invoke(arguments);
        }
        if (BEGINNING.contains(method.getName()) && (binding.orElse(null) instanceof Binding.Expected || binding.orElse(null) instanceof Binding.Lost)) {
            return forwarder.invoke(arguments);
        }
        if (binding.orElse(null) instanceof Binding.Denied denied) {
            throw denied.denial();
        }
        if (binding.orElse(null) instanceof Binding.Allowed allowed) {
            return invokeForTarget(arguments, allowed);
        }
        return forwarder.invoke(arguments);
    }

    private Object invokeForTarget(Object[] arguments, Binding.Allowed binding)
            throws Throwable
    {
        RefusedToTargets.checkWhoeverAsks(method.getName(), arguments, binding);
        Object answer = binding.isSession(identity(arguments)) ? invokeForSession(arguments, binding) : invokeForOther(arguments, binding);
        String expressions = EXPRESSIONS.get(method.getName());
        if (expressions == null) {
            return answer;
        }
        // Whomever Trino asks for, such as the owner of a view, the user of the session is whom it evaluates the expressions to.
        return environment.expressions().forTarget(answer, "%s of table %s".formatted(expressions, arguments[1]), binding);
    }

    private Object invokeForSession(Object[] arguments, Binding.Allowed binding)
            throws Throwable
    {
        RefusedToTargets.checkSession(method.getName(), arguments, binding);
        return forwarder.invoke(forTarget(arguments, binding));
    }

    private Object invokeForOther(Object[] arguments, Binding.Allowed binding)
            throws Throwable
    {
        Object[] asked = binding.isTarget(identity(arguments)) ? forTarget(arguments, binding) : arguments;
        if (viewOwners.isPresent()) {
            return viewOwners.get().invoke(asked, identity(asked), binding);
        }
        return forwarder.invoke(asked);
    }

    private Object[] forTarget(Object[] arguments, Binding.Allowed binding)
    {
        Object[] replaced = arguments.clone();
        replaced[0] = hasContext ? environment.contexts().withIdentity(arguments[0], binding.effective()) : binding.effective();
        return replaced;
    }

    private Object look(Object[] arguments)
    {
        if (method.getName().equals("checkCanSetCatalogSessionProperty")) {
            Identity session = identity(arguments);
            String queryId = queryId(arguments).orElseThrow(() -> new AccessDeniedException("%s can be set for queries alone".formatted(ImmutaCatalog.QUALIFIED_PROPERTY)));
            environment.path().propertyChecked(queryId, session);
        }
        if (method.getName().startsWith("filter")) {
            return arguments[arguments.length - 1];
        }
        Class<?> type = method.getReturnType();
        if (type == boolean.class) {
            return true;
        }
        if (type == List.class) {
            return List.of();
        }
        if (type == Map.class) {
            return Map.of();
        }
        if (type == Optional.class) {
            return Optional.empty();
        }
        return null;
    }

    private Object filterCatalogs(Object[] arguments, Optional<Binding> binding)
            throws Throwable
    {
        if (binding.orElse(null) instanceof Binding.Denied) {
            // Without an error, so that the session can be shown.
            return Set.of();
        }
        return invoke(arguments, binding);
    }

    private Object withImmuta(Object asked, Object found)
    {
        if (!environment.liveParts().catalog().isOurs() || !((Set<?>) asked).contains(ImmutaCatalog.NAME) || ((Set<?>) found).contains(ImmutaCatalog.NAME)) {
            return found;
        }
        Set<Object> catalogs = new LinkedHashSet<>((Set<?>) found);
        catalogs.add(ImmutaCatalog.NAME);
        return catalogs;
    }

    private boolean isOurs(Object[] arguments)
    {
        if (!PropertyCatalogContent.has(arguments[1]) || RefusedToTargets.isOfTheSession(arguments[1]) || !environment.liveParts().catalog().isOurs()) {
            return false;
        }
        Object last = arguments[arguments.length - 1];
        return switch (method.getName()) {
            case "checkCanSetCatalogSessionProperty" -> last.equals(ImmutaCatalog.PROPERTY);
            // Of a table that is ours all columns are.
            case "filterColumns" -> !(last instanceof Map) || PropertyCatalogContent.hasAll(last);
            case "filterSchemas", "filterTables" -> PropertyCatalogContent.hasAll(last);
            default -> true;
        };
    }

    private void catalogDefined(String queryId)
    {
        if (method.getName().equals(CREATE_CATALOG)) {
            environment.liveParts().catalog().mayBeMade(queryId);
        }
        else {
            environment.liveParts().catalog().mayBeDropped(queryId);
        }
    }

    private Optional<String> queryId(Object[] arguments)
    {
        if (hasContext) {
            return environment.contexts().queryId(arguments[0]);
        }
        return Optional.of(arguments[1].toString());
    }

    private Identity identity(Object[] arguments)
    {
        if (hasContext) {
            return ((SystemSecurityContext) arguments[0]).getIdentity();
        }
        return (Identity) arguments[0];
    }
}
