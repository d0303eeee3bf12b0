package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.function.ToLongFunction;
import org.jctools.queues.varhandle.unpadded.SpscVarHandleUnpaddedArrayQueue;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

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

    FluxBatch(Flux<? extends T> source, ToLongFunction<? super T> weigher, Limits limits, MqRuntime runtime) {
        super(source);
        this.weigher = weigher;
        this.limits = limits;
        this.runtime = runtime;
    }

    @Override
    public void subscribe(CoreSubscriber<? super List<T>> actual) {
        source.subscribe(new BatchSubscriber<T>(actual, weigher, limits, runtime));
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
     * One state, moved by whoever holds the turn: the thread that brings {@code wip} from 0 to 1 holds it until it is back at 0, and
     * all that others bring meanwhile it takes in for them.
     *
     * <p>There is one timer, not one for each batch: it is set for the batch that finds none running, and when it goes off while a later batch is
     * open, it is set again for what is left of that one's time. Batches that fill in time cost a look at the clock.
     *
     * <p>Invariant: {@code held + outstanding <= prefetch}.
     */
    static final class BatchSubscriber<T> implements CoreSubscriber<T>, Subscription, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicIntegerFieldUpdater<BatchSubscriber> WIP =
                AtomicIntegerFieldUpdater.newUpdater(BatchSubscriber.class, "wip");

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicLongFieldUpdater<BatchSubscriber> REQUESTED =
                AtomicLongFieldUpdater.newUpdater(BatchSubscriber.class, "requested");

        private final CoreSubscriber<? super List<T>> actual;
        private final Context context;
        private final ToLongFunction<? super T> weigher;
        private final Limits limits;
        private final MqRuntime runtime;
        private final int replenishBy;

        @SuppressWarnings("NullAway.Init") // set by onSubscribe, before any other signal
        private Subscription upstream;

        // what others bring

        private volatile int wip;

        /** Demand since the subscription, up to {@code Long.MAX_VALUE}: unbounded. */
        private volatile long requested;

        private volatile boolean cancelled;

        /** The timer has gone off. */
        private volatile boolean rung;

        /** The timer went off and nobody takes work. */
        private volatile @Nullable RejectedExecutionException rejected;

        /** Elements that came while another thread held the turn. Made by the source's thread when it needs it. */
        private @Nullable Queue<T> arrivals;

        /** No more elements will come. Written by the source's thread, after {@code sourceError}. */
        private volatile boolean done;

        private @Nullable Throwable sourceError;

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

        /** Requested from the source and not come yet. */
        private int outstanding;

        private long emitted;

        /** The source has ended, or was cancelled from here: nothing is added. */
        private boolean ending;

        private @Nullable Throwable failure;

        /** Downstream has the end, or has cancelled: whatever comes is let go. */
        private boolean over;

        BatchSubscriber(
                CoreSubscriber<? super List<T>> actual,
                ToLongFunction<? super T> weigher,
                Limits limits,
                MqRuntime runtime) {
            this.actual = actual;
            this.context = actual.currentContext();
            this.weigher = weigher;
            this.limits = limits;
            this.runtime = runtime;
            this.replenishBy = limits.prefetch - (limits.prefetch >> 2);
        }

        // the source's side

        @Override
        public void onSubscribe(Subscription subscription) {
            if (Operators.validate(upstream, subscription)) {
                upstream = subscription;
                outstanding = limits.prefetch;
                actual.onSubscribe(this);
                subscription.request(limits.prefetch);
            }
        }

        @Override
        public void onNext(T element) {
            if (done) {
                Operators.onNextDropped(element, context);
            } else if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
                // nothing came before it that has not been taken in
                arrive(element);
                drainLoop();
            } else {
                if (arrivals == null) {
                    arrivals = new SpscVarHandleUnpaddedArrayQueue<>(limits.prefetch);
                }
                if (arrivals.offer(element)) {
                    drain();
                } else {
                    Operators.onDiscard(element, context);
                    onError(tooMany());
                }
            }
        }

        @Override
        public void onError(Throwable error) {
            if (done) {
                Operators.onErrorDropped(error, context);
            } else {
                sourceError = error;
                done = true;
                drain();
            }
        }

        @Override
        public void onComplete() {
            if (!done) {
                done = true;
                drain();
            }
        }

        private Throwable tooMany() {
            upstream.cancel();
            return Exceptions.failWithOverflow(limits.describe() + " holds " + limits.prefetch
                    + " elements: the source sends more than is requested");
        }

        // the consumer's side

        @Override
        public void request(long n) {
            if (Operators.validate(n)) {
                Operators.addCap(REQUESTED, this, n);
                drain();
            }
        }

        @Override
        public void cancel() {
            if (!cancelled) {
                cancelled = true;
                upstream.cancel();
                drain();
            }
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

        private void drain() {
            if (WIP.getAndIncrement(this) == 0) {
                drainLoop();
            }
        }

        private void drainLoop() {
            long more = 0;
            int missed = 1;
            do {
                more += turn();
                missed = WIP.addAndGet(this, -missed);
            } while (missed != 0);
            // not within the turn: a source that sends at once would find it taken
            if (more > 0) {
                upstream.request(more);
            }
        }

        /** Returns how many to ask of the source. */
        private long turn() {
            // in this order: behind the end nothing arrives
            boolean last = done;
            Queue<T> queue = arrivals;
            if (queue != null) {
                for (T element = queue.poll(); element != null; element = queue.poll()) {
                    arrive(element);
                }
            }
            if (rung || rejected != null) {
                timeIsUp();
            }
            if (last && !ending) {
                ending = true;
                failure = sourceError;
                sourceError = null;
            }
            emit();
            if (cancelled || over) {
                letGo();
            } else if (!ending) {
                return replenish();
            } else if (held == 0) {
                end();
            }
            return 0;
        }

        private void arrive(T element) {
            if (over || cancelled || ending) {
                Operators.onDiscard(element, context);
                return;
            }
            if (outstanding == 0) {
                Operators.onDiscard(element, context);
                stop(tooMany());
                return;
            }
            outstanding--;
            long weight;
            try {
                weight = weigher.applyAsLong(element);
                if (weight < 0) {
                    throw new IllegalArgumentException("the weight of an element must be 0 or more, but is " + weight);
                }
            } catch (Throwable thrown) {
                Throwable reported = Operators.onOperatorError(upstream, thrown, element, context);
                Operators.onDiscard(element, context);
                stop(reported);
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
                if (!over && !cancelled && !ending) {
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

        private void emit() {
            while (emitted != requested && !cancelled) {
                if (closed.isEmpty() && open != null && (due || ending)) {
                    close(open);
                }
                List<T> batch = closed.poll();
                if (batch == null) {
                    return;
                }
                held -= batch.size();
                emitted++;
                actual.onNext(batch);
            }
        }

        private void stop(Throwable error) {
            if (ending || over) {
                Operators.onErrorDropped(error, context);
                return;
            }
            ending = true;
            failure = error;
        }

        private void end() {
            over = true;
            stopTimer();
            Throwable error = failure;
            failure = null;
            if (error != null) {
                actual.onError(error);
            } else {
                actual.onComplete();
            }
        }

        /** Asks for as many as have room. With nothing on its way it asks for fewer, too: the open batch may need them. */
        private int replenish() {
            int room = limits.prefetch - held - outstanding;
            if (room >= replenishBy || (room > 0 && outstanding == 0)) {
                outstanding += room;
                return room;
            }
            return 0;
        }

        private void letGo() {
            over = true;
            stopTimer();
            held = 0;
            for (List<T> batch = closed.poll(); batch != null; batch = closed.poll()) {
                Operators.onDiscardMultiple(batch, context);
            }
            if (open != null) {
                Operators.onDiscardMultiple(open, context);
                open = null;
            }
            if (failure != null) {
                Operators.onErrorDropped(failure, context);
                failure = null;
            }
            if (done && sourceError != null) {
                Operators.onErrorDropped(sourceError, context);
                sourceError = null;
            }
        }

        private void stopTimer() {
            if (timer != null) {
                timer.dispose();
                timer = null;
            }
        }

        @Override
        public Context currentContext() {
            return context;
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return upstream;
            }
            if (key == Attr.ACTUAL) {
                return actual;
            }
            if (key == Attr.NAME) {
                return limits.name;
            }
            if (key == Attr.BUFFERED) {
                return held;
            }
            if (key == Attr.CAPACITY || key == Attr.PREFETCH) {
                return limits.prefetch;
            }
            if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
                long asked = requested;
                return asked == Long.MAX_VALUE ? asked : asked - emitted;
            }
            if (key == Attr.CANCELLED) {
                return cancelled;
            }
            if (key == Attr.TERMINATED) {
                return over && !cancelled;
            }
            if (key == Attr.ERROR) {
                return done ? sourceError : null;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.ASYNC : null;
        }
    }
}
