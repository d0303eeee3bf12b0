package io.reactivemq.record;

/**
 * Variable-length integers as the records of a batch use them: zigzag, then seven bits a byte, least significant first,
 * the high bit set on every byte but the last. An int takes 1 to 5 bytes, a long 1 to 10.
 */
final class Varints {

    private Varints() {}

    static int zigzag(int value) {
        return (value << 1) ^ (value >> 31);
    }

    static long zigzag(long value) {
        return (value << 1) ^ (value >> 63);
    }

    static int unzigzag(int bits) {
        return (bits >>> 1) ^ -(bits & 1);
    }

    static long unzigzag(long bits) {
        return (bits >>> 1) ^ -(bits & 1);
    }

    /** Bytes the value takes. */
    static int sizeOf(int value) {
        // ceil(bits / 7) for bits in 1..32, as a multiplication and a shift
        return ((38 - Integer.numberOfLeadingZeros(zigzag(value) | 1)) * 37) >>> 8;
    }

    /** Bytes the value takes. */
    static int sizeOf(long value) {
        return ((70 - Long.numberOfLeadingZeros(zigzag(value) | 1)) * 37) >>> 8;
    }

    /** Writes the value at the index and returns the index behind it. The caller has made room. */
    static int write(byte[] array, int index, int value) {
        int bits = zigzag(value);
        if (bits >>> 7 == 0) {
            array[index] = (byte) bits;
            return index + 1;
        }
        if (bits >>> 14 == 0) {
            array[index] = (byte) (bits | 0x80);
            array[index + 1] = (byte) (bits >>> 7);
            return index + 2;
        }
        int at = index;
        while ((bits & ~0x7f) != 0) {
            array[at++] = (byte) (bits | 0x80);
            bits >>>= 7;
        }
        array[at++] = (byte) bits;
        return at;
    }

    /** Writes the value at the index and returns the index behind it. The caller has made room. */
    static int write(byte[] array, int index, long value) {
        long bits = zigzag(value);
        if (bits >>> 7 == 0) {
            array[index] = (byte) bits;
            return index + 1;
        }
        if (bits >>> 14 == 0) {
            array[index] = (byte) (bits | 0x80);
            array[index + 1] = (byte) (bits >>> 7);
            return index + 2;
        }
        int at = index;
        while ((bits & ~0x7fL) != 0) {
            array[at++] = (byte) (bits | 0x80);
            bits >>>= 7;
        }
        array[at++] = (byte) bits;
        return at;
    }
}
