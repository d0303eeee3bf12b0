package io.reactivemq.examples.members;

import io.reactivemq.MqRuntime;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignors;
import io.reactivemq.examples.cli.UnfinishedException;
import io.reactivemq.operator.ConsumerGroup;
import io.reactivemq.operator.PartitionedFlux;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;

/**
 * Orders flow through lanes by customer, and six times somebody joins, leaves, or is killed. Who leaves finishes what it was handed; who is killed
 * abandons it, and that is all that is lost.
 */
final class MembersDemo {

    private static final Duration TICK = Duration.ofMillis(10);
    private static final Duration DEADLINE = Duration.ofMinutes(2);

    /** How many orders a member lets wait before its work. */
    private static final int PREFETCH = 16;

    private final int orders;
    private final Duration duration;
    private final Consumer<String> out;
    private final Ledger ledger;
    private final MqRuntime runtime = MqRuntime.system();
    private final Scheduler.Worker director = runtime.workers().createWorker();
    private final ConsumerGroup<Order> group;
    private final PartitionedFlux<Order> lanes;
    private final Map<String, Disposable> members = new ConcurrentHashMap<>();
    private final Sinks.Empty<Void> ended = Sinks.empty();

    /** What happens, and after how many orders. The director's alone. */
    private final Queue<Scene> script = new ArrayDeque<>();

    private record Scene(int after, String what, Runnable action) {}

    /**
     * @param duration how long the orders take to come, if nothing holds them back; zero for as fast as they are handled
     * @param out where lines go
     */
    MembersDemo(int orders, int partitions, Duration duration, Consumer<String> out, Ledger ledger) {
        this.orders = orders;
        this.duration = duration;
        this.out = out;
        this.ledger = ledger;
        this.lanes = PartitionedFlux.by(orders(), Order::customer, partitions, o -> o.name("orders"));
        this.group = lanes.group(
                Assignors.cooperativeSticky(),
                o -> o.handoverTimeout(Duration.ofSeconds(10))
                        .onHandoverTimeout(
                                (member, lane) -> out.accept(member + " did not finish " + lane + " in time")));
    }

    private Flux<Order> orders() {
        Flux<Integer> numbers;
        if (duration.isZero()) {
            numbers = Flux.range(0, orders).publishOn(runtime.workers());
        } else {
            int ticks = (int) Math.max(1, duration.dividedBy(TICK));
            int each = (orders + ticks - 1) / ticks;
            numbers = Flux.range(0, ticks)
                    .concatMap(tick -> Mono.delay(TICK, runtime.timers())
                            .thenMany(Flux.range(tick * each, Math.max(0, Math.min(each, orders - tick * each)))));
        }
        return numbers.map(Order::ofNumber);
    }

    /** Runs it to the end. */
    void run() {
        scene(1, "b joins", () -> join("b"));
        scene(2, "c joins", () -> join("c"));
        scene(3, "b leaves, and finishes what it has", () -> group.leave("b"));
        scene(4, "d joins", () -> join("d"));
        scene(5, "c is killed", () -> kill("c"));
        scene(6, "b is back", () -> join("b"));

        group.assignments().subscribe(this::print, ended::tryEmitError, ended::tryEmitEmpty);
        out.accept("a joins");
        join("a");
        lanes.connect();
        Mono<Void> everybodyIsDone = ended.asMono().then(Mono.defer(this::untilNobodyIsLeft));
        try {
            everybodyIsDone.block(DEADLINE);
        } catch (IllegalStateException e) {
            throw new UnfinishedException("not done after " + DEADLINE.toSeconds() + " s", e);
        } finally {
            members.values().forEach(Disposable::dispose);
            director.dispose();
        }
    }

    private void scene(int sixth, String what, Runnable action) {
        script.add(new Scene(orders / 7 * sixth, what, action));
    }

    private Mono<Void> untilNobodyIsLeft() {
        return Flux.interval(TICK, runtime.timers())
                .takeUntil(tick -> members.values().stream().allMatch(Disposable::isDisposed))
                .then();
    }

    private void join(String id) {
        Disposable member = group.join(
                        id,
                        lane -> lane.doOnNext(order -> ledger.handed(id, order))
                                .publishOn(runtime.workers(), PREFETCH)
                                .doOnNext(order -> work(id, order)))
                .subscribe(order -> {}, ended::tryEmitError);
        members.put(id, member);
    }

    private void kill(String id) {
        Disposable member = members.get(id);
        if (member != null) {
            ledger.killed(id);
            member.dispose();
        }
    }

    private void work(String member, Order order) {
        ledger.handled(member, order);
        if (order.number() % 64 == 0) {
            director.schedule(() -> direct(order.number()));
        }
    }

    private void direct(int number) {
        Scene next = script.peek();
        if (next != null && number >= next.after) {
            script.remove();
            out.accept(next.what);
            next.action.run();
        }
    }

    /** {@code  epoch 3   a 0 1 2   b 3 4   c -}. */
    private void print(Assignment assignment) {
        out.accept(assignment.partitions().entrySet().stream()
                .map(entry -> entry.getKey() + " "
                        + (entry.getValue().isEmpty()
                                ? "-"
                                : entry.getValue().stream()
                                        .map(lane -> String.valueOf(lane.partition()))
                                        .collect(Collectors.joining(" "))))
                .collect(Collectors.joining("   ", "  epoch " + assignment.epoch() + "   ", "")));
    }

    /** What went wrong; empty if nothing did. */
    List<String> problems() {
        return ledger.problems(orders);
    }
}
