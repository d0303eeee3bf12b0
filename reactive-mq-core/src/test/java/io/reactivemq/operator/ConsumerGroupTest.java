package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Assignors;
import io.reactivemq.assign.Membership;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

@DisplayName("ConsumerGroup:")
class ConsumerGroupTest {

    private static final int LANES = 4;

    private final ManualSource source = new ManualSource();
    private final ManualRuntime runtime = new ManualRuntime();

    /** What happened, in order. */
    private final List<String> log = new ArrayList<>();

    private final Map<String, Disposable> members = new HashMap<>();

    private final PartitionedFlux<Integer> lanes = PartitionedFlux.by(
            source, element -> element, LANES, o -> o.partitioner((key, partitions) -> key % partitions));

    private ConsumerGroup<Integer> group(Assignor assignor) {
        return group(assignor, options -> {});
    }

    private ConsumerGroup<Integer> group(Assignor assignor, Consumer<GroupOptions> more) {
        ConsumerGroup<Integer> group = lanes.group(assignor, options -> {
            options.runtime(runtime)
                    .handoverTimeout(Duration.ofSeconds(5))
                    .onHandoverTimeout((member, lane) -> log.add(member + " did not finish " + lane));
            more.accept(options);
        });
        group.assignments()
                .subscribe(
                        assignment -> log.add(assignment.toString()),
                        failure -> log.add("assignments failed: " + failure),
                        () -> log.add("no more assignments"));
        return group;
    }

    /** Says when a lane begins and ends, and each element. */
    private void join(ConsumerGroup<Integer> group, String id) {
        join(group, id, lane -> lane);
    }

    private void join(ConsumerGroup<Integer> group, String id, java.util.function.UnaryOperator<Flux<Integer>> work) {
        members.put(
                id,
                group.join(
                                id,
                                lane -> lane.doOnSubscribe(s -> log.add(id + " begins " + lane))
                                        .transform(work)
                                        .doFinally(signal -> log.add(id + " ends " + lane + " " + signal)))
                        .subscribe(
                                element -> log.add(id + " has " + element),
                                failure -> log.add(id + " failed: " + failure.getMessage()),
                                () -> log.add(id + " completed")));
    }

    private void leave(String id) {
        Disposable member = members.remove(id);
        if (member != null) {
            member.dispose();
        }
    }

    private void send(int from, int to) {
        IntStream.rangeClosed(from, to).forEach(source::next);
    }

    private List<String> log() {
        List<String> copy = List.copyOf(log);
        log.clear();
        return copy;
    }

    @Test
    @DisplayName("K07 cooperative: lanes that move are released first, the others never stop")
    void cooperative() {
        ConsumerGroup<Integer> group = group(Assignors.cooperativeSticky());
        lanes.connect();
        join(group, "a");
        assertThat(log())
                .containsExactly(
                        "epoch 1: a=[lanes-0, lanes-1, lanes-2, lanes-3]",
                        "a begins lanes-0",
                        "a begins lanes-1",
                        "a begins lanes-2",
                        "a begins lanes-3");
        send(0, 3);
        assertThat(log()).containsExactly("a has 0", "a has 1", "a has 2", "a has 3");
        join(group, "b");
        assertThat(log())
                .containsExactly(
                        "epoch 2: a=[lanes-0, lanes-1] b=[]",
                        "a ends lanes-2 onComplete",
                        "epoch 3: a=[lanes-0, lanes-1] b=[lanes-2]",
                        "b begins lanes-2",
                        "a ends lanes-3 onComplete",
                        "epoch 4: a=[lanes-0, lanes-1] b=[lanes-2, lanes-3]",
                        "b begins lanes-3");
        send(4, 7);
        assertThat(log()).containsExactly("a has 4", "a has 5", "b has 6", "b has 7");
        source.complete();
        assertThat(log())
                .containsExactly(
                        "a ends lanes-0 onComplete",
                        "a ends lanes-1 onComplete",
                        "b ends lanes-2 onComplete",
                        "no more assignments",
                        "a completed",
                        "b completed",
                        "b ends lanes-3 onComplete");
    }

    @Test
    @DisplayName("M04 sticky names the new member at once; it begins when the old one has finished")
    void eager() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        join(group, "a");
        log.clear();
        join(group, "b");
        assertThat(log())
                .containsExactly(
                        "epoch 2: a=[lanes-0, lanes-1] b=[lanes-2, lanes-3]",
                        "a ends lanes-2 onComplete",
                        "b begins lanes-2",
                        "a ends lanes-3 onComplete",
                        "b begins lanes-3");
    }

    @Test
    @DisplayName("M05 a member without lanes is idle, and takes over when one leaves")
    void idleMembersTakeOver() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        for (String id : List.of("a", "b", "c", "d", "e")) {
            join(group, id);
        }
        log.clear();
        send(0, 3);
        assertThat(log()).containsExactly("a has 0", "b has 1", "c has 2", "d has 3");
        leave("d");
        assertThat(log())
                .containsExactly(
                        "d ends lanes-3 cancel",
                        "epoch 6: a=[lanes-0] b=[lanes-1] c=[lanes-2] e=[lanes-3]",
                        "e begins lanes-3");
        send(4, 7);
        assertThat(log()).containsExactly("a has 4", "b has 5", "c has 6", "e has 7");
    }

    @Test
    @DisplayName("M04 a moved lane waits for its old publisher, and what came meanwhile is not lost")
    void handOverWaits() {
        ConsumerGroup<Integer> group = group(Assignors.cooperativeSticky());
        lanes.connect();
        Sinks.One<Integer> slow = Sinks.one();
        join(group, "a", lane -> lane.concatMap(element -> element == 2 ? slow.asMono() : Mono.just(element)));
        send(0, 3);
        log.clear();
        join(group, "b");
        assertThat(log())
                .containsExactly(
                        "epoch 2: a=[lanes-0, lanes-1] b=[]",
                        "a ends lanes-3 onComplete",
                        "epoch 3: a=[lanes-0, lanes-1] b=[lanes-3]",
                        "b begins lanes-3");
        source.next(6);
        runtime.advanceBy(Duration.ofMillis(4999));
        assertThat(log()).isEmpty();
        slow.tryEmitValue(200).orThrow();
        assertThat(log())
                .containsExactly(
                        "a has 200",
                        "epoch 4: a=[lanes-0, lanes-1] b=[lanes-2, lanes-3]",
                        "b begins lanes-2",
                        "b has 6",
                        "a ends lanes-2 onComplete");
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(log()).isEmpty();
    }

    @Test
    @DisplayName("M04 a publisher that does not finish in time is cancelled and reported, and the lane moves on")
    void handOverTimesOut() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        lanes.connect();
        join(group, "a", lane -> lane.concatMap(element -> element == 2 ? Mono.never() : Mono.just(element)));
        send(0, 3);
        join(group, "b");
        source.next(6);
        log.clear();
        runtime.advanceBy(Duration.ofMillis(4999));
        assertThat(log()).isEmpty();
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(log())
                .containsExactly("a ends lanes-2 cancel", "a did not finish lanes-2", "b begins lanes-2", "b has 6");
        // it goes on with its other lanes
        send(8, 10);
        assertThat(log()).containsExactly("a has 8", "a has 9", "b has 10");
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "the callback throws")
    @DisplayName("M04 a callback that throws holds up no hand-over")
    void callbackThrows() {
        ConsumerGroup<Integer> group = group(
                Assignors.sticky(),
                o -> o.onHandoverTimeout((member, lane) -> {
                    throw new IllegalStateException("no " + lane);
                }));
        lanes.connect();
        join(group, "a", lane -> lane.concatMap(element -> element == 2 ? Mono.never() : Mono.just(element)));
        send(0, 3);
        join(group, "b");
        source.next(6);
        log.clear();
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(log()).containsExactly("a ends lanes-2 cancel", "b begins lanes-2", "b has 6");
        leave("b");
        assertThat(log()).contains("a begins lanes-3");
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "the timer is refused")
    @DisplayName("M04 a runtime that refuses timers: lanes move all the same, without a limit of time")
    void timerIsRefused() {
        StoppableRuntime stopped = new StoppableRuntime(runtime);
        stopped.stop();
        ConsumerGroup<Integer> group = group(Assignors.sticky(), o -> o.runtime(stopped));
        lanes.connect();
        Sinks.One<Integer> slow = Sinks.one();
        join(group, "a", lane -> lane.concatMap(element -> element == 2 ? slow.asMono() : Mono.just(element)));
        send(0, 3);
        log.clear();
        join(group, "b");
        assertThat(log())
                .containsExactly(
                        "epoch 2: a=[lanes-0, lanes-1] b=[lanes-2, lanes-3]",
                        "a ends lanes-3 onComplete",
                        "b begins lanes-3");
        slow.tryEmitValue(200).orThrow();
        assertThat(log()).containsExactly("a has 200", "b begins lanes-2", "a ends lanes-2 onComplete");
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "a subscriber throws")
    @DisplayName("M04 a subscriber that throws keeps no lane from another member")
    void subscriberThrows() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        lanes.connect();
        join(group, "a");
        group.join("b", lane -> lane).subscribe(new CoreSubscriber<>() {
            @Override
            public void onSubscribe(Subscription subscription) {}

            @Override
            public void onNext(Integer element) {}

            @Override
            public void onError(Throwable failure) {}

            @Override
            public void onComplete() {
                throw new IllegalStateException("against the rules");
            }
        });
        log.clear();
        group.leave("b");
        assertThat(log()).contains("a begins lanes-2", "a begins lanes-3");
    }

    @Test
    @DisplayName("a group made when lanes have ended completes when the others have")
    void madeLate() {
        PartitionedFlux<Integer> some = PartitionedFlux.by(Flux.range(0, 3), element -> element, 8);
        some.connect();
        Mono<List<Integer>> member =
                some.group(Assignors.range()).join("a", lane -> lane).collectList();
        assertThat(member.block(Duration.ofSeconds(10))).containsExactlyInAnyOrder(0, 1, 2);
        PartitionedFlux<Integer> none = PartitionedFlux.by(Flux.empty(), element -> element, 8);
        none.connect();
        ConsumerGroup<Integer> group = none.group(Assignors.range());
        assertThat(group.assignments().collectList().block(Duration.ofSeconds(10)))
                .isEmpty();
        assertThat(group.join("a", lane -> lane).collectList().block(Duration.ofSeconds(10)))
                .isEmpty();
    }

    @Test
    @DisplayName("a lane that ends while it is given has its publisher all the same")
    void endsWhileItIsGiven() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        // told before the lanes begin
        group.assignments().subscribe(assignment -> source.complete());
        List<Long> counts = new ArrayList<>();
        group.join("a", lane -> lane.count()).subscribe(counts::add, failure -> {}, () -> log.add("a completed"));
        assertThat(counts).containsExactly(0L, 0L, 0L, 0L);
        assertThat(log()).last().isEqualTo("a completed");
    }

    @Test
    @DisplayName("M04 leave: the publishers finish what they have, then the member completes")
    void leavesGently() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        lanes.connect();
        Sinks.One<Integer> slow = Sinks.one();
        join(group, "a");
        join(group, "b", lane -> lane.concatMap(element -> element == 2 ? slow.asMono() : Mono.just(element)));
        send(0, 3);
        log.clear();
        group.leave("b");
        group.leave("b");
        group.leave("nobody");
        assertThat(log())
                .containsExactly(
                        "epoch 3: a=[lanes-0, lanes-1, lanes-2, lanes-3]",
                        "b ends lanes-3 onComplete",
                        "a begins lanes-3");
        slow.tryEmitValue(200).orThrow();
        assertThat(log()).containsExactly("b has 200", "b completed", "a begins lanes-2", "b ends lanes-2 onComplete");
        join(group, "b");
        assertThat(log()).contains("b begins lanes-2", "b begins lanes-3");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the mapper throws")
    @DisplayName("M05 a member that fails gets its error, and its lanes move on")
    void memberFails() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        join(group, "a");
        join(
                group,
                "b",
                lane -> lane.map(element -> {
                    if (element == 6) {
                        throw new IllegalStateException("no " + element);
                    }
                    return element;
                }));
        send(0, 3);
        log.clear();
        source.next(6);
        source.next(7);
        source.next(10);
        assertThat(log())
                .containsExactly(
                        "b ends lanes-3 cancel",
                        "epoch 3: a=[lanes-0, lanes-1, lanes-2, lanes-3]",
                        "a begins lanes-3",
                        "b failed: no 6",
                        "b ends lanes-2 onError",
                        "a begins lanes-2",
                        "a has 7",
                        "a has 10");
    }

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "that is what is asked for")
    @DisplayName("an error that comes as its member leaves is dropped as Reactor drops it, not lost")
    void memberFailsAsItLeaves() {
        ManualSource another = new ManualSource();
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        StepVerifier.create(group.join("a", lane -> switch (lane.number()) {
                    case 0 -> lane.doOnCancel(() -> another.fail(new IllegalStateException("of " + lane)));
                    case 1 -> another;
                    default -> Mono.just(lane.number());
                }))
                .expectNext(2)
                .thenCancel()
                .verifyThenAssertThat()
                .hasDroppedErrorWithMessage("of lanes-0");
    }

    @Test
    @DisplayName("a function that throws is a member that fails")
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the function throws")
    void functionThrows() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        join(group, "b");
        log.clear();
        group.<Integer>join("a", lane -> {
                    throw new IllegalStateException("nothing for " + lane);
                })
                .subscribe(element -> {}, failure -> log.add("a failed: " + failure.getMessage()));
        assertThat(log())
                .contains("a failed: nothing for lanes-0", "b begins lanes-0", "b begins lanes-1")
                .contains("epoch 3: b=[lanes-0, lanes-1, lanes-2, lanes-3]");
    }

    @Test
    @DisplayName("an id that is taken is refused, and free again when its member has left")
    void idIsTaken() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        Flux<Integer> member = group.join("a", lane -> lane);
        Disposable first = member.subscribe();
        List<String> failures = new ArrayList<>();
        member.subscribe(element -> {}, failure -> failures.add(failure.getMessage()));
        assertThat(failures).containsExactly("member a is in the group of lanes already");
        first.dispose();
        member.subscribe(element -> {}, failure -> failures.add(failure.getMessage()));
        assertThat(failures).hasSize(1);
        assertThat(log())
                .containsExactly(
                        "epoch 1: a=[lanes-0, lanes-1, lanes-2, lanes-3]",
                        "epoch 2:",
                        "epoch 3: a=[lanes-0, lanes-1, lanes-2, lanes-3]");
    }

    @Test
    @DisplayName("a publisher that ends before its lane is not started again; the lane waits until it moves")
    void publisherEndsEarly() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        lanes.connect();
        join(group, "a", lane -> lane.take(1));
        send(0, 7);
        assertThat(log()).contains("a has 0", "a ends lanes-0 onComplete").doesNotContain("a has 4");
        join(group, "b");
        assertThat(log())
                .containsExactly(
                        "epoch 2: a=[lanes-0, lanes-1] b=[lanes-2, lanes-3]",
                        "b begins lanes-2",
                        "b has 6",
                        "b begins lanes-3",
                        "b has 7");
    }

    @Test
    @DisplayName("weights are given to the assignor")
    void weights() {
        ConsumerGroup<Integer> group = group(Assignors.weighted());
        group.join("big", lane -> lane, o -> o.weight(3)).subscribe();
        group.join("small", lane -> lane).subscribe();
        assertThat(log()).last().isEqualTo("epoch 2: big=[lanes-0, lanes-1, lanes-2] small=[lanes-3]");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the assignor is wrong")
    @DisplayName("an assignor that answers nonsense ends all members")
    void assignorFails() {
        Assignor half = (membership, previous) -> membership.members().size() < 2
                ? Assignors.range().assign(membership, previous)
                : Map.of("a", Set.of(new TopicPartition("lanes", 0)));
        ConsumerGroup<Integer> group = group(half);
        join(group, "a");
        join(group, "b");
        assertThat(log())
                .contains(
                        "a failed: assignor custom gave [lanes-1, lanes-2, lanes-3] to nobody",
                        "b failed: assignor custom gave [lanes-1, lanes-2, lanes-3] to nobody");
    }

    @Test
    @DisplayName("results wait within bounds for the member's demand, and those of all lanes have their turn")
    void demand() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        RecordingConsumer consumer = new RecordingConsumer();
        group.join("a", lane -> lane, o -> o.prefetch(4)).subscribe(consumer);
        send(0, 39);
        consumer.request(4);
        assertThat(consumer.received).containsExactly(0, 1, 2, 3);
        consumer.request(5);
        assertThat(consumer.received).hasSize(9).endsWith(4, 5, 6, 7, 8);
        consumer.request(Long.MAX_VALUE);
        source.complete();
        assertThat(consumer.received).hasSize(40);
        assertThat(consumer.completions).hasValue(1);
        for (int lane = 0; lane < LANES; lane++) {
            int mine = lane;
            assertThat(consumer.received.stream().filter(i -> i % LANES == mine))
                    .isSorted();
        }
    }

    @Test
    @DisplayName("a thousand lanes at one member: each of them runs, where a flatMap of 256 would hang")
    void manyLanes() {
        PartitionedFlux<Integer> many = PartitionedFlux.by(
                Flux.range(0, 10_000),
                i -> i,
                1000,
                o -> o.partitioner((key, partitions) -> key % partitions).overflow(OverflowStrategy.BLOCK, 4));
        // each lane waits for all others: it ends only when it has ten elements
        List<List<Integer>> tens = new ArrayList<>();
        many.group(Assignors.range()).join("a", lane -> lane.buffer(10)).subscribe(tens::add);
        many.connect();
        assertThat(tens).hasSize(1000);
        assertThat(tens.stream().map(ten -> ten.get(9) % 1000))
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 1000).boxed().toList());
    }

    @Test
    @DisplayName("the source's error reaches every member, idle or late; no lane is given on")
    void sourceFails() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        for (String id : List.of("a", "b", "c", "d", "idle")) {
            join(group, id);
        }
        log.clear();
        source.fail(new IllegalStateException("down"));
        join(group, "late");
        assertThat(log())
                .contains("no more assignments")
                .contains(
                        "a failed: down",
                        "b failed: down",
                        "c failed: down",
                        "d failed: down",
                        "idle failed: down",
                        "late failed: down");
    }

    @Test
    @DisplayName(
            "assignments: the latest for who comes late, and for who is slow; completes for who comes after the end")
    void assignments() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        lanes.connect();
        List<Long> epochs = new ArrayList<>();
        reactor.core.publisher.BaseSubscriber<Assignment> slow = new reactor.core.publisher.BaseSubscriber<>() {
            @Override
            protected void hookOnSubscribe(org.reactivestreams.Subscription subscription) {}

            @Override
            protected void hookOnNext(Assignment assignment) {
                epochs.add(assignment.epoch());
            }
        };
        group.assignments().subscribe(slow);
        slow.request(1);
        assertThat(epochs).isEmpty();
        join(group, "a");
        join(group, "b");
        join(group, "c");
        assertThat(epochs).containsExactly(1L);
        slow.request(5);
        assertThat(epochs).containsExactly(1L, 3L);
        slow.cancel();
        source.complete();
        assertThat(group.assignments().map(Assignment::epoch).collectList().block())
                .containsExactly(3L);
        join(group, "late");
        assertThat(log()).contains("late completed");
    }

    @Test
    @DisplayName("a lane can be subscribed to once; a lane that was taken away before that is empty")
    void lanesOfMembers() {
        ConsumerGroup<Integer> group = group(Assignors.sticky());
        List<Lane<Integer>> kept = new ArrayList<>();
        group.join("a", lane -> {
                    kept.add(lane);
                    return Flux.<Integer>never();
                })
                .subscribe();
        join(group, "b");
        List<String> signals = new ArrayList<>();
        kept.get(3).subscribe(element -> {}, failure -> {}, () -> signals.add("empty"));
        Disposable first = kept.get(0).subscribe();
        kept.get(0).subscribe(element -> {}, failure -> signals.add(failure.getMessage()));
        first.dispose();
        kept.get(0).subscribe(element -> {}, failure -> signals.add(failure.getMessage()));
        assertThat(signals)
                .containsExactly(
                        "empty",
                        "lane lanes-0 of member a can be subscribed to once",
                        "lane lanes-0 of member a can be subscribed to once");
    }

    @Test
    @DisplayName("K07 memberships become assignments, in two steps where it is cooperative")
    void asOperator() {
        Flux<Membership> memberships = Flux.just(
                Membership.of(List.of("a"), "t", 3),
                Membership.of(List.of("a", "b"), "t", 3),
                Membership.of(List.of("b"), "t", 3));
        assertThat(memberships
                        .transform(ConsumerGroup.assigning(Assignors.cooperativeSticky()))
                        .map(Assignment::toString)
                        .collectList()
                        .block())
                .containsExactly(
                        "epoch 1: a=[t-0, t-1, t-2]",
                        "epoch 2: a=[t-0, t-1] b=[]",
                        "epoch 3: a=[t-0, t-1] b=[t-2]",
                        "epoch 4: b=[t-0, t-1, t-2]");
        assertThat(memberships
                        .transform(ConsumerGroup.assigning(Assignors.roundRobin()))
                        .map(Assignment::toString)
                        .collectList()
                        .block())
                .containsExactly(
                        "epoch 1: a=[t-0, t-1, t-2]", "epoch 2: a=[t-0, t-2] b=[t-1]", "epoch 3: b=[t-0, t-1, t-2]");
    }

    @Test
    @DisplayName("arguments are checked")
    void arguments() {
        ConsumerGroup<Integer> group = group(Assignors.range());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> group.join(" ", lane -> lane))
                .withMessage("id must not be blank");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> group.join("a", lane -> lane, o -> o.weight(0)))
                .withMessage("weight must be between 1 and 1000000, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> group.join("a", lane -> lane, o -> o.prefetch(0)))
                .withMessageContaining("prefetch must be between 1 and");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GroupOptions().handoverTimeout(Duration.ZERO))
                .withMessage("handoverTimeout must be above zero, but is PT0S");
        assertThat(group).hasToString("the group of lanes of 4");
    }

    @Test
    @DisplayName("the types infer as users write it")
    void typesInfer() {
        PartitionedFlux<String> words = PartitionedFlux.by(Flux.just("a", "bb"), String::length, 16);
        ConsumerGroup<String> twos = words.group(Assignors.cooperativeSticky());
        Flux<Integer> lengths = twos.join("a", lane -> lane.map(String::length));
        words.autoConnect(1);
        assertThat(lengths.collectList().block()).containsExactlyInAnyOrder(1, 2);
    }
}
