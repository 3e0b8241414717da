package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.HexFormat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestMessageReader
{
    @Test
    void testReadsWhatWasWritten()
    {
        MessageReader reader = new MessageReader(new MessageWriter(4 + 1 + 4 + 2).writeInt(-7).writeByte(200).writeString("é").toBytes());
        assertThat(reader.readInt()).isEqualTo(-7);
        assertThat(reader.readByte()).isEqualTo(200);
        assertThat(reader.readString()).isEqualTo("é");
        reader.requireEnd();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "00", "000000", "00000001", "7fffffff61", "ffffffff61", "80000000"})
    void testTruncatedTextIsRefused(String message)
    {
        assertThatThrownBy(() -> new MessageReader(HexFormat.of().parseHex(message)).readString())
                .isInstanceOf(EngineException.class)
                .hasMessage("The native library answered with a message that ends too early");
    }

    @Test
    void testHugeCountIsRefused()
    {
        assertThatThrownBy(() -> new MessageReader(HexFormat.of().parseHex("7fffffff00")).readCount())
                .isInstanceOf(EngineException.class);
    }

    @Test
    void testTrailingBytesAreRefused()
    {
        assertThatThrownBy(() -> new MessageReader(new byte[2]).requireEnd())
                .isInstanceOf(EngineException.class)
                .hasMessage("The native library answered with 2 bytes too many");
    }
}
