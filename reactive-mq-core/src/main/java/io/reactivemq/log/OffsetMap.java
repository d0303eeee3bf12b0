package io.reactivemq.log;

import java.nio.ByteBuffer;

/**
 * The last offset of each key, in a bounded number of bytes: of a key only its {@link KeyHash} is kept. Open addressing, linear probing;
 * nothing is ever removed. Not for several threads.
 *
 * <pre>
 * slot of 24 bytes: hash int64, hash int64, offset + 1 int64 (0: free)
 * </pre>
 */
final class OffsetMap {

    static final int SLOT_BYTES = 24;

    /** Fewer would not be worth a pass over a log. */
    private static final int SLOTS_MIN = 64;

    /** An array of longs can't have more. */
    private static final long SLOTS_MAX = (Integer.MAX_VALUE - 8) / 3;

    /** Of four slots three are taken at most: a search ends after a few. */
    private static final int KEYS_OF_FOUR_SLOTS = 3;

    private final KeyHash hash;
    private final long[] slots;
    private final int slotCount;
    private final int keysMax;
    private int keys;

    /**
     * @param bytesMax what the map may take, but for the least it needs
     * @param keysWanted how many keys there can be at most
     */
    OffsetMap(long bytesMax, long keysWanted, KeyHash hash) {
        long wanted = keysWanted / KEYS_OF_FOUR_SLOTS * 4 + 4;
        long count = Math.max(SLOTS_MIN, Math.min(Math.min(SLOTS_MAX, bytesMax / SLOT_BYTES), wanted));
        this.hash = hash;
        this.slotCount = (int) count;
        this.slots = new long[3 * slotCount];
        this.keysMax = (int) (count * KEYS_OF_FOUR_SLOTS / 4);
    }

    /** Notes an offset of a key, which is behind those noted before; false, and nothing has changed, where there is no room for another key. */
    boolean put(ByteBuffer key, long offset) {
        int at = find(key);
        if (slots[at + 2] == 0) {
            if (keys == keysMax) {
                return false;
            }
            keys++;
            slots[at] = hash.low();
            slots[at + 1] = hash.high();
        }
        slots[at + 2] = offset + 1;
        return true;
    }

    /** The last offset noted of the key; -1: none. */
    long offsetOf(ByteBuffer key) {
        return slots[find(key) + 2] - 1;
    }

    int keys() {
        return keys;
    }

    int keysMax() {
        return keysMax;
    }

    /** Where the key's slot, or the free one that it would get, begins. */
    private int find(ByteBuffer key) {
        hash.hash(key);
        long low = hash.low();
        long high = hash.high();
        int slot = (int) (((low >>> 32) * slotCount) >>> 32);
        while (true) {
            int at = 3 * slot;
            if (slots[at + 2] == 0 || (slots[at] == low && slots[at + 1] == high)) {
                return at;
            }
            slot = slot + 1 == slotCount ? 0 : slot + 1;
        }
    }
}
