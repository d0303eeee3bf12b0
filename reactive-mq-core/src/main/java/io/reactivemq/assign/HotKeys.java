package io.reactivemq.assign;

/**
 * How hot keys are found.
 *
 * @param share the part of all elements above which a key is hot, above 0 and below 1
 * @param counters how many keys are counted at a time. The sketch tells a key apart that makes up more than {@code share + 1 / counters}; at least 2 and up to
 *     {@link #COUNTERS_MAX}
 * @param window after how many elements all counts are halved, at least {@code counters}. No key is called hot before a tenth of the first
 *     window has passed
 */
public record HotKeys(double share, int counters, int window) {

    /** Each costs about 100 bytes, and is touched when counts are halved. */
    public static final int COUNTERS_MAX = 1 << 16;

    public HotKeys {
        if (!(share > 0 && share < 1)) {
            throw new IllegalArgumentException("share must be above 0 and below 1, but is " + share);
        }
        if (counters < 2 || counters > COUNTERS_MAX) {
            throw new IllegalArgumentException(
                    "counters must be between 2 and " + COUNTERS_MAX + ", but is " + counters);
        }
        if (window < counters) {
            throw new IllegalArgumentException(
                    "window must be " + counters + " or more, as many as there are counters, but is " + window);
        }
    }

    /** Keys above a share: with 10 counters a share, and a window of 1,000 elements a counter. */
    public static HotKeys above(double share) {
        int counters = (int) Math.min(COUNTERS_MAX, Math.max(2, Math.ceil(10 / Math.max(share, 1e-6))));
        return new HotKeys(share, counters, counters * 1000);
    }
}
