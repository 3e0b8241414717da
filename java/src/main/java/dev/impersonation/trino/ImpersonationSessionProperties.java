package dev.impersonation.trino;

import io.trino.spi.session.SessionConfigurationContext;
import io.trino.spi.session.SessionPropertyConfigurationManager;

import java.util.HashMap;
import java.util.Map;

import static java.util.Objects.requireNonNull;

/**
 * Lets {@code SHOW SESSION LIKE 'immuta.immuta_user'} tell the truth where Trino itself made somebody another user. All other defaults are the delegate's.
 */
final class ImpersonationSessionProperties
        implements SessionPropertyConfigurationManager
{
    private final SessionPropertyConfigurationManager delegate;
    private final LiveParts liveParts;

    ImpersonationSessionProperties(SessionPropertyConfigurationManager delegate, LiveParts liveParts)
    {
        this.delegate = requireNonNull(delegate, "delegate is null");
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
    }

    @Override
    public Map<String, String> getSystemSessionProperties(SessionConfigurationContext context)
    {
        return delegate.getSystemSessionProperties(context);
    }

    @Override
    public Map<String, Map<String, String>> getCatalogSessionProperties(SessionConfigurationContext context)
    {
        Map<String, Map<String, String>> defaults = delegate.getCatalogSessionProperties(context);
        // Without its catalog Trino would refuse the property, and with it the query.
        if (!liveParts.catalog().isThere() || !liveParts.isImpersonated(context.getUser())) {
            return defaults;
        }
        Map<String, String> ours = new HashMap<>(defaults.getOrDefault(ImmutaCatalog.NAME, Map.of()));
        ours.put(ImmutaCatalog.PROPERTY, context.getUser());
        Map<String, Map<String, String>> all = new HashMap<>(defaults);
        all.put(ImmutaCatalog.NAME, ours);
        return all;
    }
}
