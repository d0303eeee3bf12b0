package io.reactivemq.examples.sensors;

import io.reactivemq.examples.cli.BadInputException;
import java.time.Duration;

/**
 * How fast things go, and for how long.
 *
 * @param seconds how long the feed lasts
 * @param perSecond how many readings it has a second, of all sensors
 * @param sensors how many sensors there are
 * @param capacity how many readings may wait for the dashboard
 * @param seed of the values
 */
record Plan(int seconds, int perSecond, int sensors, int capacity, long seed) {

    static final Duration TICK = Duration.ofMillis(100);
    static final int TICKS_A_SECOND = 10;

    private static final int SECONDS_MAX = 600;
    private static final int PER_SECOND_MAX = 1_000_000;
    private static final int SENSORS_MAX = 20;
    private static final int CAPACITY_MAX = 1_000_000;

    Plan {
        check("--seconds", seconds, 1, SECONDS_MAX);
        check("--rate", perSecond, TICKS_A_SECOND, PER_SECOND_MAX);
        check("--sensors", sensors, 1, SENSORS_MAX);
        check("--capacity", capacity, 1, CAPACITY_MAX);
    }

    private static void check(String option, int value, int min, int max) {
        if (value < min || value > max) {
            throw new BadInputException(option + " must be between " + min + " and " + max + ", was " + value);
        }
    }

    long ticks() {
        return (long) seconds * TICKS_A_SECOND;
    }

    int readingsATick() {
        return perSecond / TICKS_A_SECOND;
    }

    /** In the middle half of its time the dashboard is busy with something else. */
    boolean isBusy(long tick) {
        return tick >= ticks() / 4 && tick < ticks() * 3 / 4;
    }

    /** How many readings the dashboard manages in a tick: twice those of the feed, or a quarter. */
    int shownATick(long tick) {
        return Math.max(1, isBusy(tick) ? readingsATick() / 4 : readingsATick() * 2);
    }
}
