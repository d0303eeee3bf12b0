package io.reactivemq.produce;

import java.util.concurrent.TimeUnit;

/**
 * How many records may be sent a second: each takes a permit, and permits that were not used are there for a tenth of a second, so that a
 * worker that comes late makes up for it. Belongs to the worker.
 */
final class RateLimit {

    private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long BURST_NANOS = SECOND_NANOS / 10;

    private final double nanosPerPermit;

    /** When the next permit is there. Permits since then are there, too, as far as the burst goes. */
    private double nextNanos;

    RateLimit(double permitsPerSecond, long nowNanos) {
        this.nanosPerPermit = SECOND_NANOS / permitsPerSecond;
        this.nextNanos = nowNanos;
    }

    /** Takes a permit if one is there. */
    boolean tryTake(long nowNanos) {
        nextNanos = Math.max(nextNanos, (double) (nowNanos - BURST_NANOS));
        if (nextNanos > nowNanos) {
            return false;
        }
        nextNanos += nanosPerPermit;
        return true;
    }

    /** How long until a permit is there. */
    long nanosToNext(long nowNanos) {
        return Math.max(0, (long) Math.ceil(nextNanos - nowNanos));
    }
}
