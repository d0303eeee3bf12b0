package io.reactivemq.examples.demo;

import io.reactivemq.MqRuntime;
import java.time.Duration;

/** The time from the first tick to the last. One thread ticks; the time is read when it is done. */
final class Stopwatch {

    private final MqRuntime runtime;
    private boolean ticked;
    private long firstNanos;
    private long lastNanos;

    Stopwatch(MqRuntime runtime) {
        this.runtime = runtime;
    }

    void tick() {
        lastNanos = runtime.nanoTime();
        if (!ticked) {
            ticked = true;
            firstNanos = lastNanos;
        }
    }

    Duration time() {
        return Duration.ofNanos(lastNanos - firstNanos);
    }
}
