package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import java.time.Duration;
import java.util.function.Consumer;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;

/** The group {@code audit}: one member that reads everything, damaged rows too, and has a cursor that no other group moves. */
final class Audit {

    static final String GROUP = "audit";

    private final Receiver<String, String> receiver;
    private final Totals totals = new Totals();
    private final Stopwatch stopwatch;
    private volatile long rows;
    private Disposable subscription = Disposables.disposed();

    Audit(Broker broker, Rows rows) {
        stopwatch = new Stopwatch(broker.runtime());
        receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group(GROUP).topics(rows.topic()).clientId(GROUP)));
    }

    void start(Consumer<Throwable> onError) {
        subscription = receiver.receiveAutoAck().subscribe(this::add, onError);
    }

    /** Called by the receiver's worker, one record after the other. */
    private void add(ReceiverRecord<String, String> record) {
        totals.add(record.key(), Member.textOf(record), 0);
        stopwatch.tick();
        rows = totals.rows();
    }

    /** How many rows it has read. */
    long rows() {
        return rows;
    }

    /** Leaves the group; after that {@link #totals} and {@link #time} may be read. */
    Mono<DrainReport> stop(Duration timeout) {
        return receiver.drain(timeout);
    }

    Totals totals() {
        return totals;
    }

    /** From its first row to its last. */
    Duration time() {
        return stopwatch.time();
    }

    void dispose() {
        subscription.dispose();
    }
}
