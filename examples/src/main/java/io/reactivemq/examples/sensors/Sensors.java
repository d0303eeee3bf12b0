package io.reactivemq.examples.sensors;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Sensors whose values wander about; the same for the same seed. */
final class Sensors {

    /** Values stay between 0 and this. */
    static final double VALUE_MAX = 100;

    private static final double STEP_MAX = 1.5;

    private final SplittableRandom random;
    private final double[] values;
    private long read;

    Sensors(int count, long seed) {
        random = new SplittableRandom(seed);
        values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextDouble(VALUE_MAX);
        }
    }

    /** The next readings, of one sensor after the other. */
    List<Reading> read(int count) {
        List<Reading> readings = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int sensor = (int) (read % values.length);
            double moved = values[sensor] + random.nextDouble(-STEP_MAX, STEP_MAX);
            values[sensor] = Math.max(0, Math.min(VALUE_MAX, moved));
            readings.add(new Reading(sensor, read / values.length, values[sensor]));
            read++;
        }
        return readings;
    }

    /** How many readings there were in all. */
    long total() {
        return read;
    }
}
