package io.reactivemq.netty.protocol;

/**
 * The versions of an API that are served, both inclusive.
 *
 * @param min the lowest
 * @param max the highest
 */
public record VersionRange(short min, short max) {

    public VersionRange {
        if (min < 0 || max < min) {
            throw new IllegalArgumentException("expected 0 <= min <= max, were " + min + " and " + max);
        }
    }

    public static VersionRange of(int min, int max) {
        return new VersionRange((short) min, (short) max);
    }

    public boolean contains(short version) {
        return min <= version && version <= max;
    }

    @Override
    public String toString() {
        return min == max ? Integer.toString(min) : min + " to " + max;
    }
}
