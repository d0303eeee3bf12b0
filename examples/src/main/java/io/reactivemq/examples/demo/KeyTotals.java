package io.reactivemq.examples.demo;

/**
 * The figures of one key.
 *
 * @param rows how many rows
 * @param delaySum the sum of their delays in minutes
 * @param worstDelay the longest of them; of flights that were all early, the least early
 * @param orderHash a hash over the texts of the rows in the order they came: equal only where the same rows came in the same order
 */
record KeyTotals(long rows, long delaySum, int worstDelay, long orderHash) {

    static final KeyTotals NONE = new KeyTotals(0, 0, Integer.MIN_VALUE, 0);

    /** Any odd number will do; this one spreads its factors' bits widely. */
    private static final long STEP = 0x9E3779B97F4A7C15L;

    static KeyTotals ofFirst(String text, int delayMinutes) {
        return NONE.plus(text, delayMinutes);
    }

    KeyTotals plus(String text, int delayMinutes) {
        return next(delayMinutes, (orderHash + hash(text)) * STEP);
    }

    /** As {@link #plus}, for rows without a key, which have no order among them: any order gives the same hash. */
    KeyTotals plusInAnyOrder(String text, int delayMinutes) {
        return next(delayMinutes, orderHash + hash(text) * STEP);
    }

    private KeyTotals next(int delayMinutes, long hash) {
        return new KeyTotals(rows + 1, delaySum + delayMinutes, Math.max(worstDelay, delayMinutes), hash);
    }

    private static long hash(String text) {
        long hash = text.length();
        for (int i = 0; i < text.length(); i++) {
            hash = hash * 31 + text.charAt(i);
        }
        return hash;
    }

    double meanDelay() {
        return rows == 0 ? 0 : (double) delaySum / rows;
    }

    boolean sameFigures(KeyTotals other) {
        return rows == other.rows && delaySum == other.delaySum && worstDelay == other.worstDelay;
    }

    String figures() {
        return rows == 0 ? "none" : rows + " rows, delays " + delaySum + " min in all, worst " + worstDelay;
    }
}
