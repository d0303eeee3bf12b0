package io.reactivemq.examples.rebalance;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.consume.Outcome;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Bills orders, one of as many instances as there is work for. They share the partitions of the topic: one that comes takes some over from the others, each when
 * its former owner has finished what it had in work and committed it; the partitions of one that leaves go to those that stay. Partitions that do not move go on
 * meanwhile.
 */
public final class Biller {

    /** Key is the customer, value the order. */
    public static final String ORDERS = "orders";

    private static final Duration LEAVE_TIMEOUT = Duration.ofSeconds(10);

    private final Receiver<String, String> receiver;
    private final Function<String, Mono<Void>> bill;

    /** @param bill bills an order, and completes when that is done */
    public Biller(Broker broker, Function<String, Mono<Void>> bill) {
        this.receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group("billers").topics(ORDERS)));
        this.bill = bill;
    }

    /** Bills until it leaves, the orders of a customer one after the other. */
    public Flux<Outcome> run() {
        return receiver.process(order -> bill.apply(Objects.requireNonNull(order.value(), "an empty order")));
    }

    /** The partitions it has: those of now, then each change. */
    public Flux<Set<TopicPartition>> partitions() {
        return receiver.assignments();
    }

    /** Finishes what is in work, commits it, and hands its partitions over. */
    public Mono<DrainReport> leave() {
        return receiver.drain(LEAVE_TIMEOUT);
    }
}
