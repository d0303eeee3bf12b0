package io.reactivemq.examples.demo;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The topic that takes the rows no member could handle. It is a topic like any other, and listed by reading it. */
final class DeadLetters {

    /** One will do: there are few, and this way they are in one order. */
    static final int PARTITIONS = 1;

    private DeadLetters() {}

    static String topicOf(Rows rows) {
        return rows.topic() + ".dlq";
    }

    /** The first {@code count} entries. */
    static Mono<List<DeadLetter>> list(Broker broker, Rows rows, long count) {
        return Flux.defer(() -> Receiver.on(
                                broker,
                                ReceiverOptions.of(
                                        Serdes.string(),
                                        Serdes.string(),
                                        o -> o.topics(topicOf(rows)).clientId("dead-letters")))
                        .receiveAutoAck())
                .take(count)
                .map(DeadLetter::of)
                .collectList();
    }
}
