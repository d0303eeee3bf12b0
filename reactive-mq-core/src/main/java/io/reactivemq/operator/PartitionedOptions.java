package io.reactivemq.operator;

import io.reactivemq.assign.KeyPartitioner;
import io.reactivemq.assign.Partitioners;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.util.context.Context;
import reactor.util.context.ContextView;

/**
 * What can be said about a {@link PartitionedFlux}. The name, {@code lanes} unless told otherwise, is also what comes before the index in the names of its
 * lanes; name, meters, depth and {@code onDropped} go to the buffers of all lanes that {@link #overflow(OverflowStrategy, int)} makes.
 */
public final class PartitionedOptions<T, K> extends BufferOptions<T, PartitionedOptions<T, K>> {

    private KeyPartitioner<? super K> partitioner = Partitioners.murmur2();
    private OverflowStrategy strategy = OverflowStrategy.BLOCK;
    private int capacity = PartitionedFlux.CAPACITY_DEFAULT;
    private @Nullable IntFunction<? extends Function<Flux<T>, Flux<T>>> operator;
    private Context context = Context.empty();

    PartitionedOptions() {}

    @Override
    PartitionedOptions<T, K> self() {
        return this;
    }

    /** Which lane a key belongs to; {@link Partitioners#murmur2()} unless told otherwise. */
    public PartitionedOptions<T, K> partitioner(KeyPartitioner<? super K> partitioner) {
        this.partitioner = Objects.requireNonNull(partitioner, "partitioner");
        return this;
    }

    /**
     * The buffer of each lane; {@code BLOCK} with {@value PartitionedFlux#CAPACITY_DEFAULT} unless told otherwise.
     *
     * @param strategy what becomes of an element that finds its lane full. Only {@code BLOCK} holds the source back, and with it the other lanes;
     *     {@code ERROR} ends the lane and no other
     * @param capacity how many elements wait in a lane at most, from 1 to {@link Overflow#CAPACITY_MAX}
     */
    public PartitionedOptions<T, K> overflow(OverflowStrategy strategy, int capacity) {
        this.strategy = Objects.requireNonNull(strategy, "strategy");
        Overflow.checkCapacity(capacity);
        this.capacity = capacity;
        this.operator = null;
        return this;
    }

    /**
     * The operator between the source and a lane, by the lane's index: one of {@link Overflow}'s, or whatever takes elements and demand apart. It is subscribed to
     * once, when the lanes are connected, by nobody else than its lane.
     */
    public PartitionedOptions<T, K> overflow(IntFunction<? extends Function<Flux<T>, Flux<T>>> operatorOfLane) {
        this.operator = Objects.requireNonNull(operatorOfLane, "operatorOfLane");
        return this;
    }

    /**
     * Laid over the context that the source sees, which is that of the first lane that was joined before the connection. Its hooks also hear of what is let go
     * while nobody has joined a lane.
     */
    public PartitionedOptions<T, K> context(ContextView context) {
        this.context = Context.of(context);
        return this;
    }

    KeyPartitioner<? super K> partitioner() {
        return partitioner;
    }

    Context context() {
        return context;
    }

    /** How many elements a lane's outlet may ask for ahead. */
    int ahead() {
        return operator == null ? Math.max(1, Math.min(LaneOutlet.AHEAD_MAX, capacity / 4)) : LaneOutlet.AHEAD_MAX;
    }

    Function<Flux<T>, Flux<T>> operator(int lane) {
        if (operator != null) {
            return Objects.requireNonNull(operator.apply(lane), "the overflow operator of lane " + lane + " is null");
        }
        Consumer<OverflowOptions<T>> named =
                options -> copyTo(options, nameOr(PartitionedFlux.NAME_DEFAULT) + "-" + lane);
        return switch (strategy) {
            case DROP_OLDEST -> Overflow.dropOldest(capacity, named);
            case DROP_NEWEST -> Overflow.dropNewest(capacity, named);
            case BLOCK -> Overflow.block(capacity, named);
            case ERROR -> Overflow.error(capacity, named);
        };
    }
}
