package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one subscription of a buffering operator, by way of {@link Metering}. {@link #none} is one that counts
 * nothing: then each call costs a comparison with null.
 *
 * <p><b>Waiting time.</b> To stamp each element would take memory and two readings of the clock for each. Instead one waiting
 * element at a time is timed: the first that comes while none is, until it leaves; then the next. So at any moment at which
 * elements wait one of them is being timed, a stall is always seen, and in full; a crowd of short waits is
 * sampled. Elements that are handed on without having waited are not timed.
 *
 * <p>Elements are told apart by their index: how many had come before. Threading: any thread may call anything.
 */
public final class BufferMeters {

    private static final BufferMeters NONE = new BufferMeters();

    private static final VarHandle TIMED = timedField();

    /** No element is being timed. */
    private static final long NOBODY = -1;

    /** One is about to be timed, or has just been. */
    private static final long BUSY = -2;

    /** Ends what {@link Metering} opened. */
    private final Runnable leave;

    private final LongSupplier nanoTime;
    private final @Nullable Timer waiting;
    private final @Nullable Counter dropped;
    private final @Nullable Counter spilledElements;
    private final @Nullable Counter spilledBytes;
    private final @Nullable Counter deletedElements;

    /** The index of the element that is being timed. */
    private volatile long timed = NOBODY;

    /** When it came. Written and read by who has made {@code timed} {@link #BUSY}. */
    private long since;

    private BufferMeters() {
        leave = () -> {};
        nanoTime = () -> 0;
        waiting = null;
        dropped = null;
        spilledElements = null;
        spilledBytes = null;
        deletedElements = null;
    }

    private BufferMeters(Metering metering, BufferDepth.Buffer buffer, boolean spills) {
        BufferDepth depth = metering.depth();
        MeterRegistry registry = metering.registry();
        nanoTime = metering.runtime()::nanoTime;
        if (registry == null) {
            waiting = null;
            dropped = null;
            spilledElements = null;
            spilledBytes = null;
            deletedElements = null;
            leave = depth == null ? () -> {} : () -> depth.leave(buffer);
        } else {
            Tags tags = metering.tags();
            waiting = MeterText.timer(BufferMeter.WAITING, tags, registry);
            dropped = MeterText.counter(BufferMeter.DROPPED, tags, registry);
            spilledElements = spills ? MeterText.counter(BufferMeter.SPILLED_ELEMENTS, tags, registry) : null;
            spilledBytes = spills ? MeterText.counter(BufferMeter.SPILLED_BYTES, tags, registry) : null;
            deletedElements = spills ? MeterText.counter(BufferMeter.DELETED_ELEMENTS, tags, registry) : null;
            Runnable leaveGauges = SharedGauges.join(registry, tags, buffer.gauges());
            leave = () -> {
                leaveGauges.run();
                if (depth != null) {
                    depth.leave(buffer);
                }
            };
        }
        if (depth != null) {
            depth.join(buffer);
        }
    }

    /** Counts nothing. */
    public static BufferMeters none() {
        return NONE;
    }

    static BufferMeters open(Metering metering, BufferDepth.Buffer buffer, boolean spills) {
        return new BufferMeters(metering, buffer, spills);
    }

    private static VarHandle timedField() {
        try {
            return MethodHandles.lookup().findVarHandle(BufferMeters.class, "timed", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** An element was let go for lack of room. */
    public void dropped() {
        if (dropped != null) {
            dropped.increment();
        }
    }

    /** So many elements were written to disk, as so many bytes. */
    public void spilled(long elements, long bytes) {
        if (spilledElements != null && spilledBytes != null) {
            spilledElements.increment((double) elements);
            spilledBytes.increment((double) bytes);
        }
    }

    /** So many elements were deleted with the files that they were in. */
    public void deleted(long elements) {
        if (deletedElements != null) {
            deletedElements.increment((double) elements);
        }
    }

    /** Whether waiting is timed at all: whoever has to compute an index may spare it. */
    public boolean timesWaiting() {
        return waiting != null;
    }

    /** The element of this index begins to wait. */
    public void came(long index) {
        if (waiting != null && timed == NOBODY && TIMED.compareAndSet(this, NOBODY, BUSY)) {
            since = nanoTime.getAsLong();
            timed = index;
        }
    }

    /** The elements up to this index wait no longer; that one was handed on. */
    public void left(long index) {
        long candidate = timed;
        if (waiting != null && candidate >= 0 && candidate <= index && TIMED.compareAndSet(this, candidate, BUSY)) {
            long began = since;
            timed = NOBODY;
            waiting.record(nanoTime.getAsLong() - began, TimeUnit.NANOSECONDS);
        }
    }

    /** The element of this index waits no longer, since it was let go: its time counts for nothing. */
    public void evicted(long index) {
        if (waiting != null && timed == index) {
            TIMED.compareAndSet(this, index, NOBODY);
        }
    }

    /** The subscription has ended: its gauges go, what was counted stays. Does nothing the second time. */
    public void close() {
        leave.run();
    }
}
