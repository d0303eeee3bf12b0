package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import java.time.Duration;
import java.util.List;
import reactor.core.publisher.Mono;

/** The topic that takes the rows no member could handle. It is a topic like any other, and listed by reading it. */
final class DeadLetters {

    /** One will do: there are few, and this way they are in one order. */
    static final int PARTITIONS = 1;

    /** take() cancels, and what that begins takes a moment; only then may the broker be closed. */
    private static final Duration DRAIN_TIMEOUT = Duration.ofSeconds(5);

    private DeadLetters() {}

    static String topicOf(Rows rows) {
        return rows.topic() + ".dlq";
    }

    /** The first {@code count} entries. */
    static Mono<List<DeadLetter>> list(Broker broker, Rows rows, long count) {
        Receiver<String, String> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.topics(topicOf(rows)).clientId("dead-letters")));
        return receiver.receiveAutoAck()
                .take(count)
                .map(DeadLetter::of)
                .collectList()
                .flatMap(letters -> receiver.drain(DRAIN_TIMEOUT).thenReturn(letters));
    }
}
