package dev.impersonation.trino;

import dev.impersonation.engine.Bound;
import dev.impersonation.engine.Decision;
import dev.impersonation.engine.Reason;
import io.trino.spi.TrinoException;
import io.trino.spi.connector.Connector;
import io.trino.spi.session.PropertyMetadata;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import static io.trino.spi.StandardErrorCode.INVALID_SESSION_PROPERTY;
import static io.trino.spi.type.VarcharType.VARCHAR;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestImmutaConnector
{
    private final LiveParts liveParts = new LiveParts();
    private final ImmutaConnectorFactory factory = new ImmutaConnectorFactory(liveParts);

    @Test
    void testConnectorIsLiveUntilItsShutdown()
    {
        assertThat(factory.getName()).isEqualTo("immuta");
        assertThat(liveParts.catalog().isOurs()).isFalse();
        Connector first = factory.create("immuta", Map.of(), null);
        Connector second = factory.create("immuta", Map.of(), null);
        first.shutdown();
        first.shutdown();
        assertThat(liveParts.catalog().isOurs()).isTrue();
        second.shutdown();
        assertThat(liveParts.catalog().isOurs()).isFalse();
    }

    @Test
    void testCatalogOfAnotherNameIsRefused()
    {
        assertThatThrownBy(() -> factory.create("Immuta", Map.of(), null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("The catalog with connector.name=immuta must have the name immuta, not Immuta: clients set immuta.immuta_user, and nothing else is looked at");
        assertThat(liveParts.catalog().isOurs()).isFalse();
    }

    @Test
    void testPropertiesAreRefusedByTheirNames()
    {
        assertThatThrownBy(() -> factory.create("immuta", Map.of("immuta.endpoint", "x", "immuta.apikey", "secret"), null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("The catalog immuta takes no properties besides connector.name, but has immuta.apikey, immuta.endpoint");
    }

    @Test
    void testThereIsOneVisiblePropertyThatNamesNobodyAtFirst()
    {
        assertThat(factory.create("immuta", Map.of(), null).getSessionProperties()).singleElement().satisfies(property -> {
            assertThat(property.getName()).isEqualTo("immuta_user");
            assertThat(property.getSqlType()).isEqualTo(VARCHAR);
            assertThat(property.getDefaultValue()).isNull();
            assertThat(property.isHidden()).isFalse();
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"alice", "a@b.example", "Ünï cödé", "李雷", "🦊", " ", "'; DROP TABLE x"})
    void testNames(String name)
    {
        liveParts.controlStarted(control());
        PropertyMetadata<String> property = ImmutaUserProperty.create(liveParts);
        assertThat(property.decode(name)).isEqualTo(name);
        assertThat(property.encode(name)).isEqualTo(name);
    }

    @Test
    void testLongestName()
    {
        liveParts.controlStarted(control());
        assertThat(ImmutaUserProperty.create(liveParts).decode("é".repeat(128))).hasToString("é".repeat(128));
        assertThatThrownBy(() -> ImmutaUserProperty.create(liveParts).decode("é".repeat(128) + "a")).isInstanceOf(TrinoException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\0b", "a\r\nb", "a\u007f", "a\u0085", "a\ud800", "\udc00"})
    void testTextsThatCannotBeNames(String text)
    {
        liveParts.controlStarted(control());
        assertThatThrownBy(() -> ImmutaUserProperty.create(liveParts).decode(text))
                .isInstanceOfSatisfying(TrinoException.class, e -> assertThat(e.getErrorCode()).isEqualTo(INVALID_SESSION_PROPERTY.toErrorCode()))
                .hasMessage("The value of immuta.immuta_user is refused: it is no user name: it is longer than 256 bytes or has control characters");
    }

    @Test
    void testWithoutAccessControlThereIsNobodyToBe()
    {
        PropertyMetadata<String> property = ImmutaUserProperty.create(liveParts);
        PropertyPath first = control();
        PropertyPath second = control();
        liveParts.controlStarted(first);
        liveParts.controlStarted(second);
        liveParts.controlEnded(first);
        assertThat(property.decode("alice")).isEqualTo("alice");
        liveParts.controlEnded(second);
        liveParts.controlEnded(second);
        assertThatThrownBy(() -> property.decode("alice"))
                .isInstanceOf(TrinoException.class)
                .hasMessage("The value of immuta.immuta_user is refused: " +
                        "the server has no access control with access-control.name=immuta, so that the user's rights could not be applied");
        assertThat(property.decode("")).isEmpty();
        assertThat(property.decode(null)).isNull();
    }

    private static PropertyPath control()
    {
        return new PropertyPath(
                request -> new Bound(new Decision(true, new Reason(1, "permission", "may")), request.target(), Set.of()),
                refused -> {},
                user -> Optional.empty(),
                true,
                new Bindings(Bindings.Limits.DEFAULT, () -> Instant.EPOCH));
    }
}
