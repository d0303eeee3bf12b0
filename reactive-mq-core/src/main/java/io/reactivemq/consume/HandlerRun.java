package io.reactivemq.consume;

import io.reactivemq.record.RecordBatch;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.Exceptions;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * One record on its way: attempt, wait, attempt, ..., and after the last one the dead letter. Owned by the worker; the
 * handler's publisher ends on any thread.
 *
 * @param <K> the type of the key
 * @param <V> the type of the value
 */
final class HandlerRun<K, V> implements LaneWork {

    private final FluxProcess.ProcessSubscription<K, V> owner;
    private final PartitionLane lane;
    private final ReceiverRecord<K, V> received;
    private final RecordBatch batch;

    private int attempts;
    // the attempt, the wait or the dead letter that is under way
    private Disposable current = Disposables.disposed();
    private boolean waiting;
    private boolean windingDown;

    HandlerRun(
            FluxProcess.ProcessSubscription<K, V> owner,
            PartitionLane lane,
            ReceiverRecord<K, V> received,
            RecordBatch batch) {
        this.owner = owner;
        this.lane = lane;
        this.received = received;
        this.batch = batch;
    }

    PartitionLane lane() {
        return lane;
    }

    long offset() {
        return received.offset();
    }

    void start() {
        Throwable undecodable = received.undecodable();
        if (undecodable != null) {
            deadLetter(undecodable);
        } else {
            attempt();
        }
    }

    private void attempt() {
        waiting = false;
        boolean again = true;
        while (again) {
            attempts++;
            Attempt attempt = new Attempt();
            current = attempt;
            again = attempt.endedAtOnce() && ended(attempt.error);
        }
    }

    /** An attempt has ended; true if the next one is to follow at once. */
    private boolean ended(@Nullable Throwable error) {
        if (error == null) {
            owner.done(this, outcome(Outcome.Status.PROCESSED, null));
            return false;
        }
        if (attempts >= owner.processOptions().attempts()) {
            deadLetter(error);
            return false;
        }
        Duration wait = owner.processOptions().backoff().after(attempts);
        if (wait.isZero()) {
            return true;
        }
        if (windingDown) {
            owner.abandoned(this);
            return false;
        }
        waiting = true;
        current = owner.events().after(wait, this::attemptAfterWait);
        return false;
    }

    private void attemptAfterWait() {
        if (waiting) {
            attempt();
        }
    }

    private void deadLetter(Throwable error) {
        current = owner.events()
                .call(
                        () -> owner.deadLetters()
                                .write(lane.partition(), batch, received.offset(), attempts, error)
                                .thenReturn(this),
                        owner.deadLetters().timeout(),
                        written -> owner.done(this, outcome(Outcome.Status.DEAD_LETTERED, error)),
                        failure -> owner.loop.fail(failure));
    }

    private Outcome outcome(Outcome.Status status, @Nullable Throwable error) {
        return new Outcome(lane.partition(), received.offset(), status, attempts, error);
    }

    @Override
    public boolean isSettled() {
        return false;
    }

    /** A wait between attempts ends here; what runs may come to its end. */
    @Override
    public void windDown() {
        windingDown = true;
        if (waiting) {
            dispose();
            owner.abandoned(this);
        }
    }

    @Override
    public void abandon() {
        dispose();
        owner.abandoned(this);
    }

    /** Cancels what is under way. */
    void dispose() {
        waiting = false;
        current.dispose();
    }

    /** One run of the handler. Its state is moved by the worker and by the thread the publisher ends on. */
    private final class Attempt implements CoreSubscriber<Object>, Disposable {

        /** The handler is being called; whoever comes first decides between the next two. */
        private static final int STARTING = 0;
        /** The worker went on; the end comes as an event. */
        private static final int LEFT_RUNNING = 1;

        private static final int ENDED = 2;
        private static final int CANCELLED = 3;

        @SuppressWarnings("rawtypes")
        private static final AtomicIntegerFieldUpdater<HandlerRun.Attempt> STATE =
                AtomicIntegerFieldUpdater.newUpdater(HandlerRun.Attempt.class, "state");

        // written before the state becomes ENDED
        private @Nullable Throwable error;
        private volatile int state;
        private volatile @Nullable Subscription subscription;

        /** Calls the handler; true if its publisher has ended in the meantime. */
        boolean endedAtOnce() {
            try {
                Publisher<?> publisher = owner.handler().apply(received);
                if (publisher == null) {
                    throw new IllegalStateException("the handler returned null for " + received
                            + "; where there is nothing to wait for it returns Mono.empty()");
                }
                publisher.subscribe(this);
            } catch (Throwable e) {
                Exceptions.throwIfJvmFatal(e);
                onError(e);
            }
            return !STATE.compareAndSet(this, STARTING, LEFT_RUNNING) && state == ENDED;
        }

        @Override
        public void onSubscribe(Subscription s) {
            if (Operators.validate(subscription, s)) {
                subscription = s;
                if (state == CANCELLED) {
                    s.cancel();
                } else {
                    s.request(Long.MAX_VALUE);
                }
            }
        }

        @Override
        public void onNext(Object ignored) {
            Operators.onDiscard(ignored, currentContext());
        }

        @Override
        public void onError(Throwable e) {
            if (!end(e)) {
                Operators.onErrorDropped(e, currentContext());
            }
        }

        @Override
        public void onComplete() {
            end(null);
        }

        /** False if it has ended or was cancelled before. */
        private boolean end(@Nullable Throwable e) {
            int now = state;
            while (now == STARTING || now == LEFT_RUNNING) {
                error = e;
                if (STATE.compareAndSet(this, now, ENDED)) {
                    if (now == LEFT_RUNNING) {
                        owner.events().execute(this::resume);
                    }
                    return true;
                }
                now = state;
            }
            return false;
        }

        private void resume() {
            if (current == this && !isDisposed() && ended(error)) {
                attempt();
            }
        }

        @Override
        public void dispose() {
            int before = STATE.getAndSet(this, CANCELLED);
            Subscription s = subscription;
            if (before != ENDED && s != null) {
                s.cancel();
            }
        }

        @Override
        public boolean isDisposed() {
            return state == CANCELLED;
        }

        @Override
        public Context currentContext() {
            return owner.actual.currentContext();
        }
    }
}
