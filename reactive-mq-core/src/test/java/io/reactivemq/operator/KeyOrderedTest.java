package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;
import reactor.test.scheduler.VirtualTimeScheduler;
import reactor.util.context.Context;
import reactor.util.retry.Retry;

/** Elements are numbers; their key is the number of hundreds unless a test says otherwise. */
@DisplayName("KeyOrdered:")
class KeyOrderedTest {

    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();

    /** The publishers that were subscribed, by element. */
    private final Map<Integer, TestPublisher<Integer>> handled = new HashMap<>();

    private final List<Integer> order = new ArrayList<>();

    private void connect(int concurrency) {
        connect(concurrency, o -> {});
    }

    private void connect(int concurrency, Consumer<KeyOrdered.Options> options) {
        source.transform(KeyOrdered.<Integer, Integer>flatMap(n -> n / 100, this::handle, concurrency, options))
                .subscribe(consumer);
    }

    private Flux<Integer> handle(int element) {
        order.add(element);
        TestPublisher<Integer> publisher = TestPublisher.create();
        handled.put(element, publisher);
        return publisher.flux();
    }

    private void send(int... elements) {
        IntStream.of(elements).forEach(source::next);
    }

    /** The publisher of an element emits it and completes. */
    private void finish(int element) {
        publisher(element).emit(element);
    }

    private TestPublisher<Integer> publisher(int element) {
        TestPublisher<Integer> publisher = handled.get(element);
        assertThat(publisher).as("the publisher of " + element).isNotNull();
        return java.util.Objects.requireNonNull(publisher);
    }

    @Test
    @DisplayName("M08 Q04 one of a key at a time, in order; other keys meanwhile")
    void oneOfAKeyAtATime() {
        connect(4);
        consumer.request(100);
        send(100, 101, 200, 102, 201);
        assertThat(order).containsExactly(100, 200);
        finish(200);
        assertThat(order).containsExactly(100, 200, 201);
        finish(100);
        assertThat(order).containsExactly(100, 200, 201, 101);
        finish(101);
        finish(102);
        finish(201);
        source.complete();
        assertThat(consumer.received).containsExactly(200, 100, 101, 102, 201);
        assertThat(consumer.completions).hasValue(1);
        assertThat(consumer.discarded).isEmpty();
    }

    @Test
    @DisplayName("no more publishers than the concurrency; keys get a place in turn")
    void concurrency() {
        connect(2);
        consumer.request(100);
        send(100, 101, 102, 200, 300, 400);
        assertThat(order).containsExactly(100, 200);
        finish(100);
        // 300 has waited for a place before 101 could have one
        assertThat(order).containsExactly(100, 200, 300);
        finish(200);
        finish(300);
        finish(400);
        finish(101);
        assertThat(order).containsExactly(100, 200, 300, 400, 101, 102);
    }

    @ParameterizedTest(name = "{0} keys")
    @ValueSource(ints = {1, 2, 7, 300, 10_000})
    @DisplayName("never hangs, whatever the number of keys:")
    void neverHangs(int keys) {
        Map<Integer, Integer> last = new HashMap<>();
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        Flux<Integer> results = Flux.range(0, 20_000)
                .transform(KeyOrdered.flatMap(
                        n -> n % keys,
                        n -> Mono.fromCallable(() -> n)
                                .subscribeOn(Schedulers.parallel())
                                .doOnSubscribe(s -> most.accumulateAndGet(running.incrementAndGet(), Math::max))
                                .doOnTerminate(running::decrementAndGet),
                        4));
        StepVerifier.create(results.doOnNext(n -> {
                    Integer before = last.put(n % keys, n);
                    assertThat(before == null || before < n).isTrue();
                }))
                .expectNextCount(20_000)
                .expectComplete()
                .verify(Duration.ofSeconds(60));
        assertThat(most.get()).isBetween(1, 4);
        assertThat(last).hasSize(keys);
    }

    @Test
    @DisplayName("does not hang where groupBy and flatMap do: more keys than the flatMap subscribes to")
    void groupByHangs() {
        VirtualTimeScheduler time = VirtualTimeScheduler.create();
        AtomicInteger ofGroupBy = new AtomicInteger();
        // 1,000 keys, room for 8 groups: the ninth waits for one of the eight to end, and they end with the source,
        // which waits for room in the ninth
        Flux.range(0, 10_000)
                .groupBy(n -> n % 1_000, 32)
                .flatMap(lane -> lane.concatMap(n -> Mono.just(n).delayElement(Duration.ofMillis(1), time)), 8)
                .subscribe(n -> ofGroupBy.incrementAndGet());
        AtomicInteger ofOurs = new AtomicInteger();
        Flux.range(0, 10_000)
                .transform(KeyOrdered.flatMap(
                        n -> n % 1_000,
                        n -> Mono.just(n).delayElement(Duration.ofMillis(1), time),
                        8,
                        o -> o.maxWaiting(32)))
                .subscribe(n -> ofOurs.incrementAndGet());
        time.advanceTimeBy(Duration.ofHours(1));
        assertThat(ofGroupBy.get()).isLessThan(100);
        assertThat(ofOurs.get()).isEqualTo(10_000);
    }

    @Test
    @DisplayName("M11 at the bound demand is withheld, and comes back as waiters get their turn")
    void bound() {
        connect(2, o -> o.maxWaiting(4));
        consumer.request(Long.MAX_VALUE);
        assertThat(source.requested).hasValue(4);
        send(100, 101, 102, 103);
        // one runs, three wait: one more has room
        assertThat(source.requested).hasValue(5);
        send(104);
        assertThat(source.requested).hasValue(5);
        finish(100);
        assertThat(source.requested).hasValue(6);
        send(200);
        assertThat(order).containsExactly(100, 101, 200);
        assertThat(source.requested).hasValue(7);
    }

    @Test
    @DisplayName("a source that sends more than is requested gets an overflow error")
    void unlawfulSource() {
        connect(1, o -> o.maxWaiting(2).name("billing"));
        consumer.request(1);
        send(100, 101, 102, 103);
        assertThat(Exceptions.isOverflow(consumer.error())).isTrue();
        assertThat(consumer.error()).hasMessageContaining("'billing' lets 2 elements wait");
        assertThat(source.cancelled).isTrue();
        assertThat(consumer.discarded).containsExactlyInAnyOrder(101, 102, 103);
        send(104);
        assertThat(consumer.discarded).contains(104);
    }

    @Test
    @DisplayName("results are emitted as requested, of each publisher in turn")
    void demand() {
        connect(2);
        send(100, 200);
        publisher(100).next(1, 2, 3);
        publisher(200).next(11, 12, 13);
        assertThat(consumer.received).isEmpty();
        consumer.request(3);
        assertThat(consumer.received).containsExactly(1, 11, 2);
        publisher(100).complete();
        consumer.request(2);
        assertThat(consumer.received).containsExactly(1, 11, 2, 12, 3);
        send(101);
        assertThat(order).containsExactly(100, 200, 101);
        consumer.request(Long.MAX_VALUE);
        assertThat(consumer.received).containsExactly(1, 11, 2, 12, 3, 13);
    }

    @Test
    @DisplayName("M08 the next of a key starts when the results of the one before are emitted")
    void resultsInOrderBeforeTheNext() {
        connect(4);
        send(100, 101);
        publisher(100).emit(1, 2);
        assertThat(order).containsExactly(100);
        consumer.request(1);
        assertThat(order).containsExactly(100);
        consumer.request(1);
        assertThat(order).containsExactly(100, 101);
    }

    @Test
    @DisplayName("of a publisher no more than the prefetch is requested, and again as it is consumed")
    void prefetch() {
        List<Long> requests = new ArrayList<>();
        Flux.just(1)
                .transform(KeyOrdered.flatMap(
                        n -> n, n -> Flux.range(0, 100).doOnRequest(requests::add), 1, o -> o.prefetch(8)))
                .subscribe(consumer);
        assertThat(requests).containsExactly(8L);
        consumer.request(5);
        assertThat(requests).containsExactly(8L);
        consumer.request(1);
        assertThat(requests).containsExactly(8L, 6L);
        consumer.request(1000);
        assertThat(consumer.received).hasSize(100).isSorted();
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @DisplayName("a publisher that sends more than is requested gets an overflow error")
    void unlawfulPublisher() {
        TestPublisher<Integer> wild = TestPublisher.createNoncompliant(TestPublisher.Violation.REQUEST_OVERFLOW);
        RecordingConsumer other = new RecordingConsumer();
        Flux.just(1)
                .transform(KeyOrdered.flatMap(n -> n, n -> wild.flux(), 1, o -> o.prefetch(4)))
                .subscribe(other);
        for (int i = 0; i < 6; i++) {
            wild.next(i);
        }
        assertThat(Exceptions.isOverflow(other.error())).isTrue();
        assertThat(other.discarded).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5);
    }

    @Test
    @DisplayName("the first failure cancels all and lets go what waits")
    void failFast() {
        connect(2);
        consumer.request(100);
        send(100, 101, 200, 300);
        publisher(200).next(1);
        publisher(100).error(new IllegalStateException("down"));
        assertThat(consumer.error()).hasMessage("down");
        assertThat(source.cancelled).isTrue();
        publisher(200).assertCancelled();
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.discarded).containsExactlyInAnyOrder(101, 300);
    }

    @Test
    @DisplayName("a failed source ends all at once")
    void sourceFails() {
        connect(2);
        consumer.request(100);
        send(100, 101);
        source.fail(new IllegalStateException("down"));
        assertThat(consumer.error()).hasMessage("down");
        publisher(100).assertCancelled();
        assertThat(consumer.discarded).containsExactly(101);
    }

    @Test
    @DisplayName("with delayErrors the others are handled first, and the error tells of all")
    void delayErrors() {
        connect(2, KeyOrdered.Options::delayErrors);
        consumer.request(100);
        send(100, 101, 200);
        publisher(100).error(new IllegalStateException("one"));
        assertThat(order).containsExactly(100, 200, 101);
        publisher(200).error(new IllegalStateException("two"));
        source.fail(new IllegalStateException("three"));
        assertThat(consumer.errors).isEmpty();
        finish(101);
        assertThat(consumer.received).containsExactly(101);
        assertThat(Exceptions.unwrapMultiple(consumer.error()))
                .extracting(Throwable::getMessage)
                .containsExactly("one", "two", "three");
    }

    @Test
    @DisplayName(
            "with delayErrors, an error that was delivered is not dropped besides, whatever is asked for behind the end")
    void delayErrorsEndsOnce() {
        connect(2, KeyOrdered.Options::delayErrors);
        consumer.onElement = element -> consumer.request(1);
        consumer.request(1);
        send(100, 200);
        source.complete();
        publisher(100).error(new IllegalStateException("one"));
        finish(200);
        assertThat(consumer.error()).hasMessage("one");
        consumer.request(1);
        consumer.cancel();
        assertThat(consumer.errors).hasSize(1);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the functions fail")
    @DisplayName("a function that throws or returns null ends all, and the element is let go")
    void functionsThatThrow() {
        RecordingConsumer byKey = new RecordingConsumer();
        Flux.just(1, 2)
                .transform(KeyOrdered.<Integer, Integer>flatMap(n -> 1 / (n - 1), Mono::just, 1))
                .subscribe(byKey);
        assertThat(byKey.error()).isInstanceOf(ArithmeticException.class);
        assertThat(byKey.discarded).containsExactly(1);

        RecordingConsumer byHandler = new RecordingConsumer();
        Flux.just(1, 2)
                .transform(KeyOrdered.<Integer, Integer>flatMap(n -> n, n -> Mono.just(1 / (n - 1)), 1))
                .subscribe(byHandler);
        assertThat(byHandler.error()).isInstanceOf(ArithmeticException.class);
        assertThat(byHandler.discarded).containsExactly(1);

        RecordingConsumer byCall = new RecordingConsumer();
        byCall.onSubscribe(reactor.core.publisher.Operators.emptySubscription());
        Flux.just(1, 2)
                .transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n, n -> Mono.fromCallable(() -> 1 / (n - 1)), 1, KeyOrdered.Options::delayErrors))
                .subscribe(byCall);
        byCall.request(10);
        assertThat(byCall.received).containsExactly(1);
        assertThat(byCall.error()).isInstanceOf(ArithmeticException.class);

        RecordingConsumer nothing = new RecordingConsumer();
        Flux.just(1)
                .transform(KeyOrdered.<Integer, Integer>flatMap(n -> sneaky(), Mono::just, 1))
                .subscribe(nothing);
        assertThat(nothing.error()).hasMessage("the key function returned null");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key can't be hashed")
    @DisplayName("a key that can't be hashed ends all, and the element is let go:")
    void keyCannotBeHashed(int strength) {
        // alone, its registration is the first to hash it; beside another, the search for its lane
        keyCannotBeHashed(0, 4, 0);
        keyCannotBeHashed(strength, 4, 1);
        keyCannotBeHashed(strength, 1, 1);
    }

    private static void keyCannotBeHashed(int strength, int concurrency, int others) {
        ManualSource from = new ManualSource();
        RecordingConsumer to = new RecordingConsumer();
        from.transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n == 9 ? new ConflateTest.Tiring(strength) : n, n -> Flux.never(), concurrency))
                .subscribe(to);
        to.request(10);
        IntStream.range(0, others).forEach(from::next);
        from.next(9);
        assertThat(to.error()).hasMessage("no hash");
        assertThat(to.discarded).containsExactly(9);
        assertThat(from.cancelled).isTrue();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key can't be hashed")
    @DisplayName("a key that can't be hashed lets the result go that was to wait, and with delayed errors others go on")
    void keyCannotBeHashedForItsResult() {
        source.transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n == 2 ? new ConflateTest.Tiring(0) : n,
                        n -> Mono.fromSupplier(() -> n + 100),
                        1,
                        KeyOrdered.Options::delayErrors))
                .subscribe(consumer);
        // no demand: the result has to wait
        source.next(2);
        source.next(3);
        consumer.request(10);
        source.complete();
        assertThat(consumer.received).containsExactly(103);
        assertThat(consumer.discarded).containsExactly(102);
        assertThat(consumer.error()).hasMessage("no hash");
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the key can't be hashed any more")
    @DisplayName("a key that can't be hashed any more when its publisher ends is an error that ends all")
    void keyCannotBeForgotten() {
        for (boolean delayErrors : new boolean[] {false, true}) {
            ManualSource from = new ManualSource();
            RecordingConsumer to = new RecordingConsumer();
            TestPublisher<Integer> publisher = TestPublisher.create();
            from.transform(KeyOrdered.<Integer, Integer>flatMap(
                            n -> new ConflateTest.Tiring(1), n -> publisher.flux(), 1, o -> {
                                if (delayErrors) {
                                    o.delayErrors();
                                }
                            }))
                    .subscribe(to);
            to.request(10);
            from.next(1);
            publisher.complete();
            assertThat(to.error()).hasMessage("no hash");
            assertThat(from.cancelled).isTrue();
        }
    }

    @SuppressWarnings("NullAway") // the point of the test
    private static Object sneaky() {
        return null;
    }

    @Test
    @DisplayName("a cancellation cancels the publishers and lets go what waits, once")
    void cancel() {
        connect(2);
        send(100, 101, 102, 200, 300);
        publisher(100).next(1, 2);
        consumer.cancel();
        assertThat(source.cancelled).isTrue();
        publisher(100).assertCancelled();
        publisher(200).assertCancelled();
        assertThat(consumer.discarded).containsExactlyInAnyOrder(101, 102, 300, 1, 2);
        send(400);
        assertThat(consumer.discarded).hasSize(6).contains(400);
        assertThat(consumer.received).isEmpty();
    }

    @Test
    @DisplayName("the consumer may request and cancel inside onNext")
    void reentrant() {
        connect(2);
        consumer.onElement = n -> {
            if (n < 5) {
                consumer.request(1);
            } else {
                consumer.cancel();
            }
        };
        send(100, 101);
        publisher(100).next(1, 2, 3, 4, 5, 6);
        consumer.request(1);
        assertThat(consumer.received).containsExactly(1, 2, 3, 4, 5);
        assertThat(consumer.discarded).containsExactlyInAnyOrder(6, 101);
        assertThat(consumer.breaches).isEmpty();
    }

    @Test
    @DisplayName("R11 G03 Q04 a key that backs off holds back only itself, and leaves its place to others")
    void retry() {
        VirtualTimeScheduler time = VirtualTimeScheduler.create();
        AtomicInteger attempts = new AtomicInteger();
        Flux.just(100, 200, 101, 201)
                .transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n / 100,
                        n -> n == 100
                                ? Mono.defer(() -> attempts.incrementAndGet() < 4
                                        ? Mono.error(new IllegalStateException("attempt " + attempts))
                                        : Mono.just(n))
                                : Mono.just(n),
                        1,
                        o -> o.retry(Retry.fixedDelay(5, Duration.ofSeconds(10)).scheduler(time))))
                .subscribe(consumer);
        consumer.request(100);
        assertThat(consumer.received).containsExactly(200, 201);
        time.advanceTimeBy(Duration.ofSeconds(20));
        assertThat(consumer.received).containsExactly(200, 201);
        assertThat(attempts).hasValue(3);
        time.advanceTimeBy(Duration.ofSeconds(10));
        assertThat(consumer.received).containsExactly(200, 201, 100, 101);
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "Reactor's policy reports that it gives up")
    @DisplayName("what the retry policy gives up is a failure, with what the policy says of it")
    void retryExhausted() {
        AtomicInteger attempts = new AtomicInteger();
        Flux.just(1)
                .transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n,
                        n -> Mono.defer(
                                () -> Mono.error(new IllegalStateException("attempt " + attempts.incrementAndGet()))),
                        1,
                        o -> o.retry(Retry.max(2))))
                .subscribe(consumer);
        consumer.request(1);
        assertThat(attempts).hasValue(3);
        assertThat(Exceptions.isRetryExhausted(consumer.error())).isTrue();
        assertThat(consumer.error())
                .hasCause(new IllegalStateException("attempt 3"))
                .hasRootCauseMessage("attempt 3");
    }

    @Test
    @DisplayName("the retry policy sees the count of an element, and of those in a row")
    void retrySignals() {
        List<String> seen = new ArrayList<>();
        AtomicInteger attempts = new AtomicInteger();
        Flux.just(1)
                .transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n,
                        n -> Flux.defer(() -> {
                            int attempt = attempts.incrementAndGet();
                            Flux<Integer> failure = Flux.error(new IllegalStateException("attempt " + attempt));
                            return attempt == 3 ? Flux.just(7).concatWith(failure) : failure;
                        }),
                        1,
                        o -> o.retry(Retry.from(failures -> failures.handle((signal, sink) -> {
                            seen.add(signal.totalRetries() + "/" + signal.totalRetriesInARow() + " "
                                    + signal.failure().getMessage());
                            if (seen.size() == 4) {
                                sink.complete();
                            } else {
                                sink.next(signal);
                            }
                        })))))
                .subscribe(consumer);
        consumer.request(10);
        assertThat(seen).containsExactly("0/0 attempt 1", "1/1 attempt 2", "2/0 attempt 3", "3/1 attempt 4");
        assertThat(consumer.received).containsExactly(7);
        // a policy that completes gives up without an error
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @DisplayName("a retry policy that answers a failure twice has not answered the next one")
    void retryAnsweredTwice() {
        Sinks.Many<Integer> answers = Sinks.many().unicast().onBackpressureBuffer();
        ManualSource work = new ManualSource();
        AtomicInteger attempts = new AtomicInteger();
        source.transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n,
                        n -> work.doOnSubscribe(s -> attempts.incrementAndGet()),
                        1,
                        o -> o.retry(Retry.from(failures -> Flux.merge(failures.ignoreElements(), answers.asFlux())))))
                .subscribe(consumer);
        send(1);
        work.fail(new IllegalStateException("first"));
        answers.tryEmitNext(1).orThrow();
        answers.tryEmitNext(2).orThrow();
        assertThat(attempts).hasValue(2);
        work.fail(new IllegalStateException("second"));
        assertThat(attempts).hasValue(2);
        answers.tryEmitNext(3).orThrow();
        assertThat(attempts).hasValue(3);
    }

    @Test
    @DisplayName("R11 what backs off counts among what waits, and a cancellation ends the backoffs")
    void backoffsAreBounded() {
        VirtualTimeScheduler time = VirtualTimeScheduler.create();
        source.transform(KeyOrdered.<Integer, Integer>flatMap(
                        n -> n,
                        n -> Mono.error(new IllegalStateException("down")),
                        2,
                        o -> o.maxWaiting(4)
                                .retry(Retry.fixedDelay(5, Duration.ofSeconds(10))
                                        .scheduler(time))))
                .subscribe(consumer);
        consumer.request(Long.MAX_VALUE);
        int sent = 0;
        while (sent < source.requested.get() && sent < 100) {
            source.next(++sent);
        }
        assertThat(sent).isBetween(4, 6);
        assertThat(time.getScheduledTaskCount()).isGreaterThan(0);
        consumer.cancel();
        time.advanceTimeBy(Duration.ofMinutes(10));
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.discarded).isEmpty();
    }

    @Test
    @DisplayName("the context reaches the source and the publishers")
    void context() {
        List<Object> seen = new ArrayList<>();
        Flux.just(1)
                .transform(KeyOrdered.flatMap(
                        n -> n,
                        n -> Mono.deferContextual(context -> {
                            seen.add(context.get("key"));
                            return Mono.just(n);
                        }),
                        1))
                .contextWrite(Context.of("key", "here"))
                .blockLast();
        assertThat(seen).containsExactly("here");
    }

    @Test
    @DisplayName("scan tells name, bound, and how many wait")
    void scan() {
        connect(1, o -> o.name("billing").maxWaiting(10));
        send(100, 200, 300);
        Scannable scan = Scannable.from(consumer.subscription());
        assertThat(scan.scan(Scannable.Attr.NAME)).isEqualTo("billing");
        assertThat(scan.scan(Scannable.Attr.BUFFERED)).isEqualTo(2);
        assertThat(scan.scan(Scannable.Attr.PREFETCH)).isEqualTo(10);
        assertThat(scan.scan(Scannable.Attr.TERMINATED)).isFalse();
        assertThat(scan.scan(Scannable.Attr.PARENT)).isNotNull();
        assertThat(scan.scan(Scannable.Attr.ACTUAL)).isNotNull();
        assertThat(scan.scan(Scannable.Attr.RUN_STYLE)).isEqualTo(Scannable.Attr.RunStyle.SYNC);
    }

    @Test
    @DisplayName("arguments are checked, with what was expected and given")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyOrdered.<Integer, Integer>flatMap(n -> n, Mono::just, 0))
                .withMessage("concurrency must be between 1 and 1048576, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyOrdered.<Integer, Integer>flatMap(n -> n, Mono::just, 1, o -> o.maxWaiting(0)))
                .withMessage("maxWaiting must be between 1 and 1048576, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> KeyOrdered.<Integer, Integer>flatMap(n -> n, Mono::just, 1, o -> o.prefetch(-1)))
                .withMessage("prefetch must be between 1 and 1048576, but is -1");
        assertThatNullPointerException()
                .isThrownBy(() -> KeyOrdered.<Integer, Integer>flatMap(nothing(), Mono::just, 1))
                .withMessage("key");
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // the point of the test
    private static <X> X nothing() {
        return null;
    }
}
