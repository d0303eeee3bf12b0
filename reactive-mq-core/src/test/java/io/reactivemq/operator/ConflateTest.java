package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;

/** What keys do. What any overflow buffer does, its model and its races are tested with the others. */
@DisplayName("Overflow.conflate:")
class ConflateTest {

    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> dropped = new ArrayList<>();

    private record Tick(String symbol, int price) {}

    /** The key is the number of tens. */
    private void connect(int capacity) {
        source.transform(Overflow.conflate(element -> element / 10, capacity, o -> o.onDropped(dropped::add)))
                .subscribe(consumer);
    }

    private void send(int... elements) {
        IntStream.of(elements).forEach(source::next);
    }

    @Test
    @DisplayName("M11 a newer value takes the place of the one that waits with its key, and its turn")
    void newerTakesThePlace() {
        connect(3);
        send(11, 21, 31, 12, 22, 13);
        assertThat(dropped).containsExactly(11, 21, 12);
        consumer.request(10);
        assertThat(consumer.received).containsExactly(13, 22, 31);
        assertThat(consumer.discarded).isEqualTo(dropped);
    }

    @Test
    @DisplayName("M11 a key that was handed on gets a new place, at the end")
    void keyComesAgain() {
        connect(2);
        send(11, 21);
        consumer.request(1);
        send(12, 22, 13);
        consumer.request(10);
        assertThat(consumer.received).containsExactly(11, 22, 13);
        assertThat(dropped).containsExactly(21, 12);
    }

    @Test
    @DisplayName("M11 a new key that finds no room takes the place of the one that has waited longest")
    void fullOfKeys() {
        connect(2);
        send(11, 21, 12, 31);
        assertThat(dropped).containsExactly(11, 12);
        // that key waits no longer
        send(13);
        assertThat(dropped).containsExactly(11, 12, 21);
        consumer.request(10);
        assertThat(consumer.received).containsExactly(31, 13);
        assertThat(consumer.discarded).isEqualTo(dropped);
    }

    @Test
    @DisplayName("elements that are handed on at once are not conflated")
    void consumerKeepsUp() {
        connect(2);
        consumer.request(10);
        send(11, 12, 13);
        assertThat(consumer.received).containsExactly(11, 12, 13);
        assertThat(dropped).isEmpty();
    }

    @Test
    @DisplayName("a cancellation discards the latest of each key, the older ones were already")
    void cancellation() {
        connect(3);
        send(11, 21, 12);
        consumer.cancel();
        assertThat(consumer.discarded).containsExactly(11, 12, 21);
        assertThat(dropped).containsExactly(11);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the function of the key throws")
    @DisplayName("a key function that throws cancels the source; its error comes behind what waits")
    void keyFunctionThrows() {
        source.transform(Overflow.conflate(element -> 6 / (element - 3), 10)).subscribe(consumer);
        send(1, 2, 3);
        assertThat(source.cancelled).isTrue();
        consumer.request(10);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.error()).isInstanceOf(ArithmeticException.class);
        assertThat(consumer.discarded).containsExactly(3);
    }

    /** A key that can be hashed so many times. */
    static final class Tiring {

        private int strength;

        Tiring(int strength) {
            this.strength = strength;
        }

        @Override
        public int hashCode() {
            if (strength-- == 0) {
                throw new IllegalStateException("no hash");
            }
            return 1;
        }

        @Override
        public boolean equals(Object other) {
            return this == other;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key can't be hashed")
    @DisplayName("a key that can't be hashed cancels the source; its error comes behind what waits:")
    void keyCannotBeHashed(int strength) {
        source.transform(Overflow.conflate(n -> n == 2 ? new Tiring(strength) : n, 10))
                .subscribe(consumer);
        send(1, 2);
        assertThat(source.cancelled).isTrue();
        consumer.request(10);
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.error()).hasMessage("no hash");
        assertThat(consumer.discarded).containsExactly(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    @DisplayName(
            "emit throws what a key throws that can't be hashed; the element is the emitter's, and the sink goes on:")
    void keyOfTheSinkCannotBeHashed(int strength) {
        OverflowSink<Integer> sink = Overflow.sink(10, o -> o.conflate(n -> n == 2 ? new Tiring(strength) : n));
        sink.asFlux().subscribe(consumer);
        sink.emit(1);
        if (strength < 2) {
            assertThatIllegalStateException().isThrownBy(() -> sink.emit(2)).withMessage("no hash");
            consumer.request(10);
        } else {
            // it can't be forgotten when it has been handed on
            sink.emit(2);
            consumer.request(2);
            assertThatIllegalStateException().isThrownBy(() -> sink.emit(3)).withMessage("no hash");
            consumer.request(10);
        }
        sink.emit(4);
        assertThat(consumer.received).isEqualTo(strength < 2 ? List.of(1, 4) : List.of(1, 2, 4));
        assertThat(consumer.discarded).isEmpty();
        sink.tryComplete();
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the function of the key returns null")
    @DisplayName("a key function that returns null is told which element it was")
    @SuppressWarnings("NullAway") // what a caller without null checks may do
    void keyIsNull() {
        source.transform(Overflow.conflate(element -> null, 10)).subscribe(consumer);
        send(7);
        consumer.request(1);
        assertThat(consumer.error()).isInstanceOf(NullPointerException.class).hasMessage("keyFn returned null for 7");
        assertThatNullPointerException()
                .isThrownBy(() -> Overflow.<String>conflate(null, 1))
                .withMessage("keyFn");
    }

    @Test
    @DisplayName("of keys that are gone no more are remembered than there are places")
    void memoryOfKeys() {
        Conflater<Integer> conflater = new Conflater<>(element -> element);
        Deque<Conflater.Place<Integer>> ring = new ArrayDeque<>();
        for (int i = 0; i < 1000; i++) {
            ring.add(conflater.add(i, i));
            if (ring.size() > 3) {
                ring.remove().take();
            }
            assertThat(conflater.size()).isLessThanOrEqualTo(4);
        }
    }

    @Test
    @DisplayName("types infer from a method reference")
    void typesInfer() {
        Flux<Tick> ticks = Flux.just(new Tick("a", 1), new Tick("b", 2));
        assertThat(ticks.transform(Overflow.conflate(Tick::symbol, 4))
                        .map(Tick::price)
                        .collectList()
                        .block())
                .containsExactly(1, 2);
    }

    @Test
    @DisplayName("M11 under race each key's last value arrives, and every value is accounted for")
    void race() {
        for (int seed = 1; seed <= 300; seed++) {
            int round = seed;
            int keys = 1 + seed % 5;
            int capacity = keys + seed % 3;
            int count = 300;
            ManualSource racing = new ManualSource();
            RecordingConsumer slow = new RecordingConsumer();
            racing.transform(Overflow.conflate(element -> element % keys, capacity))
                    .subscribe(slow);
            Duel.fight(
                    List.of(0),
                    ignored -> IntStream.range(0, count).forEach(racing::next),
                    ignored -> IntStream.range(0, count / 3).forEach(i -> slow.request(1)));
            slow.request(Long.MAX_VALUE);
            Map<Integer, Integer> last = new HashMap<>();
            slow.received.forEach(element -> {
                Integer before = last.put(element % keys, element);
                assertThat(before == null || before < element)
                        .as("seed %s: %s behind %s", round, element, before)
                        .isTrue();
            });
            assertThat(last.values())
                    .as("seed %s", seed)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(count - keys, count).boxed().toList());
            assertThat(Stream.concat(slow.received.stream(), slow.discarded.stream()))
                    .as("seed %s", seed)
                    .containsExactlyInAnyOrderElementsOf(
                            IntStream.range(0, count).boxed().toList());
            assertThat(slow.breaches).isEmpty();
        }
    }
}
