package io.reactivemq.assign;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The 32-bit MurmurHash2 with the seed of Kafka's clients, so that a key lies in the same partition whoever sent it
 * (Austin Appleby's public domain hash; little-endian words of four bytes).
 */
public final class Murmur2 {

    private static final int SEED = 0x9747b28c;
    private static final int MULTIPLIER = 0x5bd1e995;
    private static final int SHIFT = 24;
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private Murmur2() {}

    /** The hash of the bytes. */
    public static int hash(byte[] data) {
        int length = data.length;
        int hash = SEED ^ length;
        int words = length & ~3;
        for (int i = 0; i < words; i += 4) {
            hash = step(hash, (int) INT.get(data, i));
        }
        int rest = length - words;
        if (rest > 0) {
            if (rest > 2) {
                hash ^= (data[words + 2] & 0xff) << 16;
            }
            if (rest > 1) {
                hash ^= (data[words + 1] & 0xff) << 8;
            }
            hash ^= data[words] & 0xff;
            hash *= MULTIPLIER;
        }
        return finish(hash);
    }

    /** The hash of the number's four bytes, the most significant first. */
    public static int hash(int number) {
        return finish(step(SEED ^ Integer.BYTES, Integer.reverseBytes(number)));
    }

    /** The hash of the number's eight bytes, the most significant first. */
    public static int hash(long number) {
        int first = Integer.reverseBytes((int) (number >>> 32));
        return finish(step(step(SEED ^ Long.BYTES, first), Integer.reverseBytes((int) number)));
    }

    private static int step(int hash, int word) {
        int mixed = word * MULTIPLIER;
        mixed ^= mixed >>> SHIFT;
        return hash * MULTIPLIER ^ mixed * MULTIPLIER;
    }

    private static int finish(int hash) {
        int mixed = hash;
        mixed ^= mixed >>> 13;
        mixed *= MULTIPLIER;
        return mixed ^ mixed >>> 15;
    }

    /**
     * The partition of a key: its hash without the sign bit, modulo the number of partitions.
     *
     * @param partitions how many there are, 1 or more
     * @return an index in {@code [0, partitions)}
     */
    public static int partition(byte[] key, int partitions) {
        return (hash(key) & Integer.MAX_VALUE) % partitions;
    }
}
