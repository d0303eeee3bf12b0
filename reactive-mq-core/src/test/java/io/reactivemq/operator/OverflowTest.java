package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

@DisplayName("Overflow:")
class OverflowTest {

    enum Kind {
        DROP_OLDEST(Overflow::dropOldest),
        DROP_NEWEST(Overflow::dropNewest),
        BLOCK(Overflow::block),
        ERROR(Overflow::error),
        /** Each element has a key of its own: then it drops the oldest. */
        CONFLATE((capacity, options) -> Overflow.conflate(element -> element, capacity, options));

        interface Factory {
            Function<Flux<Integer>, Flux<Integer>> of(int capacity, Consumer<OverflowOptions<Integer>> options);
        }

        @SuppressWarnings("ImmutableEnumChecker") // method references without state
        private final Factory factory;

        Kind(Factory factory) {
            this.factory = factory;
        }

        Function<Flux<Integer>, Flux<Integer>> of(int capacity) {
            return of(capacity, options -> {});
        }

        Function<Flux<Integer>, Flux<Integer>> of(int capacity, Consumer<OverflowOptions<Integer>> options) {
            return factory.of(capacity, options);
        }
    }

    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> dropped = new ArrayList<>();

    private void connect(Kind kind, int capacity) {
        source.transform(kind.of(capacity, o -> o.onDropped(dropped::add))).subscribe(consumer);
    }

    private void send(int from, int to) {
        IntStream.rangeClosed(from, to).forEach(source::next);
    }

    private static List<Integer> range(int from, int to) {
        return IntStream.rangeClosed(from, to).boxed().toList();
    }

    @ParameterizedTest(name = "capacity {0}")
    @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 100, 1000, 1024})
    @DisplayName("M11 drop-oldest keeps just the latest and tells which it let go:")
    void dropOldest(int capacity) {
        connect(Kind.DROP_OLDEST, capacity);
        send(1, capacity);
        assertThat(dropped).isEmpty();
        send(capacity + 1, capacity + 3);
        assertThat(dropped).containsExactly(1, 2, 3);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(4);
        // there is room for one again
        source.next(capacity + 4);
        assertThat(dropped).containsExactly(1, 2, 3);
        consumer.request(Long.MAX_VALUE);
        assertThat(consumer.received).isEqualTo(range(4, capacity + 4));
        assertThat(consumer.discarded).isEqualTo(dropped);
    }

    @ParameterizedTest(name = "capacity {0}")
    @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 100, 1000, 1024})
    @DisplayName("M11 drop-newest keeps just the first and tells which it let go:")
    void dropNewest(int capacity) {
        connect(Kind.DROP_NEWEST, capacity);
        send(1, capacity);
        assertThat(dropped).isEmpty();
        send(capacity + 1, capacity + 3);
        assertThat(dropped).isEqualTo(range(capacity + 1, capacity + 3));
        consumer.request(1);
        source.next(capacity + 4);
        source.next(capacity + 5);
        consumer.request(Long.MAX_VALUE);
        assertThat(consumer.received)
                .hasSize(capacity + 1)
                .startsWith(1)
                .endsWith(capacity + 4)
                .doesNotContain(capacity + 1, capacity + 5);
        assertThat(consumer.discarded).isEqualTo(dropped);
    }

    @ParameterizedTest(name = "capacity {0}")
    @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 100, 1000, 1024})
    @DisplayName("M11 block withholds demand, and nothing is dropped:")
    void block(int capacity) {
        connect(Kind.BLOCK, capacity);
        assertThat(source.requested).hasValue(capacity);
        int sent = 0;
        for (int consumed = 0; consumed <= 5 * capacity; consumed++) {
            while (sent < source.requested.get()) {
                source.next(sent++);
            }
            assertThat(source.requested.get() - consumed).isBetween(1L, (long) capacity);
            consumer.request(1);
        }
        assertThat(consumer.received).isEqualTo(range(0, 5 * capacity));
        assertThat(consumer.discarded).isEmpty();
        assertThat(dropped).isEmpty();
    }

    @ParameterizedTest(name = "capacity {0}")
    @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 100, 1000, 1024})
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("M11 error fails with an overflow, behind what waits, and cancels the source:")
    void error(int capacity) {
        connect(Kind.ERROR, capacity);
        send(1, capacity);
        assertThat(source.cancelled).isFalse();
        source.next(capacity + 1);
        assertThat(source.cancelled).isTrue();
        assertThat(consumer.error()).isNull();
        // already under way when the cancellation arrives
        source.next(capacity + 2);
        consumer.request(capacity);
        assertThat(consumer.received).isEqualTo(range(1, capacity));
        assertThat(consumer.error())
                .matches(Exceptions::isOverflow)
                .hasMessage(
                        "the overflow buffer of capacity %d is full: the consumer is slower than the source", capacity);
        assertThat(dropped).containsExactly(capacity + 1);
        assertThat(consumer.discarded).containsExactly(capacity + 1, capacity + 2);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the overflow is reported as Reactor reports its own")
    @DisplayName("block fails if the source sends more than was requested")
    void blockWithLawlessSource() {
        source.transform(Overflow.block(2, o -> o.name("orders"))).subscribe(consumer);
        send(1, 3);
        consumer.request(5);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.error())
                .matches(Exceptions::isOverflow)
                .hasMessageContaining("'orders' of capacity 2 is full: the source sends more than is requested");
        assertThat(consumer.discarded).containsExactly(3);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("what the consumer has asked for passes at once, and no more than that:")
    void demandIsExact(Kind kind) {
        connect(kind, 10);
        consumer.request(2);
        consumer.request(1);
        send(1, 5);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3, 4);
        consumer.request(2);
        source.next(6);
        source.next(7);
        assertThat(consumer.received).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("demand beyond the largest number is unbounded:")
    void demandSaturates(Kind kind) {
        connect(kind, 10);
        consumer.request(Long.MAX_VALUE - 1);
        consumer.request(Long.MAX_VALUE - 1);
        send(1, 9);
        assertThat(consumer.received).isEqualTo(range(1, 9));
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a consumer that asks for the next inside onNext gets each once, in order, without recursion:")
    void reentrantRequest(Kind kind) {
        consumer.onElement = element -> consumer.request(1);
        connect(kind, 1000);
        send(1, 700);
        consumer.request(1);
        assertThat(consumer.received).isEqualTo(range(1, 700));
        send(701, 710);
        assertThat(consumer.received).isEqualTo(range(1, 710));
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a source that sends the next while one is being handled waits for its turn:")
    void reentrantEmission(Kind kind) {
        consumer.onElement = element -> {
            if (element < 5) {
                source.next(element + 1);
            } else {
                source.complete();
            }
        };
        connect(kind, 10);
        consumer.request(100);
        source.next(1);
        assertThat(consumer.received).containsExactly(1, 2, 3, 4, 5);
        assertThat(consumer.breaches).isEmpty();
        assertThat(consumer.completions).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("demand from another thread while an element passes directly does not bring a second one:")
    void demandDuringDirectEmission(Kind kind) {
        connect(kind, 10);
        consumer.onElement = element -> {
            if (element == 1) {
                source.next(2);
                CompletableFuture.runAsync(() -> consumer.request(1)).join();
                assertThat(consumer.received).containsExactly(1);
            }
        };
        consumer.request(1);
        source.next(1);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("completion comes behind what waits:")
    void completionComesLast(Kind kind) {
        connect(kind, 10);
        send(1, 3);
        source.complete();
        assertThat(consumer.completions).hasValue(0);
        consumer.request(2);
        assertThat(consumer.completions).hasValue(0);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(consumer.completions).hasValue(1);
        consumer.request(1);
        assertThat(consumer.completions).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("completion of an empty buffer needs no demand:")
    void completionNeedsNoDemand(Kind kind) {
        connect(kind, 10);
        source.complete();
        assertThat(consumer.completions).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("an error comes behind what waits:")
    void errorComesLast(Kind kind) {
        connect(kind, 10);
        send(1, 3);
        IllegalStateException failure = new IllegalStateException("down");
        source.fail(failure);
        consumer.request(2);
        assertThat(consumer.error()).isNull();
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(consumer.error()).isSameAs(failure);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation reaches the source and discards what waits, once:")
    void cancellation(Kind kind) {
        connect(kind, 10);
        consumer.request(2);
        send(1, 6);
        consumer.cancel();
        consumer.cancel();
        assertThat(source.cancelled).isTrue();
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.discarded).containsExactly(3, 4, 5, 6);
        // already under way
        source.next(7);
        consumer.request(10);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.discarded).containsExactly(3, 4, 5, 6, 7);
        source.complete();
        assertThat(consumer.completions).hasValue(0);
        assertThat(dropped).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation inside onNext stops the emission and discards the rest:")
    void cancellationInsideOnNext(Kind kind) {
        connect(kind, 10);
        consumer.onElement = element -> {
            if (element == 3) {
                consumer.cancel();
            }
        };
        send(1, 6);
        consumer.request(6);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(consumer.discarded).containsExactly(4, 5, 6);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a cancellation while an element passes directly discards the next:")
    void cancellationInsideDirectOnNext(Kind kind) {
        connect(kind, 10);
        consumer.onElement = element -> consumer.cancel();
        consumer.request(6);
        source.next(1);
        source.next(2);
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.discarded).containsExactly(2);
    }

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = {Dropped.NEXT, Dropped.ERROR},
            because = "the source breaks the protocol")
    @DisplayName("signals after the end are reported as dropped:")
    void signalsAfterTheEnd(Kind kind) {
        connect(kind, 10);
        consumer.request(5);
        source.complete();
        source.next(1);
        source.fail(new IllegalStateException("late"));
        source.complete();
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.breaches).isEmpty();
        assertThat(consumer.completions).hasValue(1);
    }

    @ParameterizedTest
    @EnumSource(names = "BLOCK", mode = EnumSource.Mode.EXCLUDE)
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "the callback throws, and where the overflow is an error itself only one can be delivered")
    @DisplayName("a callback that throws cancels the source; its error comes behind what waits:")
    void onDroppedThrows(Kind kind) {
        source.transform(kind.of(
                        2,
                        o -> o.onDropped(element -> {
                            throw new IllegalStateException("callback for " + element);
                        })))
                .subscribe(consumer);
        send(1, 4);
        assertThat(source.cancelled).isTrue();
        consumer.request(10);
        assertThat(consumer.received).hasSize(2);
        assertThat(consumer.error()).isNotNull();
        if (kind != Kind.ERROR) {
            assertThat(consumer.error()).hasMessageStartingWith("callback for ");
        }
        List<Integer> all = new ArrayList<>(consumer.received);
        all.addAll(consumer.discarded);
        assertThat(all).containsExactlyInAnyOrder(1, 2, 3, 4);
        assertThat(consumer.breaches).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("the consumer's context reaches the source:")
    void contextPasses(Kind kind) {
        connect(kind, 3);
        assertThat((String) source.subscriber().currentContext().get("key")).isEqualTo("value");
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("answers what Scannable asks:")
    void scan(Kind kind) {
        Flux<Integer> flux = source.transform(kind.of(5, o -> o.name("ticks")));
        assertThat(Scannable.from(flux).scan(Scannable.Attr.PREFETCH))
                .isEqualTo(kind == Kind.BLOCK ? 5 : Integer.MAX_VALUE);
        assertThat(Scannable.from(flux).name()).isEqualTo("ticks");
        Flux<Integer> range = Flux.range(1, 3);
        assertThat(Scannable.from(range.transform(kind.of(5))).scan(Scannable.Attr.PARENT))
                .isSameAs(range);
        flux.subscribe(consumer);
        Scannable scannable = Scannable.from(consumer.subscription());
        consumer.request(1);
        send(1, 4);
        source.complete();
        assertThat(scannable.name()).isEqualTo("ticks");
        assertThat(scannable.scan(Scannable.Attr.BUFFERED)).isEqualTo(3);
        assertThat(scannable.scan(Scannable.Attr.CAPACITY)).isEqualTo(5);
        assertThat(scannable.scan(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM)).isZero();
        assertThat(scannable.scan(Scannable.Attr.TERMINATED)).isFalse();
        assertThat(scannable.scan(Scannable.Attr.CANCELLED)).isFalse();
        assertThat(scannable.scan(Scannable.Attr.RUN_STYLE)).isEqualTo(Scannable.Attr.RunStyle.SYNC);
        consumer.request(10);
        assertThat(scannable.scan(Scannable.Attr.BUFFERED)).isZero();
        assertThat(scannable.scan(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM)).isEqualTo(7);
        assertThat(scannable.scan(Scannable.Attr.TERMINATED)).isTrue();
        consumer.request(Long.MAX_VALUE);
        assertThat(scannable.scan(Scannable.Attr.REQUESTED_FROM_DOWNSTREAM)).isEqualTo(Long.MAX_VALUE);
        consumer.cancel();
        assertThat(scannable.scan(Scannable.Attr.CANCELLED)).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("each subscription has a buffer of its own:")
    void subscriptionsAreIndependent(Kind kind) {
        Flux<Integer> flux = Flux.range(1, 3).transform(kind.of(3));
        RecordingConsumer other = new RecordingConsumer();
        flux.subscribe(consumer);
        flux.subscribe(other);
        consumer.request(3);
        other.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(other.received).containsExactly(1);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("a capacity below 1 or above the largest is refused:")
    void capacityIsChecked(Kind kind) {
        for (int capacity : new int[] {-1, 0, Overflow.CAPACITY_MAX + 1}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> kind.of(capacity))
                    .withMessage("capacity must be between 1 and 536870912, but is " + capacity);
        }
    }

    @Test
    @DisplayName("options can be set on the factories as their types infer")
    void typesInfer() {
        List<String> lost = new ArrayList<>();
        Flux<String> words = Flux.just("a", "b", "c");
        StepVerifier.create(
                        words.transform(Overflow.dropNewest(
                                1,
                                o -> o.name("words")
                                        .onDropped(word -> lost.add(word.toUpperCase(java.util.Locale.ROOT))))),
                        0)
                .expectSubscription()
                .then(() -> assertThat(lost).containsExactly("B", "C"))
                .thenRequest(1)
                .expectNext("a")
                .verifyComplete();
        assertThat(words.transform(Overflow.block(16)).collectList().block()).containsExactly("a", "b", "c");
        assertThat(words.transform(Overflow.error(16)).map(String::length).blockLast())
                .isEqualTo(1);
        assertThatNullPointerException().isThrownBy(() -> Overflow.<String>dropOldest(1, o -> o.onDropped(nothing())));
    }

    @SuppressWarnings("NullAway") // what a caller without null checks may do
    private static <T> Consumer<T> nothing() {
        return null;
    }

    @Test
    @DisplayName("a source that is faster than its consumer's thread is cut down and not held up")
    void dropOldestBeforeAnotherThread() throws InterruptedException {
        Scheduler slow = Schedulers.newSingle("slow");
        try {
            AtomicReference<Integer> last = new AtomicReference<>();
            List<Throwable> failures = new CopyOnWriteArrayList<>();
            CountDownLatch ended = new CountDownLatch(1);
            source.transform(Overflow.dropOldest(16))
                    .publishOn(slow, 1)
                    .doFinally(signal -> ended.countDown())
                    .subscribe(last::set, failures::add);
            send(0, 99_999);
            source.complete();
            assertThat(ended.await(2, TimeUnit.MINUTES)).isTrue();
            assertThat(failures).isEmpty();
            assertThat(last).hasValue(99_999);
        } finally {
            slow.dispose();
        }
    }
}
