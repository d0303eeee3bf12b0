package io.reactivemq.consume;

import io.micrometer.observation.ObservationRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.metrics.ReceiverMeters;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.Exceptions;

/**
 * Runs a handler for each record and emits how it went. A record is started only if there is demand for its outcome besides those of
 * the records that are running, so that an outcome never has to wait; one between attempts is not running, so that whatever backs off
 * holds up nobody else.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxProcess<K, V> extends FluxOutput<K, V, Outcome> {

    private final Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler;
    private final ProcessOptions processOptions;
    private final @Nullable RetryTopics retryTopics;

    FluxProcess(
            Broker broker,
            ReceiverOptions<K, V> options,
            Subscriptions subscriptions,
            Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler,
            ProcessOptions processOptions) {
        super(broker, options, subscriptions);
        this.handler = handler;
        this.processOptions = processOptions;
        this.retryTopics = retryTopics(options, processOptions.retry());
    }

    private static @Nullable RetryTopics retryTopics(ReceiverOptions<?, ?> options, RetryPolicy policy) {
        Duration budget = policy.budget();
        if (options.group() != null && budget.compareTo(options.maxPollInterval()) >= 0) {
            throw new IllegalArgumentException(policy + " may wait " + budget
                    + " for one record in place, and that must be less than maxPollInterval, which is "
                    + options.maxPollInterval() + ": fewer or shorter waits, or RetryPolicy.thenAfter(..)");
        }
        if (policy.delays().isEmpty()) {
            return null;
        }
        String group = options.group();
        if (group == null || options.topics().isEmpty()) {
            throw new IllegalArgumentException(policy + " needs a group and topics given by name, and this is "
                    + options + ": o.group(..).topics(..), or attempts in place alone, RetryPolicy.backoff(..)");
        }
        return new RetryTopics(options.topics(), group, policy.delays());
    }

    @Override
    OutputSubscription<Outcome> open(CoreSubscriber<? super Outcome> actual) {
        return new ProcessSubscription<>(actual, this);
    }

    static final class ProcessSubscription<K, V> extends OutputSubscription<Outcome> {

        /** Records started in a row. */
        private static final int SLICE = 256;

        private final MqRuntime runtime;
        private final RecordReader<K, V> reader;
        private final Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler;
        private final ReceiverOptions<K, V> options;
        private final ProcessOptions processOptions;
        private final RecordMover mover;
        private final @Nullable RetryTopics retryTopics;
        private final int waitingMax;

        // have their turn, and wait for room
        private final ArrayDeque<HandlerRun<K, V>> startable = new ArrayDeque<>();
        // Invariant: running <= requested, running <= concurrency
        private int running;
        // taken and not running: behind their key, between attempts, startable
        private int waiting;

        ProcessSubscription(CoreSubscriber<? super Outcome> actual, FluxProcess<K, V> source) {
            super(
                    actual,
                    source.broker,
                    source.options,
                    source.retryTopics == null ? Set.of() : source.retryTopics.names(),
                    source.subscriptions);
            this.runtime = source.broker.runtime();
            this.reader = new RecordReader<>(source.options, true);
            this.handler = source.handler;
            this.options = source.options;
            this.processOptions = source.processOptions;
            this.mover = new RecordMover(source.broker, source.options, processOptions);
            this.retryTopics = source.retryTopics;
            this.waitingMax = processOptions.order() == ProcessOptions.Order.PARTITION
                    ? Integer.MAX_VALUE
                    : processOptions.maxWaiting();
        }

        Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler() {
            return handler;
        }

        ProcessOptions processOptions() {
            return processOptions;
        }

        RecordMover mover() {
            return mover;
        }

        @Nullable RetryTopics retryTopics() {
            return retryTopics;
        }

        EventLoop events() {
            return loop.events();
        }

        long nanoTime() {
            return runtime.nanoTime();
        }

        long timeMillis() {
            return runtime.currentTimeMillis();
        }

        RandomGenerator random() {
            return runtime.random();
        }

        @Nullable RecordObservation observe(ReceiverRecord<K, V> received) {
            ObservationRegistry registry = processOptions.observations();
            return registry == null ? null : RecordObservation.start(registry, received, options.group());
        }

        @Override
        public int inFlightMax() {
            return processOptions.order() == ProcessOptions.Order.PARTITION ? 1 : options.maxInFlight();
        }

        @Override
        public void begun(PartitionLane lane) {
            lane.work = new LaneRuns<>(this, inFlightMax());
        }

        @Override
        public void moving(PartitionLane lane) {
            runsOf(lane).abandon();
        }

        @SuppressWarnings("unchecked") // set by begun
        private LaneRuns<K, V> runsOf(PartitionLane lane) {
            return (LaneRuns<K, V>) Objects.requireNonNull(lane.work, "work");
        }

        private boolean hasRoom() {
            return running < requested() && running < processOptions.concurrency();
        }

        @Override
        public boolean wantsRecords() {
            return hasRoom() && waiting < waitingMax;
        }

        @Override
        public boolean emit() {
            int started = 0;
            while (started < SLICE && hasRoom() && !(started > 0 && loop.isWaitedFor())) {
                HandlerRun<K, V> run = nextStartable();
                if (run == null) {
                    run = take();
                }
                if (run == null) {
                    break;
                }
                running++;
                started++;
                run.start();
            }
            return started > 0;
        }

        private @Nullable HandlerRun<K, V> nextStartable() {
            for (HandlerRun<K, V> run = startable.poll(); run != null; run = startable.poll()) {
                if (run.phase() == HandlerRun.Phase.WAITING) {
                    waiting--;
                    return run;
                }
            }
            return null;
        }

        /** Takes records of the lanes, one of each in turn, until there is one that waits for none; null if there is no such one. */
        private @Nullable HandlerRun<K, V> take() {
            while (waiting < waitingMax) {
                PartitionLane lane = loop.nextReady();
                if (lane == null) {
                    return null;
                }
                LaneRuns<K, V> runs = runsOf(lane);
                if (!runs.hasRoom()
                        || !lane.next()
                        || !lane.window().hasRoom(lane.cursor().offset())
                        || !isDue(lane)) {
                    // the end of a record brings it back, or its time
                    loop.served(lane, false);
                    continue;
                }
                HandlerRun<K, V> run = newRun(lane);
                lane.take(run.offset());
                boolean startsNow = runs.add(run);
                loop.served(lane, runs.hasRoom());
                if (startsNow) {
                    return run;
                }
                waiting++;
            }
            return null;
        }

        private boolean isDue(PartitionLane lane) {
            if (retryTopics == null || !retryTopics.contains(lane.partition().topic())) {
                return true;
            }
            long wait = RetryHeaders.due(lane.cursor().headers()) - runtime.currentTimeMillis();
            // anybody can write such a header: what would wait longer, whatever the clocks, is no retry of this group
            long waitMax = 2 * retryTopics.delayOf(lane.partition().topic()).toMillis();
            if (wait <= 0 || wait > waitMax) {
                return true;
            }
            loop.pause(lane, PauseReason.RETRY);
            Disposable unused = events().after(Duration.ofMillis(wait), () -> loop.unpause(lane, PauseReason.RETRY));
            return false;
        }

        private HandlerRun<K, V> newRun(PartitionLane lane) {
            ReceiverRecord<K, V> received = reader.read(lane);
            Object key = null;
            Throwable unusable = null;
            if (processOptions.order() == ProcessOptions.Order.KEY) {
                try {
                    key = keyOf(lane, received);
                } catch (Throwable e) {
                    Exceptions.throwIfJvmFatal(e);
                    unusable = e;
                }
            }
            return new HandlerRun<>(this, lane, received, lane.batch(), key, unusable);
        }

        private @Nullable Object keyOf(PartitionLane lane, ReceiverRecord<K, V> received) {
            Function<? super ReceiverRecord<?, ?>, ?> keyOf = processOptions.keyOf();
            if (keyOf != null) {
                return keyOf.apply(received);
            }
            ByteBuffer bytes = lane.cursor().key();
            // the cursor uses its buffer again
            return bytes == null
                    ? null
                    : ByteBuffer.allocate(bytes.remaining()).put(bytes).flip();
        }

        /** The record will be attempted again after a wait. */
        void backsOff(HandlerRun<K, V> run) {
            running--;
            waiting++;
        }

        /** The record's wait is over. */
        void startable(HandlerRun<K, V> run) {
            startable.add(run);
        }

        /** The record has come to its end, and is acknowledged. */
        void done(HandlerRun<K, V> run, Outcome outcome) {
            switch (outcome.status()) {
                case PROCESSED -> {}
                case RETRY_LATER -> retried();
                case DEAD_LETTERED -> deadLettered();
            }
            running--;
            leave(run);
            run.window().acknowledge(run.offset());
            actual.onNext(outcome);
            produced(1);
            loop.served(run.lane(), true);
        }

        /** An attempt has failed and will be repeated. */
        void retried() {
            ReceiverMeters meters = loop.meters();
            if (meters != null) {
                meters.retried();
            }
        }

        private void deadLettered() {
            ReceiverMeters meters = loop.meters();
            if (meters != null) {
                meters.deadLettered();
            }
        }

        private void leave(HandlerRun<K, V> run) {
            HandlerRun<K, V> next = runsOf(run.lane()).remove(run);
            if (next != null) {
                startable.add(next);
            }
        }

        /** The record runs, will not come to its end here, and is delivered again. */
        void giveUp(HandlerRun<K, V> run) {
            leave(run);
            abandoned(run);
        }

        /** The same, where its lane has let go of it already; it may be in any phase. */
        void abandoned(HandlerRun<K, V> run) {
            if (run.phase() == HandlerRun.Phase.RUNNING) {
                running--;
            } else {
                waiting--;
            }
            run.dispose();
        }
    }
}
