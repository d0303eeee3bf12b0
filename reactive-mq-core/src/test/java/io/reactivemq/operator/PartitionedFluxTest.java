package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.reactivemq.assign.Assignors;
import io.reactivemq.assign.KeyPartitioner;
import io.reactivemq.assign.Murmur2;
import io.reactivemq.assign.Partitioners;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

@DisplayName("PartitionedFlux:")
class PartitionedFluxTest {

    private static final int LANES = 3;

    private final ManualSource source = new ManualSource();
    private final List<RecordingConsumer> consumers =
            IntStream.range(0, LANES).mapToObj(i -> new RecordingConsumer()).toList();
    private final List<Integer> dropped = new ArrayList<>();
    private final List<Object> discardedByNobody = new ArrayList<>();

    /** The key is the element, and its lane the rest of its division by the number of lanes. */
    private PartitionedFlux<Integer> lanes(Consumer<PartitionedOptions<Integer, Integer>> more) {
        return PartitionedFlux.by(source, element -> element, LANES, options -> {
            options.partitioner((key, partitions) -> key % partitions)
                    .onDropped(dropped::add)
                    .context(Operators.enableOnDiscard(Context.of("key", "value"), discardedByNobody::add));
            more.accept(options);
        });
    }

    private PartitionedFlux<Integer> lanes(OverflowStrategy strategy, int capacity) {
        return lanes(options -> options.overflow(strategy, capacity));
    }

    private RecordingConsumer join(PartitionedFlux<Integer> lanes, int lane) {
        RecordingConsumer consumer = consumers.get(lane);
        lanes.lane(lane).subscribe(consumer);
        return consumer;
    }

    private void send(int from, int to) {
        IntStream.rangeClosed(from, to).forEach(source::next);
    }

    @Test
    @DisplayName("M08 each element goes to the lane of its key, in order")
    void routes() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 10);
        for (int i = 0; i < LANES; i++) {
            join(lanes, i).request(Long.MAX_VALUE);
        }
        lanes.connect();
        send(0, 8);
        source.complete();
        assertThat(consumers.get(0).received).containsExactly(0, 3, 6);
        assertThat(consumers.get(1).received).containsExactly(1, 4, 7);
        assertThat(consumers.get(2).received).containsExactly(2, 5, 8);
        consumers.forEach(consumer -> {
            assertThat(consumer.completions).hasValue(1);
            assertThat(consumer.breaches).isEmpty();
            assertThat(consumer.discarded).isEmpty();
        });
    }

    @Test
    @DisplayName("K01 by default a key lies where Kafka's default partitioner puts it")
    void defaultIsKafkas() {
        PartitionedFlux<String> lanes = PartitionedFlux.by(Flux.range(0, 1000).map(i -> "key-" + i), word -> word, 16);
        List<List<String>> received = new ArrayList<>();
        lanes.lanes().forEach(lane -> {
            List<String> mine = new ArrayList<>();
            received.add(mine);
            lane.subscribe(mine::add);
        });
        lanes.autoConnect(16);
        for (int i = 0; i < 16; i++) {
            assertThat(received.get(i)).isNotEmpty();
            for (String key : received.get(i)) {
                assertThat(Murmur2.partition(key.getBytes(StandardCharsets.UTF_8), 16))
                        .isEqualTo(i);
            }
        }
        assertThat(received.stream().mapToInt(List::size).sum()).isEqualTo(1000);
    }

    @Test
    @DisplayName("M11 a lane that blocks holds the source back, for the whole of the fullest lane and no earlier")
    void blockHoldsTheSourceBack() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 4);
        lanes.connect();
        // the next four may all go to one lane
        assertThat(source.requested).hasValue(4);
        send(0, 3);
        // two of them are in lane 0, so there is room for two
        assertThat(source.requested).hasValue(6);
        source.next(6);
        source.next(9);
        assertThat(source.requested).hasValue(6);
        // the others may be as eager as they like
        join(lanes, 1).request(Long.MAX_VALUE);
        join(lanes, 2).request(Long.MAX_VALUE);
        assertThat(source.requested).hasValue(6);
        join(lanes, 0).request(3);
        assertThat(consumers.get(0).received).containsExactly(0, 3, 6);
        assertThat(source.requested).hasValue(9);
        assertThat(consumers.get(1).received).containsExactly(1);
    }

    @ParameterizedTest
    @EnumSource(names = {"DROP_OLDEST", "DROP_NEWEST"})
    @DisplayName("M11 a lane that drops holds back nobody:")
    void dropping(OverflowStrategy strategy) {
        PartitionedFlux<Integer> lanes = lanes(strategy, 2);
        join(lanes, 1).request(Long.MAX_VALUE);
        lanes.connect();
        assertThat(source.requested).hasValue(Long.MAX_VALUE);
        send(0, 11);
        assertThat(consumers.get(1).received).containsExactly(1, 4, 7, 10);
        join(lanes, 0).request(10);
        assertThat(consumers.get(0).received)
                .isEqualTo(strategy == OverflowStrategy.DROP_OLDEST ? List.of(6, 9) : List.of(0, 3));
        assertThat(dropped).hasSize(4);
        // nobody had joined
        assertThat(discardedByNobody).isEqualTo(dropped);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 a lane that overflows with an error ends, and no other")
    void errorEndsOneLane() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.ERROR, 2);
        for (int i = 0; i < LANES; i++) {
            join(lanes, i).request(i == 0 ? 0 : 10);
        }
        lanes.connect();
        send(0, 11);
        consumers.get(0).request(10);
        assertThat(consumers.get(0).received).containsExactly(0, 3);
        assertThat(Exceptions.isOverflow(consumers.get(0).error())).isTrue();
        assertThat(consumers.get(0).error()).hasMessageContaining("'lanes-0'");
        // the one without room, and one for a lane that is gone
        assertThat(consumers.get(0).discarded).containsExactly(6, 9);
        assertThat(consumers.get(1).received).containsExactly(1, 4, 7, 10);
        source.complete();
        assertThat(consumers.get(1).completions).hasValue(1);
        assertThat(consumers.get(2).completions).hasValue(1);
        assertThat(source.cancelled).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a subscriber leaves, and the next one goes on where it was, even if it had asked for all:")
    void rejoin(OverflowStrategy strategy) {
        PartitionedFlux<Integer> lanes = lanes(strategy, 8);
        RecordingConsumer first = join(lanes, 0);
        first.request(Long.MAX_VALUE);
        lanes.connect();
        send(0, 3);
        first.cancel();
        for (int i = 2; i <= 6; i++) {
            source.next(3 * i);
        }
        RecordingConsumer second = new RecordingConsumer();
        lanes.lane(0).subscribe(second);
        second.request(2);
        assertThat(second.received).containsExactly(6, 9);
        second.cancel();
        RecordingConsumer third = new RecordingConsumer();
        third.onElement = element -> {
            if (element == 15) {
                third.cancel();
            }
        };
        lanes.lane(0).subscribe(third);
        third.request(100);
        assertThat(third.received).containsExactly(12, 15);
        RecordingConsumer fourth = new RecordingConsumer();
        lanes.lane(0).subscribe(fourth);
        fourth.request(100);
        source.next(21);
        source.complete();
        assertThat(fourth.received).containsExactly(18, 21);
        assertThat(fourth.completions).hasValue(1);
        assertThat(first.received).containsExactly(0, 3);
        assertThat(first.discarded).isEmpty();
        assertThat(dropped).isEmpty();
    }

    @Test
    @DisplayName("a lane is for one at a time")
    void oneAtATime() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 8);
        join(lanes, 0).request(10);
        RecordingConsumer second = new RecordingConsumer();
        lanes.lane(0).subscribe(second);
        assertThat(second.error())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "lane lanes-0 has a subscriber, and is for one at a time; it can be joined when that has left");
        lanes.connect();
        source.next(0);
        assertThat(consumers.get(0).received).containsExactly(0);
    }

    @Test
    @DisplayName("a lane that is joined after the end has what waits, then the end; again and again")
    void joinedLate() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 8);
        lanes.connect();
        send(0, 3);
        source.fail(new IllegalStateException("down"));
        RecordingConsumer first = join(lanes, 0);
        first.request(1);
        assertThat(first.errors).isEmpty();
        first.cancel();
        RecordingConsumer second = new RecordingConsumer();
        lanes.lane(0).subscribe(second);
        second.request(1);
        assertThat(second.received).containsExactly(3);
        assertThat(second.error()).hasMessage("down");
        RecordingConsumer third = new RecordingConsumer();
        lanes.lane(0).subscribe(third);
        assertThat(third.error()).hasMessage("down");
    }

    @Test
    @DisplayName("connects once; by itself when enough lanes have been joined")
    void connecting() {
        AtomicInteger subscriptions = new AtomicInteger();
        PartitionedFlux<Integer> lanes =
                PartitionedFlux.by(Flux.range(0, 9).doOnSubscribe(s -> subscriptions.incrementAndGet()), i -> i, LANES);
        assertThat(lanes.autoConnect(2)).isSameAs(lanes);
        lanes.lane(0).subscribe().dispose();
        lanes.lane(0).subscribe().dispose();
        assertThat(subscriptions).hasValue(0);
        lanes.lane(1).subscribe();
        assertThat(subscriptions).hasValue(1);
        assertThat(lanes.connect()).isSameAs(lanes.connect());
        lanes.lane(2).subscribe();
        lanes.autoConnect(0);
        assertThat(subscriptions).hasValue(1);
    }

    @Test
    @DisplayName("M11 disposing cancels the source, discards what waits, and ends the lanes with an error")
    void disposing() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 8);
        join(lanes, 0).request(1);
        join(lanes, 1);
        Disposable connection = lanes.connect();
        send(0, 5);
        assertThat(connection.isDisposed()).isFalse();
        connection.dispose();
        assertThat(connection.isDisposed()).isTrue();
        assertThat(source.cancelled).isTrue();
        assertThat(consumers.get(0).received).containsExactly(0);
        assertThat(consumers.get(0).discarded).containsExactly(3);
        assertThat(consumers.get(1).discarded).containsExactly(1, 4);
        assertThat(discardedByNobody).containsExactly(2, 5);
        assertThat(consumers.get(1).error())
                .isInstanceOf(CancellationException.class)
                .hasMessage("lane lanes-1 was disconnected");
        // already under way
        send(6, 7);
        assertThat(consumers.get(0).discarded).containsExactly(3, 6);
        assertThat(join(lanes, 2).error()).isInstanceOf(CancellationException.class);
        assertThat(consumers.get(0).errors).hasSize(1);
    }

    @Test
    @DisplayName("M11 disposing while lanes are being connected cancels the operators of all")
    void disposingWhileConnecting() {
        List<Integer> cancelled = new ArrayList<>();
        List<PartitionedFlux<Integer>> made = new ArrayList<>();
        made.add(lanes(o -> o.overflow(lane -> elements -> {
            if (lane == 1) {
                made.get(0).connect().dispose();
            }
            return elements.doOnCancel(() -> cancelled.add(lane));
        })));
        made.get(0).connect();
        assertThat(cancelled).containsExactly(0, 1, 2);
        assertThat(source.cancelled).isTrue();
        assertThat(join(made.get(0), 2).error()).isInstanceOf(CancellationException.class);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key function fails")
    @DisplayName("a key function that fails ends all lanes, behind what waits")
    void keyFunctionFails() {
        PartitionedFlux<Integer> lanes = PartitionedFlux.by(
                source,
                element -> {
                    if (element == 4) {
                        throw new IllegalStateException("no key in " + element);
                    }
                    return element;
                },
                LANES,
                options -> options.partitioner((key, partitions) -> key % partitions));
        join(lanes, 0);
        join(lanes, 1).request(5);
        lanes.connect();
        send(0, 6);
        assertThat(source.cancelled).isTrue();
        consumers.get(0).request(5);
        assertThat(consumers.get(0).received).containsExactly(0, 3);
        assertThat(consumers.get(0).error()).hasMessage("no key in 4");
        assertThat(consumers.get(1).error()).hasMessage("no key in 4");
        assertThat(consumers.get(1).received).containsExactly(1);
        // the one without a key, and those that the source sent before it knew
        assertThat(consumers.get(0).discarded).containsExactly(4, 5, 6);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the partitioner is wrong")
    @DisplayName("a partitioner that answers nonsense, and a key that is null, end all lanes")
    void nonsense() {
        PartitionedFlux<Integer> lanes = PartitionedFlux.by(
                Flux.just(1), i -> i, LANES, o -> o.name("orders").partitioner((key, partitions) -> partitions));
        join(lanes, 0);
        lanes.connect();
        assertThat(consumers.get(0).error())
                .hasMessage("the partitioner of orders must return an index from 0 to 2, but returned 3");
        PartitionedFlux<Integer> other = PartitionedFlux.by(Flux.just(1), element -> nothing(), LANES);
        join(other, 1);
        other.connect();
        assertThat(consumers.get(1).error()).hasMessage("the key function of lanes returned null for an element");
    }

    @SuppressWarnings("NullAway") // what a caller without null checks may do
    private static Integer nothing() {
        return null;
    }

    @Test
    @DisplayName("M11 each lane can have an operator of its own")
    void operatorOfLane() {
        PartitionedFlux<Integer> lanes = lanes(o -> o.overflow(lane -> lane == 0
                ? Overflow.<Integer>dropOldest(1)
                : (Flux<Integer> elements) -> elements.map(element -> -element)));
        join(lanes, 1).request(2);
        join(lanes, 2).request(5);
        lanes.connect();
        // the lanes without a buffer ask for what their subscribers ask for
        assertThat(source.requested).hasValue(2);
        send(0, 1);
        assertThat(source.requested).hasValue(3);
        source.next(3);
        assertThat(source.requested).hasValue(4);
        join(lanes, 0).request(5);
        assertThat(consumers.get(0).received).containsExactly(3);
        assertThat(consumers.get(1).received).containsExactly(-1);
    }

    @Test
    @DisplayName("the source sees the context of the first lane that was joined, and over it that of the options")
    void context() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 3);
        lanes.lane(1).contextWrite(Context.of("key", "of the lane", "more", 1)).subscribe();
        lanes.connect();
        assertThat((String) source.subscriber().currentContext().get("key")).isEqualTo("value");
        assertThat((int) source.subscriber().currentContext().get("more")).isEqualTo(1);
    }

    @Test
    @DisplayName("a subscriber that makes the source send from within onNext gets that one afterwards")
    void sendInsideOnNext() {
        PartitionedFlux<Integer> lanes = lanes(o -> o.overflow(lane -> elements -> elements));
        RecordingConsumer consumer = join(lanes, 0);
        for (int i = 1; i < LANES; i++) {
            join(lanes, i).request(100);
        }
        consumer.onElement = element -> {
            if (element == 0) {
                source.next(3);
                source.next(1);
                source.next(6);
            }
        };
        consumer.request(100);
        lanes.connect();
        source.next(0);
        assertThat(consumer.received).containsExactly(0, 3, 6);
        assertThat(consumer.breaches).isEmpty();
        assertThat(consumers.get(1).received).containsExactly(1);
    }

    @Test
    @DisplayName("arguments are checked")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartitionedFlux.by(source, i -> i, 0))
                .withMessage("partitions must be between 1 and 65536, but is 0");
        PartitionedFlux<Integer> lanes = PartitionedFlux.by(source, i -> i, 2, o -> o.name("orders"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> lanes.autoConnect(3))
                .withMessage("lanes must be between 0 and 2, as many as there are, but is 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartitionedFlux.by(source, i -> i, 2, o -> o.overflow(OverflowStrategy.BLOCK, 0)))
                .withMessageContaining("capacity must be between 1 and");
        assertThat(lanes.lane(1)).hasToString("orders-1");
        assertThat(lanes.lane(1).number()).isEqualTo(1);
        assertThat(lanes).hasToString("orders of 2");
        lanes.group(Assignors.range());
        assertThatIllegalStateException()
                .isThrownBy(() -> lanes.group(Assignors.range()))
                .withMessage("the lanes orders have a group already");
    }

    @Test
    @DisplayName("answers what Scannable asks")
    void scan() {
        PartitionedFlux<Integer> lanes = lanes(OverflowStrategy.BLOCK, 8);
        RecordingConsumer consumer = join(lanes, 0);
        lanes.connect();
        consumer.request(1);
        send(0, 5);
        Scannable subscription = Scannable.from(consumer.subscription());
        assertThat(subscription.name()).isEqualTo("lanes-0");
        assertThat(subscription.scan(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM)).isZero();
        assertThat(subscription.scan(Scannable.Attr.CANCELLED)).isFalse();
        assertThat(subscription.scan(Scannable.Attr.TERMINATED)).isFalse();
        assertThat(subscription.parents().map(Scannable::name).toList()).contains("lanes-0", "lanes");
        source.complete();
        consumer.request(1);
        assertThat(subscription.scan(Scannable.Attr.TERMINATED)).isTrue();
        assertThat(Scannable.from(lanes.lane(0)).name()).isEqualTo("lanes-0");
        assertThat(Scannable.from(source.subscriber()).scan(Scannable.Attr.TERMINATED))
                .isTrue();
    }

    @Test
    @DisplayName("M18 the elements of a hot key are spread over lanes; those of the others stay in order")
    void hotKey() {
        KeyPartitioner<Integer> salted =
                Partitioners.salted((key, partitions) -> key % partitions, java.util.Set.of(7), 3);
        PartitionedFlux<Integer> lanes =
                PartitionedFlux.by(Flux.range(0, 600), i -> i % 2 == 0 ? 7 : i % 10, LANES, o -> o.partitioner(salted));
        List<List<Integer>> received = new ArrayList<>();
        lanes.lanes().forEach(lane -> {
            List<Integer> mine = new ArrayList<>();
            received.add(mine);
            lane.subscribe(mine::add);
        });
        lanes.connect();
        for (int lane = 0; lane < LANES; lane++) {
            assertThat(received.get(lane).stream().filter(i -> i % 2 == 0 || i % 10 == 7))
                    .hasSize(120);
            for (int key : new int[] {1, 3, 5, 9}) {
                List<Integer> ofKey =
                        received.get(lane).stream().filter(i -> i % 10 == key).toList();
                assertThat(ofKey).hasSize(key % LANES == lane ? 60 : 0).isSorted();
            }
        }
    }
}
