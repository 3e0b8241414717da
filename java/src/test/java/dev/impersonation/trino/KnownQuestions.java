package dev.impersonation.trino;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The forms of questions that the plugin was written for. Whatever else an access control is asked must be looked at by a person before it is trusted to reach the delegate for the
 * right user.
 */
final class KnownQuestions
{
    private static final String CONTEXT = "SystemSecurityContext";
    private static final Pattern SOMEBODY = Pattern.compile("\\b(?:\\w*Identity|\\w*SecurityContext|Principal|QueryId)\\b");

    /**
     * Ours, or about no query: the delegate answers those for whom Trino names.
     */
    private static final Map<String, Set<List<String>>> WITHOUT_QUERY = Map.of(
            "checkCanExecuteQuery", Set.of(List.of("Identity")),
            "checkCanImpersonateUser", Set.of(List.of("Identity", "String")),
            "checkCanKillQueryOwnedBy", Set.of(List.of("Identity", "Identity")),
            "checkCanReadSystemInformation", Set.of(List.of("Identity")),
            "checkCanSetSystemSessionProperty", Set.of(List.of("Identity", "String")),
            "checkCanSetUser", Set.of(List.of("Optional<Principal>", "String")),
            "checkCanViewQueryOwnedBy", Set.of(List.of("Identity", "Identity")),
            "checkCanWriteSystemInformation", Set.of(List.of("Identity")),
            "filterViewQueryOwnedBy", Set.of(List.of("Identity", "Collection<Identity>")));
    private static final Set<String> ABOUT_NOBODY = Set.of("getEventListeners", "shutdown");

    /**
     * What Trino makes without giving it the rights of the session's user for good.
     */
    private static final Set<String> NOT_OWNED = Set.of(
            "checkCanCreateBranch",
            "checkCanCreateCatalog",
            "checkCanCreateRole",
            "checkCanCreateSchema",
            "checkCanCreateTable",
            "checkCanCreateViewWithSelectFromColumns");
    /**
     * What refreshes without keeping what the query's rights show: the columns of a view.
     */
    private static final Set<String> NOT_FILLED = Set.of("checkCanRefreshView");
    /**
     * What is about roles, and is answered by the delegate or by no catalog at all.
     */
    private static final Set<String> ROLES_OF_DELEGATES = Set.of("checkCanCreateRole", "checkCanDropRole", "checkCanGrantRoles", "checkCanRevokeRoles", "checkCanShowRoles");
    private static final Set<String> EXPRESSIONS = Set.of(
            "List<ViewExpression>",
            "Map<ColumnSchema, ViewExpression>",
            "Optional<ViewExpression>");
    private static final Set<String> PLACES = Set.of("CatalogSchemaName", "CatalogSchemaRoutineName", "CatalogSchemaTableName", "String");
    private static final Pattern ANSWERS_TO_LOOKING = Pattern.compile("void|boolean|List<.*>|Map<.*>|Optional<.*>");

    private KnownQuestions() {}

    /**
     * Whether a query asks, so that the question may be put for its target.
     */
    static boolean isAskedByQuery(Signature method)
    {
        List<String> parameters = method.parameters();
        return first(method).equals(CONTEXT) || parameters.size() > 1 && parameters.subList(0, 2).equals(List.of("Identity", "QueryId"));
    }

    /**
     * @param methods all that one version has
     * @return a sentence for each that is not known
     */
    static List<String> findings(Set<Signature> methods)
    {
        List<String> findings = new ArrayList<>();
        for (Signature method : methods) {
            whoIsAskedFor(method)
                    .or(() -> madeForGood(method))
                    .or(() -> filled(method))
                    .or(() -> roles(method))
                    .or(() -> expressions(method))
                    .or(() -> looking(method))
                    .or(() -> viewOwner(method, methods))
                    .or(() -> reading(method))
                    .ifPresent(finding -> findings.add("%s %s".formatted(method, finding)));
        }
        return findings;
    }

    private static Optional<String> whoIsAskedFor(Signature method)
    {
        List<String> parameters = method.parameters();
        if (isAskedByQuery(method)) {
            if (first(method).equals(CONTEXT)) {
                return mentionsSomebody(parameters.subList(1, parameters.size()), "names somebody besides the context");
            }
            if (!CheckedForTarget.SESSION.contains(method.name())) {
                return Optional.of("takes an identity and a query: is it the session's or the target's?");
            }
            return mentionsSomebody(parameters.subList(2, parameters.size()), "names somebody besides the identity");
        }
        if (ABOUT_NOBODY.contains(method.name()) && parameters.isEmpty() || WITHOUT_QUERY.getOrDefault(method.name(), Set.of()).contains(parameters)) {
            return Optional.empty();
        }
        return Optional.of("does not say for which query it asks, or not in a known way");
    }

    private static Optional<String> mentionsSomebody(List<String> parameters, String finding)
    {
        return parameters.stream().anyMatch(parameter -> SOMEBODY.matcher(parameter).find()) ? Optional.of(finding) : Optional.empty();
    }

    private static Optional<String> madeForGood(Signature method)
    {
        boolean known = !method.name().startsWith("checkCanCreate") || NOT_OWNED.contains(method.name()) || RefusedToTargets.OWNED.containsKey(method.name());
        return known ? Optional.empty() : Optional.of("makes something: would it have the rights of the session's user?");
    }

    private static Optional<String> filled(Signature method)
    {
        boolean known = !method.name().contains("Refresh") || NOT_FILLED.contains(method.name()) || RefusedToTargets.FILLED.contains(method.name());
        return known ? Optional.empty() : Optional.of("refreshes something: would it keep for everybody what one may see?");
    }

    private static Optional<String> roles(Signature method)
    {
        boolean known = !method.name().contains("Role") || ROLES_OF_DELEGATES.contains(method.name()) || RefusedToTargets.ROLES.containsKey(method.name());
        return known ? Optional.empty() : Optional.of("is about roles, which are those of the session's user: may a target see or change them?");
    }

    private static Optional<String> expressions(Signature method)
    {
        if (!method.returns().contains("ViewExpression") && !CheckedForTarget.EXPRESSIONS.containsKey(method.name())) {
            return Optional.empty();
        }
        boolean known = CheckedForTarget.EXPRESSIONS.containsKey(method.name())
                && EXPRESSIONS.contains(method.returns())
                && method.parameters().size() > 1
                && method.parameters().get(1).equals("CatalogSchemaTableName");
        return known ? Optional.empty() : Optional.of("answers with filters or masks in a new way");
    }

    private static Optional<String> looking(Signature method)
    {
        if (!CheckedForTarget.LOOKING.contains(method.name())) {
            return Optional.empty();
        }
        List<String> parameters = method.parameters();
        boolean answered = method.name().startsWith("filter") ?
                method.returns().equals(parameters.get(parameters.size() - 1)) :
                ANSWERS_TO_LOOKING.matcher(method.returns()).matches();
        boolean known = parameters.size() > 1 && PLACES.contains(parameters.get(1)) && answered;
        return known ? Optional.empty() : Optional.of("asks about a catalog in a new way");
    }

    private static Optional<String> viewOwner(Signature method, Set<Signature> methods)
    {
        if (!method.name().matches("(?:checkC|c)anCreateViewWith.*")) {
            return Optional.empty();
        }
        String toSee = ViewOwners.TO_SEE.get(method.name());
        boolean known = toSee != null && methods.contains(new Signature(method.returns(), toSee, method.parameters()));
        return known ? Optional.empty() : Optional.of("asks what the owner of a view may show, without a known question of who may see it");
    }

    private static Optional<String> reading(Signature method)
    {
        boolean known = !method.name().contains("Select")
                || RefusedToTargets.READING.contains(method.name()) && method.parameters().size() > 1 && method.parameters().get(1).equals("CatalogSchemaTableName");
        return known ? Optional.empty() : Optional.of("is about reading a table in a new way");
    }

    private static String first(Signature method)
    {
        return method.parameters().isEmpty() ? "" : method.parameters().get(0);
    }
}
