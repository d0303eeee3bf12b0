package io.reactivemq.consume;

import io.reactivemq.broker.Broker;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;

/**
 * Runs a handler for each record, one at a time of a lane, and emits how it went. A record is started only if there is
 * demand for its outcome besides those of the records that are running, so that an outcome never has to wait.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class FluxProcess<K, V> extends Flux<Outcome> {

    private final Broker broker;
    private final ReceiverOptions<K, V> options;
    private final Subscriptions subscriptions;
    private final Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler;
    private final ProcessOptions processOptions;

    FluxProcess(
            Broker broker,
            ReceiverOptions<K, V> options,
            Subscriptions subscriptions,
            Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler,
            ProcessOptions processOptions) {
        this.broker = broker;
        this.options = options;
        this.subscriptions = subscriptions;
        this.handler = handler;
        this.processOptions = processOptions;
    }

    @Override
    public void subscribe(CoreSubscriber<? super Outcome> actual) {
        new ProcessSubscription<>(actual, this).begin(options, subscriptions);
    }

    static final class ProcessSubscription<K, V> extends OutputSubscription<Outcome> {

        /** Records started in a row. */
        private static final int SLICE = 256;

        private final RecordReader<K, V> reader;
        private final Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler;
        private final ProcessOptions processOptions;
        private final DeadLetterWriter deadLetters;

        // Invariant: running <= requested
        private int running;

        ProcessSubscription(CoreSubscriber<? super Outcome> actual, FluxProcess<K, V> source) {
            super(actual, source.broker, source.options, source.subscriptions);
            this.reader = new RecordReader<>(source.options, true);
            this.handler = source.handler;
            this.processOptions = source.processOptions;
            this.deadLetters = new DeadLetterWriter(source.broker, source.options, processOptions);
        }

        Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler() {
            return handler;
        }

        ProcessOptions processOptions() {
            return processOptions;
        }

        DeadLetterWriter deadLetters() {
            return deadLetters;
        }

        EventLoop events() {
            return loop.events();
        }

        @Override
        public int inFlightMax() {
            return 1;
        }

        @Override
        public boolean wantsRecords() {
            return requested() > running;
        }

        @Override
        public boolean emit() {
            int started = 0;
            while (started < SLICE && wantsRecords() && !(started > 0 && loop.isWaitedFor())) {
                PartitionLane lane = loop.nextReady();
                if (lane == null) {
                    break;
                }
                if (lane.work == null && lane.next()) {
                    start(lane);
                    started++;
                }
                loop.served(lane, lane.work == null);
            }
            return started > 0;
        }

        private void start(PartitionLane lane) {
            HandlerRun<K, V> run = new HandlerRun<>(this, lane, reader.read(lane), lane.batch());
            lane.take(run.offset());
            lane.work = run;
            running++;
            run.start();
        }

        /** The record has come to its end, and is acknowledged. */
        void done(HandlerRun<K, V> run, Outcome outcome) {
            PartitionLane lane = run.lane();
            leave(lane);
            lane.window().acknowledgeAll();
            actual.onNext(outcome);
            produced(1);
            loop.served(lane, true);
        }

        /** The record will not come to its end here, and is delivered again. */
        void abandoned(HandlerRun<K, V> run) {
            leave(run.lane());
        }

        private void leave(PartitionLane lane) {
            lane.work = null;
            running--;
        }
    }
}
