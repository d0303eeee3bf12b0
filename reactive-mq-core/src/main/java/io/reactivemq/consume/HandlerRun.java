package io.reactivemq.consume;

import io.reactivemq.record.RecordBatch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * One record on its way: attempt, wait, attempt, ..., and after the last one a retry topic or the dead letter. Owned by the worker; the
 * handler's publisher ends on any thread.
 *
 * <pre>
 *   WAITING --start--&gt; RUNNING --failed, a wait follows--&gt; BACKING_OFF --the wait is over--&gt; WAITING
 *                      RUNNING --done, dead-lettered, put off--&gt; ENDED      (also from each, when it is given up)
 * </pre>
 *
 * @param <K> the type of the key
 * @param <V> the type of the value
 */
final class HandlerRun<K, V> {

    enum Phase {
        /** For its turn: a record before it, or room. */
        WAITING,
        /** The handler runs, or the record is being moved. */
        RUNNING,
        /** Between attempts. */
        BACKING_OFF,
        ENDED
    }

    private final FluxProcess.ProcessSubscription<K, V> owner;
    private final PartitionLane lane;
    private final AckWindow window;
    private final ReceiverRecord<K, V> received;
    private final RecordBatch batch;
    private final @Nullable Object key;

    private Phase phase = Phase.WAITING;
    // where it was before it came to this retry topic
    private final RetryHeaders.@Nullable Origin cameFrom;
    // attempts in other topics, before this one
    private final int attemptsBefore;
    private int attempts;
    private List<FailedAttempt> failures = List.of();
    // why it goes to the dead-letter topic without an attempt
    private @Nullable Throwable unusable;
    private long attemptStartedAt;
    // the attempt, the wait or the move that is under way
    private Disposable current = Disposables.disposed();
    private boolean windingDown;
    private @Nullable RecordObservation observation;

    HandlerRun(
            FluxProcess.ProcessSubscription<K, V> owner,
            PartitionLane lane,
            ReceiverRecord<K, V> received,
            RecordBatch batch,
            @Nullable Object key,
            @Nullable Throwable unusable) {
        this.owner = owner;
        this.lane = lane;
        this.window = lane.window();
        this.received = received;
        this.batch = batch;
        this.key = key;
        this.unusable = unusable;
        RetryTopics topics = owner.retryTopics();
        this.cameFrom = topics == null ? null : topics.originOf(received.topic(), received.headers());
        this.attemptsBefore = cameFrom == null ? 0 : RetryHeaders.attempts(received.headers());
    }

    /** Where the record was first, before it came through retry topics. */
    RetryHeaders.Origin origin() {
        return cameFrom == null
                ? new RetryHeaders.Origin(lane.partition(), offset(), received.timestampMs())
                : cameFrom;
    }

    PartitionLane lane() {
        return lane;
    }

    AckWindow window() {
        return window;
    }

    long offset() {
        return received.offset();
    }

    /** What it is ordered by; null for nothing. */
    @Nullable Object key() {
        return key;
    }

    Phase phase() {
        return phase;
    }

    ReceiverRecord<K, V> received() {
        return received;
    }

    RecordBatch batch() {
        return batch;
    }

    /** How often its handler ran, in other topics too. */
    int attempts() {
        return attemptsBefore + attempts;
    }

    List<FailedAttempt> failures() {
        return failures;
    }

    /** When the attempt began that is under way, by the runtime's nanoTime. */
    long attemptStartedAt() {
        return attemptStartedAt;
    }

    ReceiverHealth.StalledRecord asStalled(long now) {
        return new ReceiverHealth.StalledRecord(
                offset(), received.keyOrNull(), attempts(), Duration.ofNanos(now - attemptStartedAt));
    }

    /** It has its turn: attempts it. */
    void start() {
        phase = Phase.RUNNING;
        if (unusable == null) {
            unusable = received.undecodable();
        }
        if (unusable != null) {
            attemptStartedAt = owner.nanoTime();
            deadLetter(unusable);
            return;
        }
        if (observation == null) {
            observation = owner.observe(received);
        }
        boolean again = true;
        while (again) {
            attempts++;
            attemptStartedAt = owner.nanoTime();
            Attempt attempt = new Attempt();
            current = attempt;
            again = attempt.endedAtOnce() && ended(attempt.error);
        }
    }

    /** An attempt has ended; true if the next one is to follow at once. */
    private boolean ended(@Nullable Throwable error) {
        if (error == null) {
            end(Outcome.Status.PROCESSED, null);
            return false;
        }
        if (failures.isEmpty()) {
            failures = new ArrayList<>();
        }
        failures.add(FailedAttempt.of(attempts(), owner.timeMillis(), error));
        RetryPolicy policy = owner.processOptions().retry();
        boolean worthIt;
        try {
            worthIt = policy.isWorthIt(error);
        } catch (Throwable e) {
            Exceptions.throwIfJvmFatal(e);
            error.addSuppressed(e);
            worthIt = false;
        }
        if (!worthIt) {
            deadLetter(error);
            return false;
        }
        if (attempts > policy.retries()) {
            afterTheLast(error);
            return false;
        }
        Duration wait = policy.waitAfter(attempts, owner.random());
        if (wait.isZero()) {
            owner.retried();
            return true;
        }
        if (windingDown) {
            owner.giveUp(this);
            return false;
        }
        phase = Phase.BACKING_OFF;
        owner.retried();
        owner.backsOff(this);
        current = owner.events().after(wait, () -> {
            phase = Phase.WAITING;
            owner.startable(this);
        });
        return false;
    }

    private void afterTheLast(Throwable error) {
        RetryTopics topics = owner.retryTopics();
        int stage = topics == null ? -1 : topics.stageAfter(lane.partition().topic());
        if (topics == null || stage < 0) {
            deadLetter(error);
            return;
        }
        move(() -> owner.mover().putOff(this, topics, stage), Outcome.Status.RETRY_LATER, error);
    }

    private void deadLetter(Throwable error) {
        move(() -> owner.mover().deadLetter(this, error), Outcome.Status.DEAD_LETTERED, error);
    }

    private void move(Supplier<Mono<Void>> write, Outcome.Status status, Throwable error) {
        current = owner.events()
                .call(
                        () -> write.get().thenReturn(this),
                        owner.mover().timeout(),
                        written -> end(status, error),
                        failure -> owner.loop.fail(failure));
    }

    private void end(Outcome.Status status, @Nullable Throwable error) {
        phase = Phase.ENDED;
        if (observation != null) {
            observation.stop(error);
        }
        owner.done(this, new Outcome(lane.partition(), received.offset(), status, attempts(), error));
    }

    /** What runs may come to its end; false where nothing does. */
    boolean windDown() {
        windingDown = true;
        return phase == Phase.RUNNING;
    }

    /** Cancels what is under way. */
    void dispose() {
        phase = Phase.ENDED;
        current.dispose();
        if (observation != null) {
            observation.stop(null);
        }
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
                start();
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
            Context context = received.trace(owner.actual.currentContext());
            return observation == null ? context : observation.in(context);
        }
    }
}
