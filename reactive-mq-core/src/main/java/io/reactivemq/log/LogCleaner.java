package io.reactivemq.log;

import java.util.random.RandomGenerator;

/**
 * What the compactions of a broker share: the memory for an offset map, which only one of them has at a time, and where its hash's keys come
 * from.
 *
 * @param mapBytesMax what a map may take; where the keys of a log's dirty part do not fit in, it is compacted in several passes
 * @param random safe for many threads
 */
public record LogCleaner(long mapBytesMax, RandomGenerator random) {

    /** Room for 1.2 million keys. */
    public static final long MAP_BYTES_DEFAULT = 40L << 20;

    public LogCleaner {
        if (mapBytesMax < OffsetMap.SLOT_BYTES) {
            throw new IllegalArgumentException(
                    "mapBytesMax must be " + OffsetMap.SLOT_BYTES + " or more, was " + mapBytesMax);
        }
    }

    OffsetMap newMap(long keysWanted) {
        return new OffsetMap(mapBytesMax, keysWanted, new KeyHash(random.nextLong(), random.nextLong()));
    }
}
