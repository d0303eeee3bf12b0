package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BatchMeters;
import io.reactivemq.metrics.Metering;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;

/** The operator behind {@link Batch}. */
final class FluxBatch<T> extends FluxOperator<T, List<T>> {

    /**
     * The bounds of a batch, checked.
     *
     * @param weight {@code Long.MAX_VALUE} where weight does not count
     */
    record Limits(
            int size,
            long weight,
            long timeNanos,
            int prefetch,
            @Nullable String name) {

        String describe() {
            return name == null ? "the batching" : "the batching '" + name + "'";
        }
    }

    private final ToLongFunction<? super T> weigher;
    private final Limits limits;
    private final MqRuntime runtime;
    private final Metering metering;

    FluxBatch(
            Flux<? extends T> source,
            ToLongFunction<? super T> weigher,
            Limits limits,
            MqRuntime runtime,
            Metering metering) {
        super(source);
        this.metering = metering;
        this.weigher = weigher;
        this.limits = limits;
        this.runtime = runtime;
    }

    @Override
    public void subscribe(CoreSubscriber<? super List<T>> actual) {
        BatchMeters meters;
        try {
            meters = metering.openBatching(limits.prefetch);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(new BatchSubscriber<T>(actual, weigher, limits, runtime, meters));
    }

    @Override
    public int getPrefetch() {
        return limits.prefetch;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.ASYNC;
        }
        return key == Attr.NAME ? limits.name : super.scanUnsafe(key);
    }

    /**
     * There is one timer, not one for each batch: it is set for the batch that finds none running, and when it goes off while a later batch is
     * open, it is set again for what is left of that one's time. Batches that fill in time cost a look at the clock.
     */
    static final class BatchSubscriber<T> extends QueueDrainSubscriber<T, List<T>> {

        private final ToLongFunction<? super T> weigher;
        private final Limits limits;
        private final MqRuntime runtime;

        /** Null if nobody wants to know. */
        private final @Nullable BatchMeters meters;

        /** The timer has gone off. */
        private volatile boolean rung;

        /** The timer went off and nobody takes work. */
        private volatile @Nullable RejectedExecutionException rejected;

        // what the turn moves

        private @Nullable List<T> open;
        private long openWeight;
        private long openedAtNanos;

        /** The time of the open batch is up. */
        private boolean due;

        private final ArrayDeque<List<T>> closed = new ArrayDeque<>();
        private @Nullable Disposable timer;

        /** Elements of the open and the closed batches. */
        private int held;

        BatchSubscriber(
                CoreSubscriber<? super List<T>> actual,
                ToLongFunction<? super T> weigher,
                Limits limits,
                MqRuntime runtime,
                @Nullable BatchMeters meters) {
            super(actual, limits.prefetch);
            this.weigher = weigher;
            this.limits = limits;
            this.runtime = runtime;
            this.meters = meters;
        }

        @Override
        String describe() {
            return limits.describe();
        }

        @Override
        int held() {
            return held;
        }

        // the timer's side

        /** On the timers' thread, which does no more than this. */
        private void ring() {
            try {
                runtime.workers().schedule(this::rung);
            } catch (RejectedExecutionException e) {
                rejected = e;
                drain();
            }
        }

        private void rung() {
            rung = true;
            drain();
        }

        // the turn

        @Override
        void arrive(T element) {
            long weight;
            try {
                weight = weigher.applyAsLong(element);
                if (weight < 0) {
                    throw new IllegalArgumentException("the weight of an element must be 0 or more, but is " + weight);
                }
            } catch (Throwable thrown) {
                stop(thrown, element);
                return;
            }
            add(element, weight);
        }

        private void add(T element, long weight) {
            if (open != null && weight > limits.weight - openWeight) {
                close(open);
            }
            List<T> batch = open;
            if (batch == null) {
                batch = new ArrayList<>(Math.min(limits.size, 16));
                open = batch;
                startTime();
            }
            batch.add(element);
            held++;
            if (meters != null) {
                meters.came();
            }
            openWeight += weight;
            if (batch.size() == limits.size || openWeight >= limits.weight) {
                close(batch);
            }
        }

        private void close(List<T> batch) {
            closed.add(batch);
            open = null;
            openWeight = 0;
            due = false;
        }

        private void startTime() {
            openedAtNanos = runtime.nanoTime();
            if (timer == null) {
                setTimer(limits.timeNanos);
            }
        }

        private void setTimer(long nanos) {
            try {
                timer = runtime.timers().schedule(this::ring, nanos, TimeUnit.NANOSECONDS);
            } catch (RejectedExecutionException e) {
                stop(Operators.onRejectedExecution(e, upstream, null, null, context));
            }
        }

        private void timeIsUp() {
            rung = false;
            timer = null;
            RejectedExecutionException nobody = rejected;
            if (nobody != null) {
                rejected = null;
                if (!isOver() && !isEnding()) {
                    stop(Operators.onRejectedExecution(nobody, upstream, null, null, context));
                }
            } else if (open != null && !due) {
                long waited = runtime.nanoTime() - openedAtNanos;
                if (waited >= limits.timeNanos) {
                    due = true;
                } else {
                    setTimer(limits.timeNanos - waited);
                }
            }
        }

        @Override
        void emitHeld() {
            if (rung || rejected != null) {
                timeIsUp();
            }
            while (isWanted()) {
                if (closed.isEmpty() && open != null && (due || isEnding())) {
                    close(open);
                }
                List<T> batch = closed.poll();
                if (batch == null) {
                    return;
                }
                held -= batch.size();
                if (meters != null) {
                    meters.emitted(batch.size());
                }
                emit(batch);
            }
        }

        @Override
        void ended() {
            stopTimer();
            if (meters != null) {
                meters.close();
            }
        }

        @Override
        void discardHeld() {
            held = 0;
            for (List<T> batch = closed.poll(); batch != null; batch = closed.poll()) {
                Operators.onDiscardMultiple(batch, context);
            }
            if (open != null) {
                Operators.onDiscardMultiple(open, context);
                open = null;
            }
        }

        private void stopTimer() {
            if (timer != null) {
                timer.dispose();
                timer = null;
            }
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.NAME) {
                return limits.name;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.ASYNC : super.scanUnsafe(key);
        }
    }
}
