package dev.impersonation.trino;

import io.trino.spi.resourcegroups.SessionPropertyConfigurationManagerContext;
import io.trino.spi.session.SessionPropertyConfigurationManager;
import io.trino.spi.session.SessionPropertyConfigurationManagerFactory;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

import static dev.impersonation.trino.ImpersonationAccessControlFactory.DELEGATE_PROPERTY;
import static java.util.Objects.requireNonNull;

final class ImpersonationSessionPropertiesFactory
        implements SessionPropertyConfigurationManagerFactory
{
    private final SessionPropertyDelegateLoader delegates;
    private final LiveParts liveParts;

    ImpersonationSessionPropertiesFactory(SessionPropertyDelegateLoader delegates, LiveParts liveParts)
    {
        this.delegates = requireNonNull(delegates, "delegates is null");
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
    }

    @Override
    public String getName()
    {
        return ImpersonationAccessControlFactory.NAME;
    }

    @Override
    public SessionPropertyConfigurationManager create(Map<String, String> config, SessionPropertyConfigurationManagerContext context)
    {
        Set<String> unknown = new TreeSet<>(config.keySet());
        unknown.remove(DELEGATE_PROPERTY);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException("The session property configuration manager %s takes no property besides %s, but has %s"
                    .formatted(getName(), DELEGATE_PROPERTY, String.join(", ", unknown)));
        }
        return new ImpersonationSessionProperties(delegates.load(Optional.ofNullable(config.get(DELEGATE_PROPERTY)), context), liveParts);
    }
}
