package io.reactivemq.examples.operators;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.operator.EmitOutcome;
import io.reactivemq.operator.Overflow;
import io.reactivemq.operator.OverflowSink;
import io.reactivemq.operator.OverflowStrategy;
import java.time.Duration;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Scheduler;

/** The code in docs/operators.md about overflow. */
final class OverflowSnippets {

    record Tick(String symbol, double price) {}

    record Order(String customerId, long cents) {}

    private OverflowSnippets() {}

    static Flux<Tick> latest(Flux<Tick> ticks) {
        // snippet: drop-oldest
        Flux<Tick> latest = ticks.transform(Overflow.dropOldest(4096));
        // end
        return latest;
    }

    static Flux<Tick> first(Flux<Tick> ticks, MeterRegistry registry, BufferDepth depth) {
        // snippet: drop-newest
        Flux<Tick> first = ticks.transform(Overflow.dropNewest(
                4096,
                o -> o.name("ticks")
                        .onDropped(tick -> System.out.println("no room for " + tick))
                        .meterRegistry(registry)
                        .depth(depth)));
        // end
        return first;
    }

    static Flux<Order> held(Flux<Order> orders) {
        // snippet: block
        Flux<Order> held = orders.transform(Overflow.block(4096));
        // end
        return held;
    }

    static Flux<Order> all(Flux<Order> orders) {
        // snippet: error
        Flux<Order> all = orders.transform(Overflow.error(4096));
        // end
        return all;
    }

    static Flux<Tick> prices(Flux<Tick> ticks) {
        // snippet: conflate
        Flux<Tick> prices = ticks.transform(Overflow.conflate(Tick::symbol, 1000));
        // end
        return prices;
    }

    static EmitOutcome emit(Tick tick, Scheduler consumers) {
        // snippet: sink
        OverflowSink<Tick> hot =
                Overflow.sink(4096, o -> o.strategy(OverflowStrategy.BLOCK).emitOn(consumers));
        hot.asFlux().subscribe(System.out::println);

        EmitOutcome outcome = hot.emit(tick, Duration.ofMillis(100)); // from any number of threads
        if (outcome == EmitOutcome.TIMED_OUT) {
            System.out.println("still no room for " + tick);
        }
        // end
        return outcome;
    }
}
