package io.reactivemq.log;

import java.nio.ByteBuffer;

/**
 * A hash of 128 bits under a key of its own: SipHash-2-4 (Aumasson, Bernstein 2012). Two keys of records that had the same hash would be
 * taken for one, and a record would be lost: with 2^40 different ones the chance is 2^-49, and since the hash's key is drawn anew
 * for each use, nobody can send records that make it happen. Not for several threads.
 */
final class KeyHash {

    private static final int WORD_BYTES = 8;

    private final long key0;
    private final long key1;
    private long v0;
    private long v1;
    private long v2;
    private long v3;
    private long low;
    private long high;

    KeyHash(long key0, long key1) {
        this.key0 = key0;
        this.key1 = key1;
    }

    /** Hashes the bytes between position and limit. */
    void hash(ByteBuffer bytes) {
        v0 = key0 ^ 0x736f6d6570736575L;
        v1 = key1 ^ 0x646f72616e646f6dL ^ 0xee;
        v2 = key0 ^ 0x6c7967656e657261L;
        v3 = key1 ^ 0x7465646279746573L;
        int at = bytes.position();
        int length = bytes.remaining();
        int end = bytes.limit() - length % WORD_BYTES;
        for (; at < end; at += WORD_BYTES) {
            add(Long.reverseBytes(bytes.getLong(at)));
        }
        long last = (long) length << 56;
        for (int shift = 0; at < bytes.limit(); shift += 8) {
            last |= (bytes.get(at++) & 0xffL) << shift;
        }
        add(last);
        v2 ^= 0xee;
        rounds(4);
        low = v0 ^ v1 ^ v2 ^ v3;
        v1 ^= 0xdd;
        rounds(4);
        high = v0 ^ v1 ^ v2 ^ v3;
    }

    /** The first 8 bytes of the hash, as a number of little end first. */
    long low() {
        return low;
    }

    long high() {
        return high;
    }

    private void add(long word) {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    }

    private void rounds(int count) {
        long a = v0;
        long b = v1;
        long c = v2;
        long d = v3;
        for (int i = 0; i < count; i++) {
            a += b;
            c += d;
            b = Long.rotateLeft(b, 13) ^ a;
            d = Long.rotateLeft(d, 16) ^ c;
            a = Long.rotateLeft(a, 32);
            c += b;
            a += d;
            b = Long.rotateLeft(b, 17) ^ c;
            d = Long.rotateLeft(d, 21) ^ a;
            c = Long.rotateLeft(c, 32);
        }
        v0 = a;
        v1 = b;
        v2 = c;
        v3 = d;
    }
}
