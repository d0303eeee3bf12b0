package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import io.reactivemq.operator.IdempotentStore.Outcome;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Lets each key through once, or applies an effect once for each key, however often it is delivered:
 *
 * <pre>{@code
 * orders.transform(Idempotent.by(Order::id, 100_000));
 * orders.transform(Idempotent.by(Order::id, 100_000, o -> o.within(Duration.ofMinutes(5)).onDuplicate(this::count)));
 *
 * IdempotentStore<String> store = IdempotentStore.inMemory(100_000);        // or one on a database
 * orders.transform(Idempotent.apply(Order::id, store, this::charge, 64));    // Flux<Receipt>
 * }</pre>
 *
 * <p><img src="doc-files/idempotent.svg" alt="the second element of a key is let go">
 *
 * <p><b>What is promised.</b>
 * <ul>
 * <li>{@link #by} marks a key <i>before</i> the consumer has the element. A consumer that fails and gets the element again does
 *     not see it a second time, so its effect happens at most once; within the window, and as long as the
 *     subscription (or the store) lasts.
 * <li>{@link #apply} records a key <i>after</i> the effect has completed, or with it: an effect that fails may be tried again, one
 *     that completed is not. With a store that records in the effect's own transaction it is applied once, across restarts. With any
 *     other a crash between effect and record repeats it. Duplicates that run into one another wait.
 * </ul>
 *
 * <p><b>Duplicates</b> are told to {@code onDuplicate} and go to the discard hook, once each. A key that is met again is not younger for
 * it: it is forgotten when its first is old enough, or followed by {@code window} others.
 *
 * <p><b>Demand.</b> As requested: a duplicate is replaced by one more of the source.
 */
public final class Idempotent {

    /** The most keys that are remembered. */
    public static final int WINDOW_MAX = 1 << 26;

    private Idempotent() {}

    /**
     * Lets the first element of each key through, and no other of the {@code window} keys seen last. Each subscription begins
     * anew.
     *
     * @param window how many keys are remembered, from 1 to {@link #WINDOW_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> by(Function<? super T, ?> key, int window) {
        return by(key, window, options -> {});
    }

    /** {@link #by(Function, int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> by(
            Function<? super T, ?> key, int window, Consumer<WindowOptions<T>> configure) {
        Objects.requireNonNull(key, "key");
        checkWindow(window);
        WindowOptions<T> options = new WindowOptions<>();
        configure.accept(options);
        MqRuntime runtime = options.runtime == null ? MqRuntime.system() : options.runtime;
        long within = options.withinNanos;
        Consumer<? super T> onDuplicate = options.onDuplicate;
        return source -> Flux.defer(() -> {
            SeenKeys<Object> seen = new SeenKeys<>(window, within);
            return source.filter(element -> {
                long now = within == SeenKeys.EVER ? 0 : runtime.nanoTime();
                boolean first = seen.add(keyOf(key, element), now);
                if (!first) {
                    onDuplicate.accept(element);
                }
                return first;
            });
        });
    }

    /**
     * Lets the first element of each key through, as the store says; one at a time, in order. The key is recorded before the
     * consumer has the element.
     */
    public static <T, K> Function<Flux<T>, Flux<T>> by(Function<? super T, ? extends K> key, IdempotentStore<K> store) {
        return by(key, store, options -> {});
    }

    /** {@link #by(Function, IdempotentStore)} with options. */
    public static <T, K> Function<Flux<T>, Flux<T>> by(
            Function<? super T, ? extends K> key, IdempotentStore<K> store, Consumer<Options<T>> configure) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(store, "store");
        Options<T> options = new Options<>();
        configure.accept(options);
        // all are of one key: one at a time, in order
        return KeyOrdered.flatMap(
                element -> true,
                element -> passOnce(store, keyOf(key, element), element, options.onDuplicate),
                1,
                o -> o.maxWaiting(1));
    }

    private static <T, K> Mono<T> passOnce(
            IdempotentStore<K> store, K key, T element, Consumer<? super T> onDuplicate) {
        return Mono.deferContextual(context -> {
            Context hooks = Context.of(context);
            AtomicBoolean left = new AtomicBoolean();
            return outcome(store, key, Mono.empty())
                    .<T>handle((outcome, sink) -> {
                        if (!left.compareAndSet(false, true)) {
                            return;
                        }
                        if (outcome == Outcome.APPLIED) {
                            sink.next(element);
                        } else {
                            duplicate(element, onDuplicate, hooks);
                        }
                    })
                    // by an error or a cancellation
                    .doFinally(signal -> {
                        if (left.compareAndSet(false, true)) {
                            Operators.onDiscard(element, hooks);
                        }
                    });
        });
    }

    /**
     * Applies an effect to the first element of each key, as the store says, and emits its result when the key is recorded. Concurrent
     * across keys, in order within one: see {@link KeyOrdered}. An effect that fails is the error of the whole, and its key is not
     * recorded.
     *
     * @param effect what happens once; at most one result
     * @param concurrency how many effects run at most, from 1 to {@link KeyOrdered#CONCURRENCY_MAX}
     */
    public static <T, K, R> Function<Flux<T>, Flux<R>> apply(
            Function<? super T, ? extends K> key,
            IdempotentStore<K> store,
            Function<? super T, Mono<R>> effect,
            int concurrency) {
        return apply(key, store, effect, concurrency, options -> {});
    }

    /** {@link #apply(Function, IdempotentStore, Function, int)} with options. */
    public static <T, K, R> Function<Flux<T>, Flux<R>> apply(
            Function<? super T, ? extends K> key,
            IdempotentStore<K> store,
            Function<? super T, Mono<R>> effect,
            int concurrency,
            Consumer<Options<T>> configure) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(store, "store");
        Objects.requireNonNull(effect, "effect");
        Options<T> options = new Options<>();
        configure.accept(options);
        return KeyOrdered.flatMap(
                key,
                element -> Idempotent.<T, K, R>once(
                        store,
                        keyOf(key, element),
                        element,
                        Mono.defer(() -> effect.apply(element)),
                        options.onDuplicate),
                concurrency);
    }

    private static <T, K, R> Mono<R> once(
            IdempotentStore<K> store, K key, T element, Mono<R> effect, Consumer<? super T> onDuplicate) {
        return Mono.deferContextual(context -> {
            Context hooks = Context.of(context);
            Held<R> result = new Held<>();
            // not then(): that would hand the result to the discard hook
            Mono<Void> run = effect.<Void>handle((value, sink) -> letGo(result.put(value), hooks))
                    .contextWrite(inStore ->
                            Operators.enableOnDiscard(inStore, discarded -> Operators.onDiscard(discarded, hooks)));
            return outcome(store, key, run)
                    .<R>handle((outcome, sink) -> {
                        if (outcome == Outcome.DUPLICATE) {
                            duplicate(element, onDuplicate, hooks);
                            return;
                        }
                        R value = result.take();
                        if (value != null) {
                            sink.next(value);
                        }
                    })
                    // of an effect whose record failed, or that was cancelled
                    .doFinally(signal -> letGo(result.close(), hooks));
        });
    }

    private static <K> Mono<Outcome> outcome(IdempotentStore<K> store, K key, Mono<Void> effect) {
        return store.applyOnce(key, effect)
                // the outcomes of the store are none of the elements that the hook is for
                .contextWrite(outside -> Operators.enableOnDiscard(outside, ignored -> {}))
                .switchIfEmpty(
                        Mono.error(() -> new IllegalStateException("the store has no outcome for the key " + key)));
    }

    private static <T> void duplicate(T element, Consumer<? super T> onDuplicate, Context context) {
        try {
            onDuplicate.accept(element);
        } finally {
            Operators.onDiscard(element, context);
        }
    }

    private static void letGo(@Nullable Object result, Context context) {
        if (result != null) {
            Operators.onDiscard(result, context);
        }
    }

    private static <T, K> K keyOf(Function<? super T, ? extends K> key, T element) {
        return Objects.requireNonNull(key.apply(element), "the key function returned null");
    }

    static void checkWindow(int window) {
        if (window < 1 || window > WINDOW_MAX) {
            throw new IllegalArgumentException("window must be between 1 and " + WINDOW_MAX + ", but is " + window);
        }
    }

    static long nanos(Duration within) {
        if (within.isZero() || within.isNegative()) {
            throw new IllegalArgumentException("within must be above zero, but is " + within);
        }
        try {
            return within.toNanos();
        } catch (ArithmeticException e) {
            return SeenKeys.EVER;
        }
    }

    /** The result of an effect until its key is recorded. An effect may come to it as it is cancelled, so who is late must see that. */
    private static final class Held<R> {

        private static final Object CLOSED = new Object();

        private final AtomicReference<@Nullable Object> value = new AtomicReference<>();

        /** Returns what is to be let go for it: the result of an earlier try, or this one, which nobody will take any more. */
        @Nullable Object put(R result) {
            Object before;
            do {
                before = value.get();
                if (before == CLOSED) {
                    return result;
                }
            } while (!value.compareAndSet(before, result));
            return before;
        }

        @SuppressWarnings("unchecked") // put writes results
        @Nullable R take() {
            Object held;
            do {
                held = value.get();
                if (held == CLOSED) {
                    return null;
                }
            } while (!value.compareAndSet(held, null));
            return (R) held;
        }

        /** Returns what is to be let go. */
        @Nullable Object close() {
            Object held = value.getAndSet(CLOSED);
            return held == CLOSED ? null : held;
        }
    }

    /** What can be said besides key and store. */
    public static final class Options<T> {

        private Consumer<? super T> onDuplicate = element -> {};

        private Options() {}

        /** Told of each duplicate before the discard hook gets it. If it throws, that is the error of the whole. */
        public Options<T> onDuplicate(Consumer<? super T> callback) {
            this.onDuplicate = Objects.requireNonNull(callback, "callback");
            return this;
        }
    }

    /** What can be said besides key and window. */
    public static final class WindowOptions<T> {

        private Consumer<? super T> onDuplicate = element -> {};
        private long withinNanos = SeenKeys.EVER;
        private @Nullable MqRuntime runtime;

        private WindowOptions() {}

        /** Told of each duplicate before the discard hook gets it. If it throws, that is the error of the whole. */
        public WindowOptions<T> onDuplicate(Consumer<? super T> callback) {
            this.onDuplicate = Objects.requireNonNull(callback, "callback");
            return this;
        }

        /** How long a key is remembered, above zero; as long as it is in the window if nothing is said. */
        public WindowOptions<T> within(Duration time) {
            this.withinNanos = nanos(time);
            return this;
        }

        /** Where time comes from; {@link MqRuntime#system()} if nothing is said. */
        public WindowOptions<T> runtime(MqRuntime runtime) {
            this.runtime = Objects.requireNonNull(runtime, "runtime");
            return this;
        }
    }
}
