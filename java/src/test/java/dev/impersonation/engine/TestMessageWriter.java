package dev.impersonation.engine;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.HexFormat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestMessageWriter
{
    @ParameterizedTest(name = "[{index}]")
    @ValueSource(strings = {"", "a", "svc_bi", "\0", "\u007f\u0080", "\u07ff\u0800", "\uffff", "é日本語", "😀", "\ud800\udc00\udbff\udfff", "a😀b"})
    void testValidTextIsUtf8(String text)
    {
        byte[] expected = text.getBytes(UTF_8);
        byte[] written = write(text);
        assertThat(Arrays.copyOfRange(written, 4, written.length)).isEqualTo(expected);
        assertThat(new MessageReader(written).readInt()).isEqualTo(expected.length);
    }

    @Test
    void testEveryCodePointHasTheSizeThatWasPlanned()
    {
        for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
            String text = Character.toString(codePoint);
            byte[] written = write(text);
            if (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE) {
                assertThat(new MessageReader(written).readString()).isEqualTo(text);
            }
        }
    }

    @Test
    void testLoneSurrogatesKeepTheirIdentity()
    {
        assertThat(hex(write("\ud800"))).isEqualTo("00000003eda080");
        assertThat(hex(write("\udfff"))).isEqualTo("00000003edbfbf");
        assertThat(hex(write("a\ud83db"))).isEqualTo("0000000561eda0bd62");
        assertThat(hex(write("\ude00\ud83d"))).isEqualTo("00000006edb880eda0bd");
        assertThat(write("\ud800")).isNotEqualTo(write("?"));
        assertThat(write("\ud800\ud800\udc00")).hasSize(4 + 3 + 4);
    }

    @Test
    void testIntegersAreBigEndian()
    {
        assertThat(hex(new MessageWriter(9).writeInt(0x01020304).writeByte(255).writeInt(-2).toBytes())).isEqualTo("01020304fffffffffe");
    }

    @Test
    void testUnfinishedMessageIsRefused()
    {
        assertThatThrownBy(() -> new MessageWriter(3).writeByte(1).toBytes())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Message has 1 bytes, but 3 were planned");
    }

    private static byte[] write(String text)
    {
        return new MessageWriter((int) MessageWriter.sizeOf(text)).writeString(text).toBytes();
    }

    private static String hex(byte[] bytes)
    {
        return HexFormat.of().formatHex(bytes);
    }
}
