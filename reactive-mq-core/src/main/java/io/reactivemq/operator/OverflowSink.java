package io.reactivemq.operator;

import java.time.Duration;
import java.util.Objects;
import reactor.core.publisher.Flux;

/**
 * A bounded buffer that any number of threads emit to, before one subscriber, and what to do when it is full:
 *
 * <pre>{@code
 * OverflowSink<Tick> hot = Overflow.sink(4096, o -> o.strategy(OverflowStrategy.DROP_OLDEST));
 * hot.asFlux().subscribe(...);
 * EmitOutcome outcome = hot.emit(tick);
 * }</pre>
 *
 * <p><img src="doc-files/overflow-sink.svg" alt="two threads emit, and what finds no room is let go">
 *
 * <p><b>Order.</b> Elements of one thread are handed on in the order in which it emits them; those of several are not mixed
 * up with them in any promised order. They are handed on one at a time, on the thread that emits one, on that which requests, or on
 * a worker ({@link OverflowSinkOptions#emitOn}).
 *
 * <p><b>Capacity</b> is exact: that many elements wait, no more. An element handed to the subscriber waits no longer.
 *
 * <p><b>The subscriber.</b> There is one, once; a second gets an error. Elements emitted before it comes wait under the same
 * strategy.
 *
 * <p><b>End.</b> What waits is delivered first, then the completion or the error, also the error of an overflow. The first end
 * counts.
 *
 * <p><b>Whose is the element?</b> Each emission says ({@link EmitOutcome}). What the sink has taken it hands on or lets go, once; what it
 * lets go, its subscriber's discard hook gets. There is no such hook before the subscriber comes; {@code onDropped} is told of
 * each element let go for lack of room in any case.
 *
 * <p><b>Meters</b> are live from the sink's making on, until its end is delivered, or until it ends if it has no subscriber by then. A sink
 * with a registry that is neither subscribed nor ended stays in that registry's gauges, with what waits in it: end it.
 */
public final class OverflowSink<T> {

    private final SinkBuffer<T> buffer;
    private final FluxSinkBuffer<T> flux;

    OverflowSink(int capacity, OverflowSinkOptions<T> options) {
        buffer = new SinkBuffer<>(capacity, options);
        flux = new FluxSinkBuffer<>(buffer);
    }

    /**
     * Emits without waiting for room, on any thread. With {@link OverflowStrategy#BLOCK}, an element that finds none is {@link
     * EmitOutcome#TIMED_OUT} at once.
     */
    public EmitOutcome emit(T element) {
        return buffer.emit(Objects.requireNonNull(element, "element"), 0);
    }

    /**
     * Emits, and with {@link OverflowStrategy#BLOCK} parks the calling thread while there is no room. With every other strategy
     * there is always an answer at once. Who waits longest is not always first.
     *
     * <p>Not for the subscriber's own {@code onNext}: nothing leaves the buffer before that has returned, so where there is no room it
     * parks for all of the timeout, in vain.
     *
     * @param timeout for how long at most; zero is {@link #emit(Object)}
     * @throws IllegalStateException with BLOCK, if the calling thread must not block: whether it would have to or not, so
     *     that it shows before the buffer is full for the first time
     */
    public EmitOutcome emit(T element, Duration timeout) {
        Objects.requireNonNull(element, "element");
        if (timeout.isNegative()) {
            throw new IllegalArgumentException("timeout must not be negative, but is " + timeout);
        }
        return buffer.emit(element, nanos(timeout));
    }

    /** Durations of more than 292 years are cut to that. */
    private static long nanos(Duration timeout) {
        return timeout.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? timeout.toNanos() : Long.MAX_VALUE;
    }

    /** No more elements will come; false if the sink had ended before. */
    public boolean tryComplete() {
        return buffer.tryComplete();
    }

    /** No more elements will come for this reason; false if the sink had ended before. */
    public boolean tryError(Throwable failure) {
        return buffer.tryError(Objects.requireNonNull(failure, "failure"));
    }

    /** What was emitted, for one subscriber. */
    public Flux<T> asFlux() {
        return flux;
    }

    /** How many elements wait now. */
    public int depth() {
        return buffer.depth();
    }

    /** How many elements wait at most. */
    public int capacity() {
        return buffer.capacity();
    }
}
