package io.reactivemq.operator;

import io.reactivemq.metrics.Metering;
import io.reactivemq.operator.Conflater.Place;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxOperator;
import reactor.core.publisher.Operators;

/** The operator behind {@link Overflow}. */
final class FluxOverflow<T> extends FluxOperator<T, T> {

    private final OverflowStrategy strategy;

    /** Of a buffer that conflates; it drops the oldest besides. */
    private final @Nullable Function<? super T, ?> keyFn;

    private final int capacity;
    private final @Nullable String name;
    private final Consumer<? super T> onDropped;
    private final Metering metering;

    FluxOverflow(Flux<? extends T> source, OverflowStrategy strategy, int capacity, OverflowOptions<T> options) {
        this(source, strategy, null, strategy.operatorName(), capacity, options);
    }

    /** With one place for each key. */
    static <T> FluxOverflow<T> conflating(
            Flux<? extends T> source, Function<? super T, ?> keyFn, int capacity, OverflowOptions<T> options) {
        return new FluxOverflow<>(source, OverflowStrategy.DROP_OLDEST, keyFn, "conflate", capacity, options);
    }

    private FluxOverflow(
            Flux<? extends T> source,
            OverflowStrategy strategy,
            @Nullable Function<? super T, ?> keyFn,
            String operatorName,
            int capacity,
            OverflowOptions<T> options) {
        super(source);
        this.strategy = strategy;
        this.keyFn = keyFn;
        this.capacity = capacity;
        this.name = options.name();
        this.onDropped = options.onDropped();
        this.metering = options.metering(operatorName);
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        OverflowSubscriber<T> subscriber;
        try {
            subscriber = subscriber(actual);
        } catch (Throwable failure) {
            // the registry refuses the meters
            Operators.error(actual, Operators.onOperatorError(failure, actual.currentContext()));
            return;
        }
        source.subscribe(subscriber);
    }

    private OverflowSubscriber<T> subscriber(CoreSubscriber<? super T> actual) {
        if (keyFn != null) {
            return new ConflateSubscriber<>(actual, this, keyFn);
        }
        return switch (strategy) {
            case DROP_OLDEST -> new DropOldestSubscriber<>(actual, this);
            case DROP_NEWEST -> new DropNewestSubscriber<>(actual, this);
            case BLOCK, ERROR -> new ErrorSubscriber<>(actual, this);
        };
    }

    OverflowStrategy strategy() {
        return strategy;
    }

    int capacity() {
        return capacity;
    }

    @Nullable String bufferName() {
        return name;
    }

    Consumer<? super T> onDropped() {
        return onDropped;
    }

    Metering metering() {
        return metering;
    }

    @Override
    public int getPrefetch() {
        return strategy == OverflowStrategy.BLOCK ? capacity : Integer.MAX_VALUE;
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.RUN_STYLE) {
            return Attr.RunStyle.SYNC;
        }
        return key == Attr.NAME ? name : super.scanUnsafe(key);
    }

    static final class DropNewestSubscriber<T> extends OverflowSubscriber<T> {

        DropNewestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            super(actual, operator, Ring.ofCapacity(operator.capacity));
        }

        @Override
        void buffer(T element) {
            if (isFull()) {
                drop(element);
            } else {
                add(element);
                emitOnDemand();
            }
        }
    }

    /** Of the strategies {@code error} and {@code block}; with the latter only a source that ignores demand overflows. */
    static final class ErrorSubscriber<T> extends OverflowSubscriber<T> {

        private final String reason;

        ErrorSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            super(actual, operator, Ring.ofCapacity(operator.capacity));
            reason = operator.strategy == OverflowStrategy.BLOCK
                    ? ": the source sends more than is requested"
                    : ": the consumer is slower than the source";
        }

        @Override
        void buffer(T element) {
            if (isFull()) {
                stop(Exceptions.failWithOverflow(describe() + " is full" + reason), element);
                drop(element);
            } else {
                add(element);
                emitOnDemand();
            }
        }
    }

    static final class DropOldestSubscriber<T> extends OverflowSubscriber<T> {

        private final EvictingRing<T> ring;

        DropOldestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator) {
            this(actual, operator, new EvictingRing<>(operator.capacity));
        }

        private DropOldestSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, EvictingRing<T> ring) {
            super(actual, operator, ring);
            this.ring = ring;
        }

        @Override
        void buffer(T element) {
            came();
            settle(ring.put(element));
        }
    }

    static final class ConflateSubscriber<T> extends OverflowSubscriber<T> {

        private final ConflatingRing<T> ring;

        ConflateSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, Function<? super T, ?> keyFn) {
            this(actual, operator, new ConflatingRing<>(keyFn, operator.capacity));
        }

        private ConflateSubscriber(CoreSubscriber<? super T> actual, FluxOverflow<T> operator, ConflatingRing<T> ring) {
            super(actual, operator, ring);
            this.ring = ring;
        }

        @Override
        void buffer(T element) {
            T older;
            Place<T> place = null;
            try {
                Object key = ring.keyOf(element);
                older = ring.replace(key, element);
                if (older == null) {
                    place = ring.place(key, element);
                }
            } catch (Throwable failure) {
                stop(failure, element);
                discard(element);
                return;
            }
            if (place == null) {
                drop(Objects.requireNonNull(older));
                return;
            }
            came();
            settle(ring.put(place));
        }
    }
}
