package io.reactivemq.operator;

import io.reactivemq.assign.Assignment;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;

/**
 * The assignments of a group. A subscriber gets the latest, and those that follow; one that is slow skips to the latest, so nothing
 * waits here but one assignment.
 */
final class FluxAssignments extends Flux<Assignment> implements Scannable {

    private final CopyOnWriteArrayList<Inner> inners = new CopyOnWriteArrayList<>();

    /** Epochs rise. Written by the group, one thread at a time. */
    private volatile Assignment latest = Assignment.NONE;

    private volatile boolean done;

    /** To be followed by {@link #tell}, which may come from any thread and late. */
    void set(Assignment assignment) {
        latest = assignment;
    }

    /** No more will follow. To be followed by {@link #tell}. */
    void end() {
        done = true;
    }

    void tell() {
        inners.forEach(Inner::drain);
    }

    Assignment latest() {
        return latest;
    }

    @Override
    public void subscribe(CoreSubscriber<? super Assignment> actual) {
        Inner inner = new Inner(this, actual);
        actual.onSubscribe(inner);
        inners.add(inner);
        if (inner.cancelled) {
            inners.remove(inner);
        }
        inner.drain();
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        return key == Attr.TERMINATED ? done : key == Attr.CAPACITY ? Integer.valueOf(1) : null;
    }

    private static final class Inner implements Subscription, Scannable {

        private static final AtomicLongFieldUpdater<Inner> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(Inner.class, "requested");

        private final FluxAssignments parent;
        private final CoreSubscriber<? super Assignment> actual;

        private final AtomicInteger wip = new AtomicInteger();
        private volatile long requested;
        private volatile boolean cancelled;

        /** Written by who holds {@code wip}, as the next two. */
        private long emitted;

        private long epoch;
        private boolean ended;

        Inner(FluxAssignments parent, CoreSubscriber<? super Assignment> actual) {
            this.parent = parent;
            this.actual = actual;
        }

        @Override
        public void request(long n) {
            if (Operators.validate(n)) {
                Operators.addCap(REQUESTED, this, n);
                drain();
            }
        }

        @Override
        public void cancel() {
            cancelled = true;
            parent.inners.remove(this);
        }

        private void drain() {
            if (wip.getAndIncrement() != 0) {
                return;
            }
            int missed = 1;
            do {
                drainOnce();
                missed = wip.addAndGet(-missed);
            } while (missed != 0);
        }

        private void drainOnce() {
            while (!cancelled && !ended) {
                // in this order: behind the end none follows
                boolean last = parent.done;
                Assignment next = parent.latest;
                if (next.epoch() == epoch) {
                    if (last) {
                        ended = true;
                        parent.inners.remove(this);
                        actual.onComplete();
                    }
                    return;
                }
                if (emitted == requested) {
                    return;
                }
                emitted++;
                epoch = next.epoch();
                actual.onNext(next);
            }
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return parent;
            }
            if (key == Attr.ACTUAL) {
                return actual;
            }
            if (key == Attr.CANCELLED) {
                return cancelled;
            }
            if (key == Attr.TERMINATED) {
                return ended;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }
}
