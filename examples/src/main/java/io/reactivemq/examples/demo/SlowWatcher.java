package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.operator.Overflow;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/**
 * A pub-sub subscriber, as a live display would be: a cursor of its own, no group. It is slow on purpose, and rather than hold
 * anybody up it lets the oldest of what it has not yet shown go.
 */
final class SlowWatcher {

    private static final int BUFFER = 256;
    private static final Duration TIME_FOR_ONE = Duration.ofMillis(2);

    private final Broker broker;
    private final Receiver<String, String> receiver;
    private final AtomicLong seen = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private Disposable subscription = Disposables.disposed();

    SlowWatcher(Broker broker, Rows rows) {
        this.broker = broker;
        receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.topics(rows.topic()).clientId("watcher")));
    }

    void start(Consumer<Throwable> onError) {
        subscription = receiver.receiveAutoAck()
                .transform(
                        Overflow.dropOldest(BUFFER, o -> o.name("watcher").onDropped(r -> dropped.incrementAndGet())))
                .concatMap(
                        record -> Mono.delay(TIME_FOR_ONE, broker.runtime().timers())
                                .thenReturn(record),
                        1)
                .subscribe(record -> seen.incrementAndGet(), onError);
    }

    long seen() {
        return seen.get();
    }

    /** How many it let go. */
    long dropped() {
        return dropped.get();
    }

    /** Stops watching; done when its last request to the broker is over. */
    Mono<DrainReport> stop(Duration timeout) {
        return Mono.defer(() -> {
            subscription.dispose();
            return receiver.drain(timeout);
        });
    }

    void dispose() {
        subscription.dispose();
    }
}
