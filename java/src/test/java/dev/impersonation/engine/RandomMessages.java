package dev.impersonation.engine;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Packed messages of the corpus of the fuzz target {@code messages}, changed at random.
 */
final class RandomMessages
{
    private static final int[] LENGTHS = {0, 1, 3, 255, 256, 257, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    private final Random random;
    private final List<byte[]> corpus;

    RandomMessages(long seed)
    {
        random = new Random(seed);
        corpus = FuzzCorpus.read("messages");
    }

    List<byte[]> corpus()
    {
        return corpus;
    }

    byte[] next()
    {
        byte[] message = any().clone();
        for (int change = random.nextInt(4); change > 0; change--) {
            message = changed(message);
        }
        return message;
    }

    private byte[] changed(byte[] message)
    {
        int at = random.nextInt(message.length + 1);
        int end = at + random.nextInt(Math.min(message.length - at, 12) + 1);
        switch (random.nextInt(7)) {
            case 0 -> {
                return Arrays.copyOf(message, at);
            }
            case 1 -> {
                return joined(message, at, new byte[random.nextInt(6)], at);
            }
            case 2 -> {
                return joined(message, at, new byte[0], end);
            }
            case 3 -> {
                return joined(message, at, Arrays.copyOfRange(message, at, end), at);
            }
            case 4 -> {
                byte[] other = any();
                int from = random.nextInt(other.length + 1);
                return joined(message, at, Arrays.copyOfRange(other, from, Math.min(other.length, from + 24)), end);
            }
            case 5 -> {
                // What may be a length or a number of texts.
                if (at + Integer.BYTES <= message.length) {
                    ByteBuffer.wrap(message).putInt(at, LENGTHS[random.nextInt(LENGTHS.length)]);
                }
                return message;
            }
            default -> {
                if (at < message.length) {
                    message[at] ^= (byte) (1 << random.nextInt(8));
                }
                return message;
            }
        }
    }

    private byte[] any()
    {
        return corpus.get(random.nextInt(corpus.size()));
    }

    private static byte[] joined(byte[] message, int at, byte[] middle, int end)
    {
        return ByteBuffer.allocate(at + middle.length + message.length - end)
                .put(message, 0, at)
                .put(middle)
                .put(message, end, message.length - end)
                .array();
    }
}
