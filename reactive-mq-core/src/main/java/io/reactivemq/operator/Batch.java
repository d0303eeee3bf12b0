package io.reactivemq.operator;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BatchMeter;
import io.reactivemq.metrics.BufferDepth;
import io.reactivemq.metrics.BufferMeter;
import io.reactivemq.metrics.Metering;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * Elements in batches, bounded by count, by weight and by the time the first of a batch waits for the others:
 *
 * <pre>{@code
 * rows.transform(Batch.bySizeOrTime(500, Duration.ofMillis(20)));
 * rows.transform(Batch.bySizeOrTime(500, 64 * 1024, Row::bytes, Duration.ofMillis(20)));
 * }</pre>
 *
 * <p><img src="doc-files/batch.svg" alt="a batch ends by size or by time">
 *
 * <p><b>A batch ends</b> with the element that makes it full by count or by weight; before an element that would make it heavier
 * than allowed; when its first element has waited for the time; or with the source. One element that is heavier than allowed is a batch
 * of its own. No batch is empty, and the list is the consumer's to keep and to change.
 *
 * <p><b>Demand.</b> A batch is emitted when one is requested, never before: where {@code bufferTimeout} fails with an overflow if its time is up
 * and nothing is requested (unless it is told to be fair), the batch here goes on to fill until it is full or wanted. The source is asked for no more than {@code
 * prefetch} elements beyond those emitted, so it is held back while the consumer is slow.
 *
 * <p><b>End.</b> What has come is emitted first, the last batch as it is, then the completion or the error of the source.
 *
 * <p><b>Discard.</b> The operator owns the elements that it holds: a cancellation hands each to the discard hook once. A
 * batch that was emitted is the consumer's.
 *
 * <p><b>Threads.</b> Batches are emitted on the thread that brings the last element, the end or the demand, or on one of the
 * runtime's workers when the time is up.
 */
public final class Batch {

    /** The most elements of a batch. */
    public static final int SIZE_MAX = 1 << 20;

    /** The most elements that may be held, and so the most that {@link Options#prefetch} takes. */
    public static final int PREFETCH_MAX = 1 << 24;

    private Batch() {}

    /**
     * @param size the most elements of a batch, from 1 to {@link #SIZE_MAX}
     * @param time how long the first element of a batch waits for more at most; above zero
     */
    public static <T> Function<Flux<T>, Flux<List<T>>> bySizeOrTime(int size, Duration time) {
        return bySizeOrTime(size, time, options -> {});
    }

    /** {@link #bySizeOrTime(int, Duration)} with options. */
    public static <T> Function<Flux<T>, Flux<List<T>>> bySizeOrTime(
            int size, Duration time, Consumer<Options> options) {
        return operator(size, Long.MAX_VALUE, element -> 0, time, options);
    }

    /**
     * @param size the most elements of a batch, from 1 to {@link #SIZE_MAX}
     * @param bytes the most that the elements of a batch weigh together, 1 or more
     * @param weigher the weight of an element, 0 or more
     * @param time how long the first element of a batch waits for more at most; above zero
     */
    public static <T> Function<Flux<T>, Flux<List<T>>> bySizeOrTime(
            int size, long bytes, ToLongFunction<? super T> weigher, Duration time) {
        return bySizeOrTime(size, bytes, weigher, time, options -> {});
    }

    /** {@link #bySizeOrTime(int, long, ToLongFunction, Duration)} with options. */
    public static <T> Function<Flux<T>, Flux<List<T>>> bySizeOrTime(
            int size, long bytes, ToLongFunction<? super T> weigher, Duration time, Consumer<Options> options) {
        if (bytes < 1) {
            throw new IllegalArgumentException("bytes must be 1 or more, but is " + bytes);
        }
        return operator(size, bytes, Objects.requireNonNull(weigher, "weigher"), time, options);
    }

    private static <T> Function<Flux<T>, Flux<List<T>>> operator(
            int size, long bytes, ToLongFunction<? super T> weigher, Duration time, Consumer<Options> configure) {
        between("size", 1, SIZE_MAX, size);
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time must be above zero, but is " + time);
        }
        Options options = new Options();
        configure.accept(options);
        int prefetch = options.prefetch == 0 ? size : options.prefetch;
        if (prefetch < size) {
            throw new IllegalArgumentException(
                    "prefetch must be at least the size of a batch, " + size + ", but is " + prefetch);
        }
        FluxBatch.Limits limits = new FluxBatch.Limits(size, bytes, nanos(time), prefetch, options.name);
        MqRuntime runtime = options.runtime == null ? MqRuntime.system() : options.runtime;
        Metering metering = new Metering("batch", options.name, options.meterRegistry, options.depth, runtime);
        return source -> new FluxBatch<T>(source, weigher, limits, runtime, metering);
    }

    /** Durations beyond some 292 years are as good as never. */
    private static long nanos(Duration time) {
        try {
            return time.toNanos();
        } catch (ArithmeticException e) {
            return Long.MAX_VALUE;
        }
    }

    private static void between(String name, int min, int max, int actual) {
        if (actual < min || actual > max) {
            throw new IllegalArgumentException(name + " must be between " + min + " and " + max + ", but is " + actual);
        }
    }

    /** What can be said besides the bounds of a batch. */
    public static final class Options {

        private int prefetch;
        private @Nullable MqRuntime runtime;
        private @Nullable String name;
        private @Nullable MeterRegistry meterRegistry;
        private @Nullable BufferDepth depth;

        private Options() {}

        /**
         * How many elements are asked of the source beyond those emitted, from the size of a batch to {@link
         * #PREFETCH_MAX}; the size of a batch if nothing is said. With more the next batch fills while one waits.
         */
        public Options prefetch(int elements) {
            between("prefetch", 1, PREFETCH_MAX, elements);
            this.prefetch = elements;
            return this;
        }

        /** Where time comes from; {@link MqRuntime#system()} if nothing is said. */
        public Options runtime(MqRuntime runtime) {
            this.runtime = Objects.requireNonNull(runtime, "runtime");
            return this;
        }

        /** How the operator is called in error messages, in {@code Scannable.name()} and in the tags of its meters. */
        public Options name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Where the meters of {@link BatchMeter}, and of {@link BufferMeter} for the elements that wait, are registered while there are
         * subscriptions. Without a registry there are none.
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
    }
}
