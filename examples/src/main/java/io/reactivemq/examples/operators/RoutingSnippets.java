package io.reactivemq.examples.operators;

import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignors;
import io.reactivemq.assign.HotKeys;
import io.reactivemq.assign.Membership;
import io.reactivemq.assign.Partitioners;
import io.reactivemq.operator.ConsumerGroup;
import io.reactivemq.operator.Filters;
import io.reactivemq.operator.HeaderFilter;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowStrategy;
import io.reactivemq.operator.PartitionedFlux;
import io.reactivemq.operator.Routed;
import io.reactivemq.operator.Router;
import io.reactivemq.operator.RouterQueue;
import java.time.Duration;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The code in docs/operators.md about routing and groups. */
final class RoutingSnippets {

    record Order(String customerId, String routingKey) {}

    private RoutingSnippets() {}

    static void lanes(Flux<Order> orders) {
        // snippet: partitioned
        PartitionedFlux<Order> lanes = PartitionedFlux.by(orders, Order::customerId, 16);
        lanes.lanes().forEach(lane -> lane.concatMap(RoutingSnippets::bill).subscribe());
        lanes.connect();
        // end
    }

    static PartitionedFlux<Order> salted(Flux<Order> orders) {
        // snippet: partitioned-options
        PartitionedFlux<Order> lanes = PartitionedFlux.by(
                orders,
                Order::customerId,
                16,
                o -> o.overflow(OverflowStrategy.DROP_OLDEST, 1024)
                        .partitioner(Partitioners.salted(Partitioners.murmur2(), HotKeys.above(0.1), 4)));
        // end
        return lanes;
    }

    static void group(PartitionedFlux<Order> lanes) {
        // snippet: group
        ConsumerGroup<Order> group = lanes.group(Assignors.cooperativeSticky());
        group.assignments().subscribe(System.out::println);

        Disposable a =
                group.join("a", lane -> lane.concatMap(RoutingSnippets::bill)).subscribe();
        Disposable b =
                group.join("b", lane -> lane.concatMap(RoutingSnippets::bill)).subscribe();
        group.leave("a"); // its lanes finish what they have, and go on at "b"
        b.dispose(); // leaves at once
        // end
        a.dispose();
    }

    static Flux<Assignment> assigning(Flux<Membership> memberships) {
        // snippet: assigning
        Flux<Assignment> assignments = memberships.transform(ConsumerGroup.assigning(Assignors.cooperativeSticky()));
        // end
        return assignments;
    }

    static void router(Flux<Order> orders) {
        // snippet: router
        Router<Order, String> unknown = Router.fanout();
        Router<Order, String> router = Router.topic(Order::routingKey, o -> o.alternate(unknown));

        Flux<Order> europe = router.bind("orders.eu.#"); // bound while it is subscribed
        RouterQueue<Order> audit = router.queue("audit", Overflow.dropOldest(4096));
        Disposable binding = router.bind(audit, "orders.*.paid");

        europe.subscribe(order -> System.out.println("Europe: " + order));
        orders.transform(router::route)
                .filter(Routed::isUnroutable)
                .subscribe(returned -> System.out.println("nobody wants " + returned.element()));
        binding.dispose(); // at any time
        // end
    }

    static HeaderFilter filter() {
        // snippet: filters
        HeaderFilter filter = Filters.exact("region", "eu", "us")
                .and(Filters.numeric("price", n -> n.atLeast(100).below(500)));

        HeaderFilter same = Filters.parse("""
                {"region": ["eu", "us"], "price": [{"numeric": [">=", 100, "<", 500]}]}""");
        // end
        return filter.equals(same) ? filter : same;
    }

    private static Mono<Order> bill(Order order) {
        return Mono.just(order).delayElement(Duration.ofMillis(1));
    }
}
