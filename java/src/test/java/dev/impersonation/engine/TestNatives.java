package dev.impersonation.engine;

import dev.impersonation.testing.TestingConfiguration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static dev.impersonation.engine.EngineException.Code.INVALID_REQUEST;
import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What the native functions do when they are called as {@link Engine} never would.
 */
final class TestNatives
{
    private static final byte[] REQUEST = new Request(NATIVE, false, "svc", "bob", Optional.of("svc"), Set.of("g")).encode();

    @TempDir
    private Path directory;

    private long handle;

    @BeforeEach
    void open()
            throws IOException
    {
        NativeLibrary.load();
        handle = Natives.open(properties(new TestingConfiguration(directory).properties()));
    }

    @AfterEach
    void close()
    {
        Natives.close(handle);
    }

    @Test
    void testAllowAndDeny()
    {
        assertThat(Natives.check(handle, REQUEST)).isEqualTo(1);
        assertThat(Natives.check(handle, new Request(NATIVE, false, "bob", "svc", Optional.empty(), Set.of()).encode())).isEqualTo(21);
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 5, 255, 256 + 21})
    void testThereIsNoSentenceForAnUnknownReason(int code)
    {
        assertThat(Natives.explain(handle, 21, REQUEST)).contains("does not hold the permission");
        assertFails(() -> Natives.explain(handle, code, REQUEST), INVALID_REQUEST);
    }

    @Test
    void testNullArguments()
    {
        assertFails(() -> Natives.open(null), INVALID_REQUEST);
        assertFails(() -> Natives.check(handle, null), INVALID_REQUEST);
        assertFails(() -> Natives.bind(handle, null), INVALID_REQUEST);
        assertFails(() -> Natives.explain(handle, 21, null), INVALID_REQUEST);
        assertFails(() -> Natives.forUser(null), INVALID_REQUEST);
        assertThat(Natives.check(handle, REQUEST)).isEqualTo(1);
    }

    @Test
    void testClosedHandle()
    {
        Natives.close(handle);
        assertFails(() -> Natives.check(handle, REQUEST), CLOSED);
        assertFails(() -> Natives.checkFirst(handle, REQUEST, REQUEST.length), CLOSED);
        assertFails(() -> Natives.bind(handle, REQUEST), CLOSED);
        Natives.close(handle);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40})
    void testHandlesThatNeverWere(long forged)
    {
        assertFails(() -> Natives.check(forged, REQUEST), CLOSED);
        assertFails(() -> Natives.bind(forged, REQUEST), CLOSED);
        assertFails(() -> Natives.explain(forged, 21, REQUEST), CLOSED);
        assertFails(() -> Natives.drainLog(forged), CLOSED);
        assertFails(() -> Natives.close(forged), CLOSED);
    }

    @Test
    void testHandlesAreNotUsedAgain()
            throws IOException
    {
        Natives.close(handle);
        long next = Natives.open(properties(new TestingConfiguration(directory).properties()));
        assertThat(next).isNotEqualTo(handle);
        assertFails(() -> Natives.check(handle, REQUEST), CLOSED);
        Natives.close(next);
    }

    @Test
    void testEveryTruncatedRequest()
    {
        for (int length = 0; length < REQUEST.length; length++) {
            byte[] truncated = Arrays.copyOf(REQUEST, length);
            assertFails(() -> Natives.check(handle, truncated), INVALID_REQUEST);
            assertFails(() -> Natives.bind(handle, truncated), INVALID_REQUEST);
        }
    }

    @Test
    void testTrailingByte()
    {
        assertFails(() -> Natives.check(handle, Arrays.copyOf(REQUEST, REQUEST.length + 1)), INVALID_REQUEST);
    }

    @Test
    void testRequestAtTheBeginningOfALongerArray()
    {
        byte[] longer = Arrays.copyOf(REQUEST, 1000);
        Arrays.fill(longer, REQUEST.length, longer.length, (byte) 'x');
        assertThat(Natives.checkFirst(handle, longer, REQUEST.length)).isEqualTo(1);
        assertThat(Natives.checkFirst(handle, REQUEST, REQUEST.length)).isEqualTo(1);
        assertFails(() -> Natives.checkFirst(handle, longer, REQUEST.length - 1), INVALID_REQUEST);
        assertFails(() -> Natives.checkFirst(handle, longer, REQUEST.length + 1), INVALID_REQUEST);
        assertFails(() -> Natives.checkFirst(handle, longer, 0), INVALID_REQUEST);
    }

    @Test
    void testMoreBytesThanTheArrayHas()
    {
        assertFails(() -> Natives.checkFirst(handle, REQUEST, REQUEST.length + 1), INTERNAL);
        assertFails(() -> Natives.checkFirst(handle, new byte[0], 1), INTERNAL);
        assertFails(() -> Natives.checkFirst(handle, REQUEST, -1), REQUEST_TOO_LARGE);
        assertFails(() -> Natives.checkFirst(handle, REQUEST, Integer.MIN_VALUE), REQUEST_TOO_LARGE);
        assertFails(() -> Natives.checkFirst(handle, REQUEST, Integer.MAX_VALUE), REQUEST_TOO_LARGE);
        assertFails(() -> Natives.checkFirst(handle, null, 0), INVALID_REQUEST);
        assertThat(Natives.checkFirst(handle, REQUEST, REQUEST.length)).isEqualTo(1);
    }

    @Test
    void testOversizedRequest()
    {
        assertFails(() -> Natives.check(handle, new byte[Request.MAX_SIZE + 1]), REQUEST_TOO_LARGE);
        assertFails(() -> Natives.check(handle, new byte[Request.MAX_SIZE]), INVALID_REQUEST);
        assertFails(() -> Natives.check(handle, new byte[64 * Request.MAX_SIZE]), REQUEST_TOO_LARGE);
    }

    @Test
    void testLargestRequest()
    {
        int overhead = new Request(NATIVE, false, "", "bob", Optional.empty(), Set.of()).encode().length;
        byte[] largest = new Request(NATIVE, false, "a".repeat(Request.MAX_SIZE - overhead), "bob", Optional.empty(), Set.of()).encode();
        assertThat(Natives.check(handle, largest)).isEqualTo(17);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "00", "00000001", "ffffffff", "000000010000000161", "00000001ffffffff", "0000000000", "0000000100000001ff0000000161"})
    void testBrokenProperties(String hex)
    {
        assertFails(() -> Natives.open(HexFormat.of().parseHex(hex)), INVALID_REQUEST);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "", "00", "00000000", "0000000000000000", "0000000000000000ffffffff", "000000000000000000000001", "00000000000000000000000000",
            "00000001610000000162000000010000000263",
            "00000001ff0000000000000000", "0000000000000001ff00000000", "00000000000000000000000100000001ff", "0000000000000003eda08000000000"})
    void testBrokenExpressions(String hex)
    {
        assertFails(() -> Natives.forUser(HexFormat.of().parseHex(hex)), INVALID_REQUEST);
    }

    @Test
    void testExpressionsNeedNoEngine()
    {
        Natives.close(handle);
        assertThat(Natives.forUser(HexFormat.of().parseHex("00000001780000000000000000"))).isEqualTo("x");
    }

    @Test
    void testOversizedExpression()
    {
        assertFails(() -> Natives.forUser(new byte[Request.MAX_SIZE + 1]), REQUEST_TOO_LARGE);
        assertFails(() -> Natives.forUser(new byte[Request.MAX_SIZE]), INVALID_REQUEST);
    }

    @Test
    void testEndedQueryThatIsNone()
    {
        assertFails(() -> Natives.recordQuery(handle, null), INVALID_REQUEST);
        assertFails(() -> Natives.recordQuery(handle, new byte[0]), INVALID_REQUEST);
        assertFails(() -> Natives.recordQuery(handle, REQUEST), INVALID_REQUEST);
        assertFails(() -> Natives.recordQuery(handle, new byte[EndedQuery.MAX_SIZE]), INVALID_REQUEST);
        assertFails(() -> Natives.recordQuery(handle, new byte[EndedQuery.MAX_SIZE + 1]), REQUEST_TOO_LARGE);
    }

    @ParameterizedTest
    @CsvSource({"0", "1", "2"})
    void testPanicBecomesAnException(int kind)
    {
        assertFails(() -> BoundaryProbe.panic(kind), INTERNAL);
        assertThat(Natives.check(handle, REQUEST)).isEqualTo(1);
    }

    @Test
    void testPanicKeepsItsText()
    {
        assertThatThrownBy(() -> BoundaryProbe.panic(0)).hasMessage("the engine panicked: a plain text");
        assertThatThrownBy(() -> BoundaryProbe.panic(1)).hasMessage("the engine panicked: a text made at run time");
        assertThatThrownBy(() -> BoundaryProbe.panic(2)).hasMessage("the engine panicked: no text");
    }

    @Test
    void testPanicsOfManyThreads()
    {
        IntStream.range(0, 300).parallel().forEach(index -> assertFails(() -> BoundaryProbe.panic(index % 3), INTERNAL));
    }

    private static byte[] properties(Map<String, String> properties)
    {
        long size = Integer.BYTES;
        for (Map.Entry<String, String> property : properties.entrySet()) {
            size += MessageWriter.sizeOf(property.getKey()) + MessageWriter.sizeOf(property.getValue());
        }
        MessageWriter writer = new MessageWriter((int) size).writeInt(properties.size());
        properties.forEach((key, value) -> writer.writeString(key).writeString(value));
        return writer.toBytes();
    }

    private static void assertFails(ThrowingCallable call, EngineException.Code code)
    {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(code))
                .message().isNotBlank();
    }
}
