package dev.impersonation.trino;

import io.trino.spi.Plugin;
import io.trino.spi.connector.ConnectorFactory;
import io.trino.spi.security.SystemAccessControlFactory;
import io.trino.spi.session.SessionPropertyConfigurationManagerFactory;

import java.util.List;

public final class ImpersonationPlugin
        implements Plugin
{
    @Override
    public Iterable<ConnectorFactory> getConnectorFactories()
    {
        // The first that the server asks for, before it complains of a name that both copies have.
        PluginCopies.refuseOthers();
        return List.of(new ImmutaConnectorFactory(LiveParts.OF_THIS_PLUGIN));
    }

    @Override
    public Iterable<SessionPropertyConfigurationManagerFactory> getSessionPropertyConfigurationManagerFactories()
    {
        SessionPropertyDelegateLoader delegates = new SessionPropertyDelegateLoader(System.getenv(), DelegatePlugins::besideThisPlugin);
        return List.of(new ImpersonationSessionPropertiesFactory(delegates, LiveParts.OF_THIS_PLUGIN));
    }

    @Override
    public Iterable<SystemAccessControlFactory> getSystemAccessControlFactories()
    {
        return List.of(new ImpersonationAccessControlFactory());
    }
}
