package dev.impersonation.trino;

import io.trino.spi.TrinoException;
import io.trino.spi.session.PropertyMetadata;

import static io.trino.spi.StandardErrorCode.INVALID_SESSION_PROPERTY;
import static io.trino.spi.type.VarcharType.VARCHAR;
import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * The session property that names the user to impersonate. Not set, and set to the empty string, mean nobody.
 */
final class ImmutaUserProperty
{
    /** As in the engine, which has the last word. */
    private static final int MAX_BYTES = 256;

    private ImmutaUserProperty() {}

    static PropertyMetadata<String> create(LiveParts liveParts)
    {
        return new PropertyMetadata<>(
                ImmutaCatalog.PROPERTY,
                "User whose rights the queries of this session have",
                VARCHAR,
                String.class,
                null,
                false,
                value -> decode((String) value, liveParts),
                value -> value);
    }

    private static String decode(String value, LiveParts liveParts)
    {
        if (value == null || value.isEmpty()) {
            return value;
        }
        if (!canBeName(value)) {
            throw refused("it is no user name: it is longer than 256 bytes or has control characters");
        }
        if (!liveParts.hasControl()) {
            throw refused("the server has no access control with access-control.name=%s, so that the user's rights could not be applied"
                    .formatted(ImpersonationAccessControlFactory.NAME));
        }
        return value;
    }

    private static boolean canBeName(String value)
    {
        return value.length() <= MAX_BYTES
                && UTF_8.newEncoder().canEncode(value)
                && value.getBytes(UTF_8).length <= MAX_BYTES
                && value.chars().noneMatch(Character::isISOControl);
    }

    private static TrinoException refused(String sentence)
    {
        // Without the value, which may hold anything.
        return new TrinoException(INVALID_SESSION_PROPERTY, "The value of %s is refused: %s".formatted(ImmutaCatalog.QUALIFIED_PROPERTY, sentence));
    }
}
