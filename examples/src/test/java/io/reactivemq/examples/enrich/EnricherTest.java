package io.reactivemq.examples.enrich;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

class EnricherTest {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int ORDERS = 400;

    @Test
    @DisplayName(
            "M07 K12 orders are enriched exactly once, though look-ups fail, the enricher is cancelled and the broker is opened anew")
    void exactlyOnce(@TempDir Path directory) {
        AtomicInteger lookups = new AtomicInteger();
        EmbeddedBroker broker = opened(directory);
        broker.createTopic(NewTopic.of(Enricher.ORDERS, 3)).block(LIMIT);
        broker.createTopic(NewTopic.of(Enricher.ENRICHED, 2)).block(LIMIT);
        Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .send(Flux.range(0, ORDERS)
                        .map(n -> SenderRecord.of(Enricher.ORDERS, "customer-" + n % 17, "order " + n)))
                .doOnNext(result -> assertThat(result.offset()).isNotNegative())
                .blockLast(LIMIT);

        enricher(broker, lookups).run().take(60).blockLast(LIMIT); // cancelled with transactions under way
        broker.closeGracefully(LIMIT).block(LIMIT);
        broker = opened(directory);
        EmbeddedBroker reopened = broker;
        List<String> enriched = Objects.requireNonNull(enricher(broker, lookups)
                .run()
                .then(Mono.<List<String>>empty())
                .or(Mono.defer(() -> committed(reopened)))
                .block(LIMIT));

        assertThat(enriched)
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, ORDERS)
                        .mapToObj(n -> "order " + n + " for the customer called customer-" + n % 17)
                        .toList());
        assertThat(lookups.get()).as("some orders were read again").isGreaterThan(ORDERS);
        broker.closeGracefully(LIMIT).block(LIMIT);
    }

    private static EmbeddedBroker opened(Path directory) {
        return EmbeddedBroker.openNow(directory, LIMIT, options -> {});
    }

    /** Each 137th look-up fails. */
    private static Enricher enricher(EmbeddedBroker broker, AtomicInteger lookups) {
        return new Enricher(broker, "enricher-1", customer -> {
            if (lookups.incrementAndGet() % 137 == 0) {
                return Mono.create(sink -> sink.error(new IllegalStateException("planted: who is " + customer + "?")));
            }
            return Mono.just("the customer called " + customer);
        });
    }

    /** What a reader of committed records gets: the first of as many as there are orders. */
    private static Mono<List<String>> committed(EmbeddedBroker broker) {
        return Receiver.on(
                        broker,
                        ReceiverOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.topics(Enricher.ENRICHED).isolation(IsolationLevel.READ_COMMITTED)))
                .receiveAutoAck()
                .map(record -> String.valueOf(record.value()))
                .take(ORDERS)
                .collectList();
    }
}
