package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import java.time.Duration;
import reactor.core.publisher.Mono;

/**
 * Reads a topic from its beginning, with a cursor of its own, and comes to figures anew.
 *
 * @param delivered all rows, by the record's key
 * @param handled the rows that are in order, by key
 * @param time from the first to the last
 */
record Replay(Totals delivered, Totals handled, Duration time) {

    /** take() cancels, and what that begins takes a moment; only then may the broker be closed. */
    private static final Duration DRAIN_TIMEOUT = Duration.ofSeconds(5);

    /** Replays the first {@code count} rows. */
    static Mono<Replay> of(Broker broker, Rows rows, long count) {
        return Mono.defer(() -> {
            Totals delivered = new Totals();
            Totals handled = new Totals();
            Stopwatch stopwatch = new Stopwatch(broker.runtime());
            Receiver<String, String> receiver = Receiver.on(
                    broker,
                    ReceiverOptions.of(
                            Serdes.string(),
                            Serdes.string(),
                            o -> o.topics(rows.topic()).clientId("replay")));
            return receiver.receiveAutoAck()
                    .take(count)
                    .doOnNext(record -> {
                        stopwatch.tick();
                        add(rows, record, delivered, handled);
                    })
                    .then(receiver.drain(DRAIN_TIMEOUT))
                    .map(drained -> new Replay(delivered, handled, stopwatch.time()));
        });
    }

    private static void add(Rows rows, ReceiverRecord<String, String> record, Totals delivered, Totals handled) {
        String text = Member.textOf(record);
        delivered.add(record.key(), text, 0);
        try {
            Sample sample = rows.read(text);
            handled.add(sample.key(), text, sample.delayMinutes());
        } catch (IllegalArgumentException damaged) {
            // counted in delivered only, as the plain loop does
        }
    }
}
