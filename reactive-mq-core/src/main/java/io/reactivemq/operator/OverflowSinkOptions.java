package io.reactivemq.operator;

import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.scheduler.Scheduler;

/** What can be said about an {@link OverflowSink} besides its capacity. */
public final class OverflowSinkOptions<T> extends BufferOptions<T, OverflowSinkOptions<T>> {

    private OverflowStrategy strategy = OverflowStrategy.DROP_NEWEST;
    private @Nullable Function<? super T, ?> keyFn;
    private @Nullable Scheduler scheduler;

    OverflowSinkOptions() {}

    @Override
    OverflowSinkOptions<T> self() {
        return this;
    }

    /** What becomes of an element that finds the buffer full; {@link OverflowStrategy#DROP_NEWEST} unless told otherwise. */
    public OverflowSinkOptions<T> strategy(OverflowStrategy strategy) {
        this.strategy = Objects.requireNonNull(strategy, "strategy");
        this.keyFn = null;
        return this;
    }

    /**
     * In place of a strategy: one place for each key, as {@link Overflow#conflate(Function, int)} has it. Emitters that find their
     * elements have to wait take turns, by a lock of a few instructions, on which {@code equals} and {@code hashCode}
     * of keys are called.
     *
     * @param keyFn called on the emitter's thread; what it throws, {@code emit} throws
     */
    public OverflowSinkOptions<T> conflate(Function<? super T, ?> keyFn) {
        this.keyFn = Objects.requireNonNull(keyFn, "keyFn");
        this.strategy = OverflowStrategy.DROP_OLDEST;
        return this;
    }

    /**
     * Hands elements on by a worker of this scheduler, many at a time, rather than on the thread that emits or requests. The worker
     * is made with the subscription and disposed with its end. If the scheduler refuses to work, the subscriber gets that as an error, and
     * what waits is discarded.
     */
    public OverflowSinkOptions<T> emitOn(Scheduler scheduler) {
        this.scheduler = Objects.requireNonNull(scheduler, "scheduler");
        return this;
    }

    OverflowStrategy strategy() {
        return strategy;
    }

    @Nullable Function<? super T, ?> keyFn() {
        return keyFn;
    }

    @Nullable Scheduler scheduler() {
        return scheduler;
    }
}
