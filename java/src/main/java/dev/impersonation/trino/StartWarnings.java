package dev.impersonation.trino;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What in the server around a control makes impersonation less than its operator may think.
 */
final class StartWarnings
{
    private static final String AUTHENTICATION = "http-server.authentication.type";
    private static final String INSECURE = "http-server.authentication.allow-insecure-over-http";

    private StartWarnings() {}

    /**
     * @param server empty where it cannot be known
     */
    static List<String> of(Optional<ServerConfiguration> server, boolean hasCatalog, boolean hasDelegate)
    {
        List<String> warnings = new ArrayList<>();
        if (hasCatalog && !hasDelegate) {
            warnings.add("The catalog '%s' is there, but %s is not set: whoever sets %s will be refused all data"
                    .formatted(ImmutaCatalog.NAME, ImpersonationAccessControlFactory.DELEGATE_PROPERTY, ImmutaCatalog.QUALIFIED_PROPERTY));
        }
        server.ifPresent(configuration -> {
            authentication(configuration).ifPresent(warnings::add);
            List<String> others = configuration.otherControls();
            if (hasCatalog && !others.isEmpty()) {
                warnings.add(("%s: decide as well and know nothing of %s, so of a query that sets it they see the impersonator; "
                        + "make the control that is to see the target the delegate (%s) instead")
                        .formatted(String.join(", ", others), ImmutaCatalog.QUALIFIED_PROPERTY, ImpersonationAccessControlFactory.DELEGATE_PROPERTY));
            }
        });
        return warnings;
    }

    private static Optional<String> authentication(ServerConfiguration server)
    {
        // Clients do not talk to workers.
        if (server.get("coordinator").filter("false"::equalsIgnoreCase).isPresent()) {
            return Optional.empty();
        }
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
