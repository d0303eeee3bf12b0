package io.reactivemq.operator;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * How much a subscriber has asked for and has got since its subscription. Demand is the difference, so handing an element on costs no
 * atomic subtraction.
 *
 * <p>The two counts stand apart from everything else in memory: they change with each element, and whoever emits on another
 * processor would have to fetch anew whatever stood beside them.
 *
 * <p>Invariant: {@code emitted <= requested}.
 */
final class Demand {

    private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

    /** Up to {@code Long.MAX_VALUE}: unbounded. Added to by any thread. */
    private static final int REQUESTED = 16;

    /** Written by one thread at a time. */
    private static final int EMITTED = 17;

    private static final int WORDS = 34;

    private final long[] counts = new long[WORDS];

    void add(long n) {
        long before;
        long after;
        do {
            before = requested();
            if (before == Long.MAX_VALUE) {
                return;
            }
            after = n >= Long.MAX_VALUE - before ? Long.MAX_VALUE : before + n;
        } while (!COUNT.compareAndSet(counts, REQUESTED, before, after));
    }

    long requested() {
        return (long) COUNT.getVolatile(counts, REQUESTED);
    }

    /** By who hands elements on; others may see an older count. */
    long emitted() {
        return (long) COUNT.getOpaque(counts, EMITTED);
    }

    void setEmitted(long count) {
        COUNT.setOpaque(counts, EMITTED, count);
    }

    /** Whether there is any. */
    boolean exists() {
        return emitted() != requested();
    }

    /** What is open; {@code Long.MAX_VALUE} if unbounded. */
    long open() {
        long asked = requested();
        return asked == Long.MAX_VALUE ? asked : asked - emitted();
    }
}
