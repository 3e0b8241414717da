package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestDecisionCatalogue
{
    @Test
    void testCodesBelowSixteenAllow()
    {
        DecisionCatalogue catalogue = DecisionCatalogue.decode(encode(List.of(1, 15, 16, 27)));
        assertThat(catalogue.decision(1)).isEqualTo(new Decision(true, new Reason(1, "name1", "sentence1")));
        assertThat(catalogue.decision(15).allowed()).isTrue();
        assertThat(catalogue.decision(16).allowed()).isFalse();
        assertThat(catalogue.decision(27).allowed()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 2, 3, 17, 28, Integer.MAX_VALUE})
    void testUnknownCodeIsNoDecision(int code)
    {
        DecisionCatalogue catalogue = DecisionCatalogue.decode(encode(List.of(1, 16, 27)));
        assertThatThrownBy(() -> catalogue.decision(code))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(INTERNAL))
                .hasMessage("The native library decided with the unknown code " + code);
    }

    @Test
    void testBrokenCataloguesAreRefused()
    {
        assertThatThrownBy(() -> DecisionCatalogue.decode(encode(List.of(3, 3)))).hasMessage("The native library has two reasons with the code 3");
        assertThatThrownBy(() -> DecisionCatalogue.decode(encode(List.of(0)))).hasMessage("The native library has a reason with the code 0");
        assertThatThrownBy(() -> DecisionCatalogue.decode(encode(List.of(-1)))).hasMessage("The native library has a reason with the code -1");
        assertThatThrownBy(() -> DecisionCatalogue.decode(encode(List.of(Integer.MAX_VALUE)))).isInstanceOf(EngineException.class);
        assertThatThrownBy(() -> DecisionCatalogue.decode(new byte[3])).isInstanceOf(EngineException.class);
        assertThatThrownBy(() -> DecisionCatalogue.decode(new byte[5])).isInstanceOf(EngineException.class);
    }

    @Test
    void testCatalogueOfTheLibrary()
    {
        Map<Integer, String> names = new TreeMap<>();
        DecisionCatalogue catalogue = NativeLibrary.load();
        for (int code : List.of(1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)) {
            Reason reason = catalogue.decision(code).reason();
            assertThat(reason.sentence()).isNotBlank().doesNotContain("\n");
            names.put(code, reason.name());
        }
        assertThat(names.values()).containsExactly(
                "permission",
                "admin-user",
                "admin-group",
                "self",
                "disabled",
                "invalid-name",
                "chained",
                "unknown-user",
                "user-disabled",
                "no-permission",
                "unknown-target",
                "target-disabled",
                "protected-target",
                "out-of-scope",
                "lookup-unavailable",
                "audit-unavailable",
                "other-spelling",
                "login-name",
                "not-enforceable");
    }

    private static byte[] encode(List<Integer> codes)
    {
        long size = Integer.BYTES;
        for (int code : codes) {
            size += Integer.BYTES + MessageWriter.sizeOf("name" + code) + MessageWriter.sizeOf("sentence" + code);
        }
        MessageWriter writer = new MessageWriter((int) size).writeInt(codes.size());
        codes.forEach(code -> writer.writeInt(code).writeString("name" + code).writeString("sentence" + code));
        return writer.toBytes();
    }
}
