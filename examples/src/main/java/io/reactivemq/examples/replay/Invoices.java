package io.reactivemq.examples.replay;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongUnaryOperator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Computes the tax of orders. Each result is stored under its order, so that an order that is handled again replaces what was
 * there: that is what makes a replay safe. When a release has computed nonsense since a certain time, the fixed one goes back to that
 * time, and the orders of before are left alone.
 */
public final class Invoices {

    /** The topic of orders: key is the order's id, value its amount in cents. */
    public static final String TOPIC = "orders";

    private final Receiver<String, Long> receiver;
    private final LongUnaryOperator tax;
    private final Map<String, Long> taxOfOrder;

    /**
     * @param tax what this release computes
     * @param taxOfOrder where results are stored, over releases
     */
    public Invoices(Broker broker, LongUnaryOperator tax, Map<String, Long> taxOfOrder) {
        this.receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.longNumber(),
                        o -> o.group("invoices").topics(TOPIC)));
        this.tax = tax;
        this.taxOfOrder = taxOfOrder;
    }

    /** A store in memory. */
    public static Map<String, Long> newStore() {
        return new ConcurrentHashMap<>();
    }

    /** Handles orders until it is stopped, each partition's in order. */
    public Flux<Outcome> run() {
        return receiver.process(order -> Mono.fromRunnable(() -> taxOfOrder.put(
                Objects.requireNonNull(order.key(), "order without an id"),
                tax.applyAsLong(Objects.requireNonNull(order.value(), "order without an amount")))));
    }

    /** Goes back, while it runs, to the first order at or after that time. */
    public Mono<Void> replaySince(long timestampMs) {
        return receiver.assignments()
                .filter(partitions -> !partitions.isEmpty())
                .next()
                .then(receiver.seek(OffsetSpec.atOrAfter(timestampMs)));
    }

    /** How many orders of each partition are still to be handled. */
    public Mono<Map<TopicPartition, Long>> lag() {
        return receiver.lag();
    }

    /** Ends in good order. */
    public Mono<Void> stop() {
        return receiver.drain(Duration.ofSeconds(5)).then();
    }
}
