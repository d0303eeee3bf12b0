package io.reactivemq.examples.sensors;

/**
 * What became of the readings.
 *
 * @param latestShown whether the last that each sensor measured was shown
 */
record Summary(long measured, long shown, long dropped, boolean latestShown) {

    /** Every reading was either shown or dropped, and what counts was shown. */
    boolean isRight() {
        return measured == shown + dropped && latestShown;
    }
}
