package io.reactivemq.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The meters of one subscription of {@code KeyOrdered}, by way of {@link Metering#openKeyed}.
 *
 * <p>Waiting time is sampled as in {@link BufferMeters}: one waiting element at a time is timed. It is found again by its queue and
 * its place there, since a queue is emptied from the front.
 *
 * <p>Threading: the operator's turn, one thread at a time; gauges are read on the registry's threads.
 */
public final class KeyMeters {

    private final BufferMeters buffer;
    private final Runnable leave;
    private final @Nullable Counter handled;
    private final @Nullable Counter failed;
    private final @Nullable Counter retried;

    private final AtomicLong active = new AtomicLong();
    private final AtomicLong waiting = new AtomicLong();
    private final AtomicLong running = new AtomicLong();
    private final AtomicLong backingOff = new AtomicLong();

    /** Where the element is that is timed; null: none is. */
    private @Nullable Object timedQueue;

    /** How many are before it. */
    private int timedBehind;

    KeyMeters(Metering metering, long capacity) {
        MeterRegistry registry = metering.registry();
        if (registry == null) {
            handled = null;
            failed = null;
            retried = null;
            leave = () -> {};
        } else {
            Tags tags = metering.tags();
            handled = MeterText.counter(KeyMeter.HANDLED, tags, registry);
            failed = MeterText.counter(KeyMeter.FAILED, tags, registry);
            retried = MeterText.counter(KeyMeter.RETRIED, tags, registry);
            leave = SharedGauges.join(
                    registry,
                    tags,
                    Map.of(
                            KeyMeter.ACTIVE, active::getOpaque,
                            KeyMeter.RUNNING, running::getOpaque,
                            KeyMeter.BACKING_OFF, backingOff::getOpaque));
        }
        try {
            buffer = metering.open(capacity, waiting::getOpaque);
        } catch (RuntimeException refused) {
            leave.run();
            throw refused;
        }
    }

    /** How it stands at the end of a turn. */
    public void now(int active, int waiting, int running, int backingOff) {
        this.active.setOpaque(active);
        this.waiting.setOpaque(waiting);
        this.running.setOpaque(running);
        this.backingOff.setOpaque(backingOff);
    }

    /** An element begins to wait, in this queue, behind so many others. */
    public void came(Object queue, int behind) {
        if (timedQueue == null && buffer.timesWaiting()) {
            timedQueue = queue;
            timedBehind = behind;
            buffer.came(0);
        }
    }

    /** The first element of this queue waits no longer: it is handled. */
    public void left(Object queue) {
        if (timedQueue == queue && timedBehind-- == 0) {
            timedQueue = null;
            buffer.left(0);
        }
    }

    /** The handling of an element has come to its end. */
    public void ended(boolean well) {
        Counter counter = well ? handled : failed;
        if (counter != null) {
            counter.increment();
        }
    }

    /** The handling of an element is tried again. */
    public void retried() {
        if (retried != null) {
            retried.increment();
        }
    }

    /** The subscription has ended: its gauges go, what was counted stays. Does nothing the second time. */
    public void close() {
        timedQueue = null;
        leave.run();
        buffer.close();
    }
}
