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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

import static dev.impersonation.engine.EngineException.Code.CLOSED;
import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static dev.impersonation.engine.EngineException.Code.INVALID_REQUEST;
import static dev.impersonation.engine.EngineException.Code.REQUEST_TOO_LARGE;
import static dev.impersonation.engine.Request.Path.NATIVE;
import static java.time.temporal.ChronoUnit.MICROS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What the native functions do when they are called as {@link Engine} never would.
 */
final class TestNatives
{
    private static final byte[] REQUEST = new Request(NATIVE, false, "svc", "bob", Optional.of("svc")).encode();

    @TempDir
    private Path directory;

    private long handle;

    @BeforeEach
    void open()
            throws IOException
    {
        NativeLibrary.load();
        handle = Natives.open(Engine.encode(new TestingConfiguration(directory).properties()));
    }

    @AfterEach
    void close()
    {
        Natives.close(handle);
    }

    @Test
    void testAllowAndDeny()
    {
        assertThat(code(Natives.check(handle, REQUEST))).isEqualTo(1);
        assertThat(code(Natives.check(handle, new Request(NATIVE, false, "bob", "svc", Optional.empty()).encode()))).isEqualTo(21);
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
        assertFails(() -> Natives.refuse(handle, null), INVALID_REQUEST);
        assertFails(() -> Natives.explain(handle, 21, null), INVALID_REQUEST);
        assertFails(() -> Natives.forUser(null), INVALID_REQUEST);
        assertThat(code(Natives.check(handle, REQUEST))).isEqualTo(1);
    }

    @Test
    void testClosedHandle()
    {
        Natives.close(handle);
        assertFails(() -> Natives.check(handle, REQUEST), CLOSED);
        assertFails(() -> new Memory().check(handle, "\0\0\1a\1b\0\0"), CLOSED);
        assertFails(() -> Natives.bind(handle, REQUEST), CLOSED);
        assertFails(() -> Natives.refuse(handle, REQUEST), CLOSED);
        Natives.close(handle);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 40})
    void testHandlesThatNeverWere(long forged)
    {
        assertFails(() -> Natives.check(forged, REQUEST), CLOSED);
        assertFails(() -> Natives.bind(forged, REQUEST), CLOSED);
        assertFails(() -> Natives.refuse(forged, REQUEST), CLOSED);
        assertFails(() -> Natives.explain(forged, 21, REQUEST), CLOSED);
        assertFails(() -> Natives.drainLog(forged), CLOSED);
        assertFails(() -> Natives.close(forged), CLOSED);
    }

    @Test
    void testHandlesAreNotUsedAgain()
            throws IOException
    {
        Natives.close(handle);
        long next = Natives.open(Engine.encode(new TestingConfiguration(directory).properties()));
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
            assertFails(() -> Natives.refuse(handle, truncated), INVALID_REQUEST);
        }
    }

    @Test
    void testTrailingByte()
    {
        assertFails(() -> Natives.check(handle, Arrays.copyOf(REQUEST, REQUEST.length + 1)), INVALID_REQUEST);
    }

    @Test
    void testRequestInMemory()
    {
        Memory memory = new Memory();
        String svcAsBob = "\0\0\3svc\3bob\0\0";
        assertThat(code(memory.check(handle, svcAsBob))).isEqualTo(1);
        assertThat(memory.contents()).containsOnly('\0');
        assertThat(code(memory.check(handle, "\0\0\3bob\3svc\1\4x@EX\1\2id"))).isEqualTo(21);
        for (int length = 0; length < svcAsBob.length(); length++) {
            String truncated = svcAsBob.substring(0, length);
            assertFails(() -> memory.check(handle, truncated), INVALID_REQUEST);
            assertThat(memory.contents()).containsOnly('\0');
        }
        assertFails(() -> memory.check(handle, svcAsBob + "\0"), INVALID_REQUEST);
    }

    @Test
    void testAnyCharactersInMemory()
    {
        Memory memory = new Memory();
        Random random = new Random(20261125);
        int answered = 0;
        for (int message = 0; message < 20_000; message++) {
            char[] characters = new char[random.nextInt(40)];
            for (int index = 0; index < characters.length; index++) {
                characters[index] = (char) (random.nextInt(8) > 0 ? random.nextInt(4) : random.nextInt(Character.MAX_VALUE + 1));
            }
            try {
                assertThat(code(memory.check(handle, new String(characters)))).isGreaterThan(3);
                answered++;
            }
            catch (EngineException e) {
                assertThat(e.getCode()).isEqualTo(INVALID_REQUEST);
            }
        }
        assertThat(answered).isPositive();
    }

    @Test
    void testMemoryThatCannotBe()
    {
        Memory memory = new Memory();
        for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, RequestBuffer.CAPACITY + 1}) {
            assertFails(() -> Natives.checkAt(handle, memory.address, length), REQUEST_TOO_LARGE);
        }
        assertFails(() -> Natives.checkAt(handle, 0, 1), INVALID_REQUEST);
        assertFails(() -> Natives.checkAt(handle, memory.address + 1, 1), INVALID_REQUEST);
        assertFails(() -> Natives.address(ByteBuffer.allocate(8)), INTERNAL);
        assertFails(() -> Natives.address(null), INTERNAL);
    }

    @Test
    void testDecisionHasTheTimeOfItsRecord()
            throws IOException
    {
        Instant before = Instant.now().truncatedTo(MICROS);
        long answer = Natives.check(handle, REQUEST);
        assertThat(Instant.EPOCH.plus(answer >> 9, MICROS)).isBetween(before, Instant.now());
        long unrecorded = Natives.open(Engine.encode(new TestingConfiguration(directory).with("immuta.impersonation.audit.file", "").properties()));
        assertThat(Natives.check(unrecorded, REQUEST)).isEqualTo(1);
        Natives.close(unrecorded);
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
        int overhead = new Request(NATIVE, false, "", "bob", Optional.empty()).encode().length;
        byte[] largest = new Request(NATIVE, false, "a".repeat(Request.MAX_SIZE - overhead), "bob", Optional.empty()).encode();
        assertThat(code(Natives.check(handle, largest))).isEqualTo(17);
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
        assertThat(code(Natives.check(handle, REQUEST))).isEqualTo(1);
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

    private static int code(long answer)
    {
        return (int) (answer & 0xFF);
    }

    private static final class Memory
    {
        private final ByteBuffer bytes = ByteBuffer.allocateDirect(RequestBuffer.CAPACITY * Character.BYTES).order(ByteOrder.nativeOrder());
        private final long address = Natives.address(bytes);

        long check(long handle, String characters)
        {
            bytes.asCharBuffer().put(characters);
            return Natives.checkAt(handle, address, characters.length());
        }

        char[] contents()
        {
            char[] contents = new char[RequestBuffer.CAPACITY];
            bytes.asCharBuffer().get(contents);
            return contents;
        }
    }

    private static void assertFails(ThrowingCallable call, EngineException.Code code)
    {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(code))
                .message().isNotBlank();
    }
}
