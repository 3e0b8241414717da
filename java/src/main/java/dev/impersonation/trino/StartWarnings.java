package dev.impersonation.trino;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What in the server around a control makes impersonation less than its operator may think.
 */
final class StartWarnings
{
    private static final String AUTHENTICATION = "http-server.authentication.type";
    private static final String INSECURE = "http-server.authentication.allow-insecure-over-http";

    private static final Pattern USER_MAPPING = Pattern.compile("http-server\\.authentication\\..+\\.user-mapping\\.(?:pattern|file)");
    private static final Pattern TOKEN_GROUPS = Pattern.compile("(?:deprecated\\.)?http-server\\.authentication\\..+\\.groups-field");
    private static final Pattern PASSING_ON = Pattern.compile(".*\\bimpersonation[.-]enabled|.*\\.session");
    private static final Set<String> PASSING_ON_VALUES = Set.of("true", "user");

    private StartWarnings() {}

    /**
     * @param server empty where it cannot be known
     * @param hasGroups whether the plugin is told of groups itself
     */
    static List<String> of(Optional<ServerConfiguration> server, boolean hasCatalog, boolean hasDelegate, boolean hasGroups)
    {
        List<String> warnings = new ArrayList<>();
        if (hasCatalog && !hasDelegate) {
            warnings.add("The catalog '%s' is there, but %s is not set: whoever sets %s will be refused all data"
                    .formatted(ImmutaCatalog.NAME, ImpersonationAccessControlFactory.DELEGATE_PROPERTY, ImmutaCatalog.QUALIFIED_PROPERTY));
        }
        server.ifPresent(configuration -> {
            if (isWorker(configuration)) {
                return;
            }
            authentication(configuration).ifPresent(warnings::add);
            userMapping(configuration).ifPresent(warnings::add);
            tokenGroups(configuration).ifPresent(warnings::add);
            if (hasCatalog && !hasGroups && configuration.hasGroupProvider()) {
                warnings.add(("%s gives Trino's users groups that this plugin is not told of: of a query that sets %s, rules by group see nothing of them. "
                        + "Give the plugin the same groups by immuta.group-file or in the policy file")
                        .formatted(ServerConfiguration.GROUP_PROVIDER, ImmutaCatalog.QUALIFIED_PROPERTY));
            }
            if (hasCatalog) {
                warnings.addAll(passingOn(configuration));
            }
            List<String> others = configuration.otherControls();
            if (hasCatalog && !others.isEmpty()) {
                warnings.add(("%s: decide as well and know nothing of %s, so of a query that sets it they see the impersonator; "
                        + "make the control that is to see the target the delegate (%s) instead")
                        .formatted(String.join(", ", others), ImmutaCatalog.QUALIFIED_PROPERTY, ImpersonationAccessControlFactory.DELEGATE_PROPERTY));
            }
        });
        return warnings;
    }

    /**
     * Clients do not talk to workers, and no query asks access controls there.
     */
    private static boolean isWorker(ServerConfiguration server)
    {
        return server.get("coordinator").filter("false"::equalsIgnoreCase).isPresent();
    }

    private static Optional<String> userMapping(ServerConfiguration server)
    {
        Set<String> names = server.matching(USER_MAPPING).keySet();
        if (names.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(("%s: a client that logs in as alice@example.com names that user in its requests as well, so that who is mapped to alice seems to impersonate "
                + "alice@example.com and is refused. Have clients send the mapped name: sessionUser=alice in JDBC, --session-user alice in the CLI, the header X-Trino-User")
                .formatted(String.join(", ", names)));
    }

    private static Optional<String> tokenGroups(ServerConfiguration server)
    {
        Set<String> names = server.matching(TOKEN_GROUPS).keySet();
        if (names.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(("%s: Trino keeps the groups of a service account's token in the sessions of those whom it impersonates natively (sessionUser), and asks the "
                + "delegate with them. Leave groups out of the tokens of service accounts")
                .formatted(String.join(", ", names)));
    }

    private static List<String> passingOn(ServerConfiguration server)
    {
        List<String> warnings = new ArrayList<>();
        server.ofCatalogs(PASSING_ON).forEach((file, properties) -> properties.forEach((name, value) -> {
            if (PASSING_ON_VALUES.contains(value.toLowerCase(Locale.ENGLISH))) {
                warnings.add(("the catalog file %s: %s=%s passes the session's user on to another system. Of a query that sets %s that is the impersonator and not the target; "
                        + "let people use such a catalog on the native path (sessionUser) alone")
                        .formatted(file, name, value, ImmutaCatalog.QUALIFIED_PROPERTY));
            }
        }));
        return warnings;
    }

    private static Optional<String> authentication(ServerConfiguration server)
    {
        if (server.get(AUTHENTICATION).isEmpty()) {
            return Optional.of("%s is not set, so the server believes any name: whoever reaches it can name themselves a service account or an administrator"
                    .formatted(AUTHENTICATION));
        }
        if (server.get(INSECURE).filter("true"::equalsIgnoreCase).isPresent()) {
            return Optional.of("%s=true, so the server believes any name that comes by plain HTTP: whoever reaches it so can name themselves a service account or an administrator"
                    .formatted(INSECURE));
        }
        return Optional.empty();
    }
}
