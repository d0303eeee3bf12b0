package io.reactivemq.test.crash;

import java.util.SplittableRandom;

/**
 * The records that a child sends: number n always has the same partition, key and value, so that whoever finds it can tell
 * whether it was sent and is whole.
 */
final class Load {

    static final String TOPIC = "t";
    static final int PARTITIONS = 3;

    /** Small, so that a run of a few thousand records rolls often. */
    static final int SEGMENT_BYTES = 64 * 1024;

    private final long seed;

    Load(long seed) {
        this.seed = seed;
    }

    int partition(long number) {
        return randomOf(number).nextInt(PARTITIONS);
    }

    String key(long number) {
        return "key " + number;
    }

    /** Mostly short, now and then of a few kilobytes. */
    String value(long number) {
        SplittableRandom random = randomOf(number);
        random.nextInt();
        int length = random.nextInt(100) < 97 ? random.nextInt(120) : random.nextInt(8000);
        StringBuilder value = new StringBuilder(length + 20).append(number).append(' ');
        for (int i = 0; i < length; i++) {
            value.append((char) random.nextInt('a', 'z' + 1));
        }
        return value.toString();
    }

    /** The number that a value begins with. */
    static long numberOf(String value) {
        return Long.parseLong(value.substring(0, value.indexOf(' ')));
    }

    private SplittableRandom randomOf(long number) {
        return new SplittableRandom(seed * 1_000_003 + number);
    }
}
