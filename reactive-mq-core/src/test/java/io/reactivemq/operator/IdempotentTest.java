package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.IdempotentStore.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.util.context.Context;

/** Elements are numbers; their key is the last digit. */
@DisplayName("Idempotent:")
class IdempotentTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);

    private final ManualRuntime runtime = new ManualRuntime();
    private final ManualSource source = new ManualSource();
    private final RecordingConsumer consumer = new RecordingConsumer();
    private final List<Integer> duplicates = new ArrayList<>();

    private static Integer key(Integer element) {
        return element % 10;
    }

    @Test
    @DisplayName(
            "M14 each key passes once; a duplicate is told and let go, once, and replaced by one more of the source")
    void by() {
        source.transform(Idempotent.by(IdempotentTest::key, 100, o -> o.onDuplicate(duplicates::add)))
                .subscribe(consumer);
        consumer.request(3);
        for (int n : new int[] {1, 2, 11, 21, 3}) {
            assertThat(source.requested.get()).isGreaterThan(0);
            source.next(n);
        }
        assertThat(consumer.received).containsExactly(1, 2, 3);
        assertThat(duplicates).containsExactly(11, 21);
        assertThat(consumer.discarded).containsExactly(11, 21);
        assertThat(source.requested).hasValue(5);
        source.complete();
        assertThat(consumer.completions).hasValue(1);
    }

    @Test
    @DisplayName(
            "M14 the window is bounded: the key that was seen first is forgotten first, and a duplicate does not renew it")
    void window() {
        List<Integer> passed = Flux.just(1, 2, 11, 3, 21, 31)
                .transform(Idempotent.by(IdempotentTest::key, 2))
                .collectList()
                .block();
        assertThat(passed).containsExactly(1, 2, 3, 21);
    }

    @Test
    @DisplayName("M14 a key is forgotten when its first is old enough")
    void within() {
        source.transform(Idempotent.by(
                        IdempotentTest::key,
                        100,
                        o -> o.within(Duration.ofMinutes(5)).runtime(runtime)))
                .subscribe(consumer);
        consumer.request(100);
        source.next(1);
        runtime.advanceBy(Duration.ofMinutes(4));
        source.next(11);
        source.next(2);
        runtime.advanceBy(Duration.ofMinutes(1));
        source.next(21);
        source.next(12);
        assertThat(consumer.received).containsExactly(1, 2, 21);
        assertThat(consumer.discarded).containsExactly(11, 12);
    }

    @Test
    @DisplayName("each subscription begins anew")
    void subscriptions() {
        Flux<Integer> once = Flux.just(1, 11).transform(Idempotent.by(IdempotentTest::key, 10));
        StepVerifier.create(once).expectNext(1).verifyComplete();
        StepVerifier.create(once).expectNext(1).verifyComplete();
    }

    @Test
    @DisplayName("M14 random keys, counts and ages pass as a plain list says")
    void asThePlainModel() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int capacity = random.nextInt(1, 5);
            long within = random.nextBoolean() ? SeenKeys.EVER : random.nextInt(1, 10);
            SeenKeys<Integer> seen = new SeenKeys<>(capacity, within);
            // all that were let through: a key is known if it is among the latest, and young enough
            int[] keys = new int[12];
            long[] since = new long[12];
            int count = 0;
            long now = 0;
            for (int i = 0; i < 12; i++) {
                now += random.nextInt(3);
                int key = random.nextInt(6);
                boolean expected = true;
                for (int k = Math.max(0, count - capacity); k < count; k++) {
                    expected &= keys[k] != key || (within != SeenKeys.EVER && now - since[k] >= within);
                }
                if (expected) {
                    keys[count] = key;
                    since[count++] = now;
                }
                if (seen.contains(key, now) == expected || seen.add(key, now) != expected || seen.size() > capacity) {
                    throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this: step " + i);
                }
            }
        }
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the functions fail")
    @DisplayName("a key function or callback that throws is the error of the whole, and the element is let go")
    void functionsThatThrow() {
        Flux.just(1, 2).transform(Idempotent.by(n -> 1 / (n - 2), 10)).subscribe(consumer);
        consumer.request(10);
        assertThat(consumer.received).containsExactly(1);
        assertThat(consumer.error()).isInstanceOf(ArithmeticException.class);

        RecordingConsumer other = new RecordingConsumer();
        Flux.just(1, 11)
                .transform(Idempotent.by(
                        IdempotentTest::key,
                        10,
                        o -> o.onDuplicate(n -> {
                            throw new IllegalStateException("no " + n);
                        })))
                .subscribe(other);
        other.request(10);
        assertThat(other.error()).hasMessage("no 11");
    }

    @Test
    @DisplayName(
            "M14 by a store: marked before the consumer has the element, shared by subscriptions, one at a time under demand")
    void byStore() {
        IdempotentStore<Integer> store = IdempotentStore.inMemory(100);
        source.transform(Idempotent.by(IdempotentTest::key, store, o -> o.onDuplicate(duplicates::add)))
                .subscribe(consumer);
        assertThat(source.requested.get()).isEqualTo(1);
        source.next(1);
        // its key is marked, it waits for demand, and one more may come
        assertThat(source.requested.get()).isEqualTo(2);
        consumer.request(1);
        source.next(11);
        assertThat(source.requested.get()).isEqualTo(3);
        consumer.request(1);
        source.next(2);
        assertThat(consumer.received).containsExactly(1, 2);
        assertThat(consumer.discarded).containsExactly(11);
        assertThat(duplicates).containsExactly(11);
        StepVerifier.create(Flux.just(21, 3).transform(Idempotent.by(IdempotentTest::key, store)))
                .expectNext(3)
                .verifyComplete();
    }

    @Test
    @DisplayName(
            "M14 an effect is applied once, its result emitted when the key is recorded; one that fails is not recorded")
    void apply() {
        IdempotentStore<Integer> store = IdempotentStore.inMemory(100);
        AtomicInteger attempts = new AtomicInteger();
        Flux<String> results = Flux.just(1, 2, 11, 12)
                .transform(Idempotent.apply(
                        IdempotentTest::key,
                        store,
                        n -> Mono.fromSupplier(() -> {
                            if (n == 2 && attempts.incrementAndGet() == 1) {
                                throw new IllegalStateException("down");
                            }
                            return "done " + n;
                        }),
                        4,
                        o -> o.onDuplicate(duplicates::add)));
        StepVerifier.create(results).expectNext("done 1").verifyErrorMessage("down");
        // delivered again: 1 was applied, 2 was not
        StepVerifier.create(results).expectNext("done 2").verifyComplete();
        StepVerifier.create(results).verifyComplete();
        assertThat(duplicates).startsWith(1, 11).contains(12);
    }

    @Test
    @DisplayName("M14 an effect without a result is applied once, too")
    void applyWithoutResult() {
        IdempotentStore<Integer> store = IdempotentStore.inMemory(100);
        List<Integer> effects = new ArrayList<>();
        Flux.just(1, 11, 2)
                .transform(Idempotent.apply(
                        IdempotentTest::key, store, n -> Mono.<Void>fromRunnable(() -> effects.add(n)), 4))
                .blockLast();
        assertThat(effects).containsExactly(1, 2);
    }

    @Test
    @DisplayName("M14 the result of an effect whose record fails is let go, once")
    void recordFails() {
        IdempotentStore<Integer> full = new IdempotentStore<>() {
            @Override
            public Mono<Outcome> applyOnce(Integer key, Mono<Void> effect) {
                // tries twice, as a transaction may
                return effect.then(effect).then(Mono.defer(() -> Mono.error(new IllegalStateException("disk full"))));
            }
        };
        AtomicInteger results = new AtomicInteger(100);
        Flux.just(1)
                .transform(Idempotent.apply(
                        IdempotentTest::key, full, n -> Mono.fromSupplier(results::incrementAndGet), 1))
                .subscribe(consumer);
        consumer.request(1);
        assertThat(consumer.error()).hasMessage("disk full");
        assertThat(consumer.discarded).containsExactly(101, 102);
    }

    @Test
    @DisplayName("M14 the result of an effect that comes as it is cancelled is let go, once")
    void resultComesAfterCancellation() {
        ManualSource effect = new ManualSource();
        source.transform(Idempotent.apply(
                        IdempotentTest::key, IdempotentStore.<Integer>inMemory(10), n -> Mono.fromDirect(effect), 1))
                .subscribe(consumer);
        consumer.request(1);
        source.next(1);
        consumer.cancel();
        assertThat(effect.cancelled).isTrue();
        // it was under way
        effect.next(101);
        assertThat(consumer.received).isEmpty();
        assertThat(consumer.discarded).containsExactly(101);
    }

    @Test
    @DisplayName(
            "M14 concurrent duplicates wait: applied once if the first completes, tried again if it fails or is cancelled")
    void concurrentDuplicates() {
        IdempotentStore<String> store = IdempotentStore.inMemory(100);
        List<Sinks.Empty<Void>> effects = new ArrayList<>();
        List<String> outcomes = new ArrayList<>();
        Mono<Void> effect = Mono.defer(() -> {
            Sinks.Empty<Void> sink = Sinks.empty();
            effects.add(sink);
            return sink.asMono();
        });
        for (int i = 0; i < 3; i++) {
            int n = i;
            store.applyOnce("k", effect)
                    .subscribe(
                            outcome -> outcomes.add(n + " " + outcome),
                            error -> outcomes.add(n + " " + error.getMessage()));
        }
        assertThat(effects).hasSize(1);
        effects.get(0).tryEmitError(new IllegalStateException("down")).orThrow();
        assertThat(outcomes).containsExactly("0 down");
        assertThat(effects).hasSize(2);
        effects.get(1).tryEmitEmpty().orThrow();
        assertThat(outcomes).containsExactlyInAnyOrder("0 down", "1 APPLIED", "2 DUPLICATE");

        store.applyOnce("other", effect).subscribe().dispose();
        StepVerifier.create(store.applyOnce("other", Mono.empty()))
                .expectNext(Outcome.APPLIED)
                .verifyComplete();
    }

    @Test
    @DisplayName("M14 many threads that deliver the same keys apply each effect once")
    void manyThreads() {
        IdempotentStore<Integer> store = IdempotentStore.inMemory(10_000);
        Map<Integer, AtomicInteger> effects = new ConcurrentHashMap<>();
        Flux.range(0, 4)
                .flatMap(thread -> Flux.range(0, 1_000)
                        .transform(Idempotent.apply(
                                n -> n,
                                store,
                                n -> Mono.<Void>fromRunnable(() -> effects.computeIfAbsent(n, k -> new AtomicInteger())
                                                .incrementAndGet())
                                        .subscribeOn(Schedulers.parallel()),
                                8))
                        .subscribeOn(Schedulers.parallel()))
                .blockLast(Duration.ofSeconds(60));
        assertThat(effects).hasSize(1_000);
        assertThat(effects.values()).allMatch(count -> count.get() == 1);
    }

    /** What a table and its transactions do: the rows and the effects of a transaction come together or not at all. */
    private static final class Database implements IdempotentStore<Integer> {

        final Set<Integer> keys = new LinkedHashSet<>();
        final Map<Integer, Integer> balance = new HashMap<>();

        @Override
        public Mono<Outcome> applyOnce(Integer key, Mono<Void> effect) {
            return Mono.defer(() -> {
                if (keys.contains(key)) {
                    return Mono.just(Outcome.DUPLICATE);
                }
                Map<Integer, Integer> written = new HashMap<>();
                return effect.contextWrite(Context.of("transaction", written)).then(Mono.fromCallable(() -> {
                    // the commit
                    keys.add(key);
                    balance.putAll(written);
                    return Outcome.APPLIED;
                }));
            });
        }

        /** An effect that writes in the transaction that it is run in, and then perhaps fails. */
        Mono<Void> write(int key, boolean fails) {
            return Mono.deferContextual(context -> {
                Map<Integer, Integer> written = context.get("transaction");
                written.merge(key, balance.getOrDefault(key, 0) + 1, (old, sum) -> sum);
                return fails ? Mono.error(new IllegalStateException("crash")) : Mono.empty();
            });
        }
    }

    @Test
    @DisplayName("M14 with a store that records in the effect's transaction an effect is applied once, across crashes")
    void acrossRestarts() {
        Database database = new Database();
        SplittableRandom random = new SplittableRandom(7);
        // each run is a process that takes up all the messages, and crashes somewhere
        for (int run = 0; run < 30; run++) {
            int crashAt = run == 29 ? -1 : random.nextInt(20);
            Flux.range(0, 20)
                    .transform(Idempotent.<Integer, Integer, Void>apply(
                            n -> n, database, n -> database.write(n, n == crashAt), 1))
                    .onErrorComplete()
                    .blockLast();
        }
        assertThat(database.balance).hasSize(20);
        assertThat(database.balance.values()).containsOnly(1);
    }

    @Test
    @DisplayName("a store without an outcome is an error")
    void storeWithoutOutcome() {
        IdempotentStore<Integer> broken = new IdempotentStore<>() {
            @Override
            public Mono<Outcome> applyOnce(Integer key, Mono<Void> effect) {
                return Mono.empty();
            }
        };
        StepVerifier.create(Flux.just(1).transform(Idempotent.by(IdempotentTest::key, broken)))
                .verifyErrorMessage("the store has no outcome for the key 1");
    }

    @Test
    @DisplayName("a cancellation lets go what waits, once")
    void cancel() {
        List<Object> discarded = new ArrayList<>();
        Flux.range(0, 5)
                .transform(Idempotent.apply(n -> 0, IdempotentStore.<Integer>inMemory(10), n -> Mono.<Void>never(), 2))
                .contextWrite(Operators.enableOnDiscard(Context.empty(), discarded::add))
                .subscribe()
                .dispose();
        assertThat(discarded)
                .containsExactlyElementsOf(IntStream.range(1, 5).boxed().toList());
    }

    @Test
    @DisplayName("arguments are checked, with what was expected and given")
    void arguments() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Idempotent.by(n -> n, 0))
                .withMessage("window must be between 1 and 67108864, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> IdempotentStore.inMemory(0))
                .withMessage("window must be between 1 and 67108864, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> IdempotentStore.inMemory(1, Duration.ZERO))
                .withMessage("within must be above zero, but is PT0S");
    }
}
