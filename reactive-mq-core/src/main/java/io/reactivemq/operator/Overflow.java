package io.reactivemq.operator;

import io.reactivemq.operator.FluxOverflow.Strategy;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * A bounded buffer between a source and a consumer that may be slower, and what to do when it is full:
 *
 * <pre>{@code
 * ticks.transform(Overflow.dropOldest(4096));
 * ticks.transform(Overflow.dropNewest(4096, o -> o.name("ticks").onDropped(this::count)));
 * orders.transform(Overflow.block(4096));
 * }</pre>
 *
 * <p><b>Capacity</b> is exact: that many elements wait, no more. An element handed to the consumer waits no longer. While the
 * consumer keeps up, elements pass by the buffer.
 *
 * <p><b>Demand.</b> {@code block} requests from the source what it has room for; the others request without bound.
 *
 * <p><b>End.</b> What waits in the buffer is delivered first, then the completion or the error, also the error of an
 * overflow.
 *
 * <p><b>Discard.</b> Each element that is let go (for lack of room, by cancellation, behind an overflow error) goes to the discard
 * hook exactly once. The buffer owns what waits in it; an element handed to the consumer is the consumer's.
 */
public final class Overflow {

    /** The largest capacity. A ring of as many references would be the largest array that JCTools makes. */
    public static final int CAPACITY_MAX = 1 << 29;

    private Overflow() {}

    /**
     * When full, lets go the element that has waited longest and takes the new one: the consumer sees the latest, with gaps.
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> dropOldest(int capacity) {
        return dropOldest(capacity, options -> {});
    }

    /** {@link #dropOldest(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> dropOldest(int capacity, Consumer<Options<T>> options) {
        return operator(Strategy.DROP_OLDEST, capacity, options);
    }

    /**
     * When full, lets the new element go: the consumer sees what came first, with gaps.
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> dropNewest(int capacity) {
        return dropNewest(capacity, options -> {});
    }

    /** {@link #dropNewest(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> dropNewest(int capacity, Consumer<Options<T>> options) {
        return operator(Strategy.DROP_NEWEST, capacity, options);
    }

    /**
     * Is never full: requests {@code capacity} elements ahead of the consumer, and more only as they are consumed. Nothing is dropped
     * and no thread is parked; the source has to honour demand. One that does not gets the error of {@link #error(int)}.
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> block(int capacity) {
        return block(capacity, options -> {});
    }

    /** {@link #block(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> block(int capacity, Consumer<Options<T>> options) {
        return operator(Strategy.BLOCK, capacity, options);
    }

    /**
     * When full, cancels the source and fails with Reactor's overflow exception ({@code Exceptions.isOverflow}), behind what
     * waits in the buffer. The element that found no room is let go.
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> error(int capacity) {
        return error(capacity, options -> {});
    }

    /** {@link #error(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> error(int capacity, Consumer<Options<T>> options) {
        return operator(Strategy.ERROR, capacity, options);
    }

    private static <T> Function<Flux<T>, Flux<T>> operator(
            Strategy strategy, int capacity, Consumer<Options<T>> configure) {
        if (capacity < 1 || capacity > CAPACITY_MAX) {
            throw new IllegalArgumentException(
                    "capacity must be between 1 and " + CAPACITY_MAX + ", but is " + capacity);
        }
        Options<T> options = new Options<>();
        configure.accept(options);
        String name = options.name;
        Consumer<? super T> onDropped = options.onDropped;
        return source -> new FluxOverflow<>(source, strategy, capacity, name, onDropped);
    }

    /** What can be said about an overflow buffer besides its capacity. */
    public static final class Options<T> {

        private @Nullable String name;
        private Consumer<? super T> onDropped = element -> {};

        private Options() {}

        /** How the buffer is called in error messages and in {@code Scannable.name()}. */
        public Options<T> name(String name) {
            this.name = Objects.requireNonNull(name, "name");
            return this;
        }

        /**
         * Told of each element that finds no room, or is let go to make some, before the discard hook gets it; not of what a
         * cancellation lets go. Called on the source's thread. If it throws, the source is cancelled and the error
         * delivered behind what waits.
         */
        public Options<T> onDropped(Consumer<? super T> callback) {
            this.onDropped = Objects.requireNonNull(callback, "callback");
            return this;
        }
    }
}
