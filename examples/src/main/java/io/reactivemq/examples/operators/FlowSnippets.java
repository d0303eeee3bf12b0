package io.reactivemq.examples.operators;

import io.reactivemq.Serde;
import io.reactivemq.operator.Autoscale;
import io.reactivemq.operator.Batch;
import io.reactivemq.operator.Idempotent;
import io.reactivemq.operator.IdempotentStore;
import io.reactivemq.operator.KeyOrdered;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowStrategy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** The code in docs/operators.md about spilling, order, duplicates, batches and scaling. */
final class FlowSnippets {

    record Order(String id, String customerId) {}

    record Receipt(String orderId) {}

    private FlowSnippets() {}

    static Flux<Order> spill(Flux<Order> orders, Path directory, Serde<Order> serde) {
        // snippet: spill
        Flux<Order> all = orders.transform(Overflow.spillToDisk(
                directory,
                serde,
                4096,
                o -> o.maxBytes(10L << 30).whenFull(OverflowStrategy.BLOCK).recoverOnSubscribe()));
        // end
        return all;
    }

    static Flux<Receipt> keyOrdered(Flux<Order> orders) {
        // snippet: key-ordered
        Flux<Receipt> receipts = orders.transform(KeyOrdered.flatMap(
                Order::customerId,
                FlowSnippets::charge,
                64,
                o -> o.maxWaiting(4096).retry(Retry.backoff(5, Duration.ofMillis(200)))));
        // end
        return receipts;
    }

    static Flux<Order> once(Flux<Order> orders) {
        // snippet: idempotent
        Flux<Order> once = orders.transform(Idempotent.by(Order::id, 100_000, o -> o.within(Duration.ofMinutes(5))));
        // end
        return once;
    }

    static Flux<Receipt> chargedOnce(Flux<Order> orders, IdempotentStore<String> store) {
        // snippet: idempotent-effect
        Flux<Receipt> receipts = orders.transform(Idempotent.apply(Order::id, store, FlowSnippets::charge, 64));
        // end
        return receipts;
    }

    static Flux<List<Order>> batches(Flux<Order> orders) {
        // snippet: batch
        Flux<List<Order>> batches = orders.transform(Batch.bySizeOrTime(500, Duration.ofMillis(20)));
        // end
        return batches;
    }

    static Flux<Integer> members(Flux<Autoscale.Load> loads) {
        // snippet: autoscale
        Flux<Integer> members = loads.transform(Autoscale.signal(2, 50, o -> o.timeToEmpty(Duration.ofSeconds(30))));
        // end
        return members;
    }

    private static Mono<Receipt> charge(Order order) {
        return Mono.just(new Receipt(order.id()));
    }
}
