package io.reactivemq.operator;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.KeyMeter;
import io.reactivemq.metrics.Metering;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.util.retry.Retry;

/**
 * Handles elements concurrently, but those of one key one after the other, in the order in which they came:
 *
 * <pre>{@code
 * orders.transform(KeyOrdered.flatMap(Order::customerId, this::bill, 64));
 * orders.transform(KeyOrdered.flatMap(Order::customerId, this::bill, 64, o -> o
 *         .maxWaiting(4096)
 *         .retry(Retry.backoff(5, Duration.ofMillis(200)))));
 * }</pre>
 *
 * <p><img src="doc-files/key-ordered.svg" alt="keys run concurrently, elements of one key one after the other">
 *
 * <p>It never hangs, whatever the number of keys, where {@code groupBy} followed by {@code flatMap} does once there are more
 * groups than the flatMap subscribes to: a key takes a place only while an element of its is being handled, and a key
 * that has nothing to do is forgotten.
 *
 * <p><b>Order.</b> The publisher of an element is subscribed when the one before it of the same key has completed and all its
 * results are emitted. So the results of one key come in order; those of different keys as they arise, one of each key in turn
 * where several have some.
 *
 * <p><b>Bounds.</b> At most {@code concurrency} publishers run at a time. Keys that wait for a place get it in turn. An element waits
 * if its key is busy or no place is free; at most {@code maxWaiting} do. No more are asked of the source than can wait, so a busy key
 * holds the source back once that many of its elements wait, and not before.
 *
 * <p><b>Failures.</b> Without options the first failure cancels everything and is the end, as with flatMap. With {@link
 * Options#delayErrors} the other elements are handled first, those of the failed key too. With {@link Options#retry} a failed
 * publisher is subscribed again, and its key backs off until then: it keeps its later elements waiting, and those of no other key, for
 * it gives up its place meanwhile. (A publisher that retries by itself keeps its place.) What it emitted
 * before it failed stays emitted.
 *
 * <p><b>Demand.</b> Results are emitted as requested; of each publisher at most {@code prefetch} are held.
 *
 * <p><b>Discard.</b> The operator owns an element while it waits, and a result until it is emitted: after a cancellation or a
 * failure each goes to the discard hook once. An element whose publisher was made is its publisher's.
 *
 * <p><b>Threads.</b> The functions are called one at a time, on whichever thread brings an element, a result, the end of a
 * publisher or demand. They must not block.
 */
public final class KeyOrdered {

    /** The most elements that may wait. */
    public static final int WAITING_MAX = 1 << 20;

    /** The most publishers that may run at a time. */
    public static final int CONCURRENCY_MAX = 1 << 20;

    /** The most results of one publisher that may be held. */
    public static final int PREFETCH_MAX = 1 << 20;

    private KeyOrdered() {}

    /**
     * Up to 1,024 elements wait, 32 results of each publisher are held, the first failure ends all.
     *
     * @param key the key of an element; elements of equal keys are handled one after the other
     * @param handler the publisher that handles an element
     * @param concurrency how many publishers run at most, from 1 to {@link #CONCURRENCY_MAX}
     */
    public static <T, R> Function<Flux<T>, Flux<R>> flatMap(
            Function<? super T, ?> key,
            Function<? super T, ? extends Publisher<? extends R>> handler,
            int concurrency) {
        return flatMap(key, handler, concurrency, options -> {});
    }

    /** {@link #flatMap(Function, Function, int)} with options. */
    public static <T, R> Function<Flux<T>, Flux<R>> flatMap(
            Function<? super T, ?> key,
            Function<? super T, ? extends Publisher<? extends R>> handler,
            int concurrency,
            Consumer<Options> options) {
        Objects.requireNonNull(key, "key");
        Objects.requireNonNull(handler, "handler");
        between("concurrency", 1, CONCURRENCY_MAX, concurrency);
        Options chosen = new Options();
        options.accept(chosen);
        FluxKeyOrdered.Settings settings = new FluxKeyOrdered.Settings(
                concurrency,
                chosen.maxWaiting,
                chosen.prefetch,
                chosen.delayErrors,
                chosen.retry,
                chosen.name,
                chosen.metering());
        return source -> new FluxKeyOrdered<T, R>(source, key, handler, settings);
    }

    private static void between(String name, int min, int max, int actual) {
        if (actual < min || actual > max) {
            throw new IllegalArgumentException(name + " must be between " + min + " and " + max + ", but is " + actual);
        }
    }

    /** What can be said besides the concurrency. */
    public static final class Options {

        private int maxWaiting = 1024;
        private int prefetch = 32;
        private boolean delayErrors;
        private @Nullable Retry retry;
        private @Nullable String name;
        private @Nullable MeterRegistry meterRegistry;
        private @Nullable BufferDepth depth;
        private @Nullable MqRuntime runtime;

        private Options() {}

        /** How many elements wait at most, from 1 to {@link #WAITING_MAX}; 1,024 if nothing is said. */
        public Options maxWaiting(int elements) {
            between("maxWaiting", 1, WAITING_MAX, elements);
            this.maxWaiting = elements;
            return this;
        }

        /** How many results of one publisher are held at most, from 1 to {@link #PREFETCH_MAX}; 32 if nothing is said. */
        public Options prefetch(int results) {
            between("prefetch", 1, PREFETCH_MAX, results);
            this.prefetch = results;
            return this;
        }

        /** A failure is the end only after all other elements are handled; several become one with the others suppressed. */
        public Options delayErrors() {
            this.delayErrors = true;
            return this;
        }

        /**
         * Subscribes a failed publisher again as the policy says; each element has its own count. Elements that back off count
         * among those that wait: a source is held back by {@code maxWaiting} of them. What the policy gives up is a failure.
         */
        public Options retry(Retry policy) {
            this.retry = Objects.requireNonNull(policy, "policy");
            return this;
        }

        /** How the operator is called in error messages, in {@code Scannable.name()} and in the tags of its meters. */
        public Options name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Where the meters of {@link KeyMeter}, and of {@link BufferMeter} for the elements that wait, are registered while there are subscriptions. Without a
         * registry there are none.
         */
        public Options meterRegistry(MeterRegistry registry) {
            this.meterRegistry = Objects.requireNonNull(registry, "registry");
            return this;
        }

        /** Kept live from now on: how many elements wait, over all subscriptions. */
        public Options depth(BufferDepth depth) {
            this.depth = Objects.requireNonNull(depth, "depth");
            return this;
        }

        /** Where the clock of the meters comes from; {@code MqRuntime.system()} unless told otherwise. */
        public Options runtime(MqRuntime runtime) {
            this.runtime = Objects.requireNonNull(runtime, "runtime");
            return this;
        }

        private Metering metering() {
            return new Metering(
                    "keyOrdered", name, meterRegistry, depth, runtime == null ? MqRuntime.system() : runtime);
        }
    }
}
