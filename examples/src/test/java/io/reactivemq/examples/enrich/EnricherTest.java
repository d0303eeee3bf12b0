package io.reactivemq.examples.enrich;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@Tag("files")
class EnricherTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
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

    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "Reactor's Retry reports an error that its filter refuses as one of the operator it is made of")
    @Test
    @DisplayName("M07 an enricher whose place another one of its name has taken ends, and does not come back")
    void fenced(@TempDir Path directory) {
        EmbeddedBroker broker = opened(directory);
        broker.createTopic(NewTopic.of(Enricher.ORDERS, 3)).block(LIMIT);
        broker.createTopic(NewTopic.of(Enricher.ENRICHED, 2)).block(LIMIT);
        Disposable orders = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .send(Flux.interval(Duration.ofMillis(5))
                        .onBackpressureDrop()
                        .map(n -> SenderRecord.of(Enricher.ORDERS, "customer-" + n % 17, "order " + n)))
                .subscribe();
        Sinks.Empty<Void> begun = Sinks.empty();
        Mono<Throwable> ended = new Enricher(broker, "enricher-1", Mono::just)
                .run()
                .doOnNext(result -> begun.tryEmitEmpty())
                .then(Mono.<Throwable>empty())
                .onErrorResume(Mono::just)
                .cache();
        Disposable former = ended.subscribe();
        begun.asMono().block(LIMIT);
        Disposable next = new Enricher(broker, "enricher-1", Mono::just).run().subscribe();

        assertThat(ended.block(LIMIT))
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode())
                                .isIn(ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH));
        next.dispose();
        former.dispose();
        orders.dispose();
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
