package dev.impersonation.trino;

import io.trino.spi.connector.Connector;
import io.trino.spi.connector.ConnectorContext;
import io.trino.spi.connector.ConnectorFactory;

import java.util.Map;

import static java.util.Objects.requireNonNull;

final class ImmutaConnectorFactory
        implements ConnectorFactory
{
    private final LiveParts liveParts;

    ImmutaConnectorFactory(LiveParts liveParts)
    {
        this.liveParts = requireNonNull(liveParts, "liveParts is null");
    }

    @Override
    public String getName()
    {
        return ImmutaCatalog.CONNECTOR_NAME;
    }

    @Override
    public Connector create(String catalogName, Map<String, String> config, ConnectorContext context)
    {
        requireNonNull(catalogName, "catalogName is null");
        if (!catalogName.equals(ImmutaCatalog.NAME)) {
            throw new IllegalArgumentException("The catalog with connector.name=%s must have the name %s, not %s: clients set %s, and nothing else is looked at"
                    .formatted(ImmutaCatalog.CONNECTOR_NAME, ImmutaCatalog.NAME, catalogName, ImmutaCatalog.QUALIFIED_PROPERTY));
        }
        if (!config.isEmpty()) {
            throw new IllegalArgumentException("The catalog %s takes no properties besides connector.name, but has %s"
                    .formatted(catalogName, String.join(", ", config.keySet().stream().sorted().toList())));
        }
        return new ImmutaConnector(liveParts);
    }
}
