package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;
import reactor.core.Disposables;

/** Something that fails, and is tried again, later and later. For one thread at a time; the pause ends on a thread of its own. */
final class SpillOutage {

    private final MqRuntime runtime;

    /** Called when the next attempt is due. */
    private final Runnable wake;

    private final Disposable.Swap timer = Disposables.swap();
    private int failures;
    private long sinceNanos;

    private volatile boolean pausing;

    SpillOutage(MqRuntime runtime, Runnable wake) {
        this.runtime = runtime;
        this.wake = wake;
    }

    /** An attempt has failed. False if that has been so for so long that there is to be no other. */
    boolean isBorne(long timeoutNanos, long delayMaxMs) {
        long now = runtime.nanoTime();
        if (failures == 0) {
            sinceNanos = now;
        }
        long left = timeoutNanos - (now - sinceNanos);
        if (left <= 0) {
            return false;
        }
        long delay = Math.min(delayMaxMs, 1L << Math.min(failures, 20));
        failures++;
        pausing = true;
        timer.update(runtime.timers()
                .schedule(this::resume, Math.min(left, TimeUnit.MILLISECONDS.toNanos(delay)), TimeUnit.NANOSECONDS));
        return true;
    }

    private void resume() {
        pausing = false;
        wake.run();
    }

    /** Whether it has not failed since it went well. */
    boolean isNew() {
        return failures == 0;
    }

    /** The next attempt is not due yet. */
    boolean isPausing() {
        return pausing;
    }

    /** Something has changed: the next attempt is due. */
    void isDue() {
        pausing = false;
    }

    /** An attempt has gone well. */
    void isOver() {
        failures = 0;
    }

    void dispose() {
        timer.dispose();
    }
}
