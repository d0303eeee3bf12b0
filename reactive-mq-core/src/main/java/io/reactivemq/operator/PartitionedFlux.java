package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.util.context.Context;

/**
 * A source split by key into a fixed number of lanes, each a {@code Flux} of its own with a buffer of its own:
 *
 * <pre>{@code
 * PartitionedFlux<Order> lanes = PartitionedFlux.by(orders, Order::customerId, 16).autoConnect(16);
 * lanes.lanes().forEach(lane -> lane.concatMap(this::bill).subscribe());
 *
 * ConsumerGroup<Order> group = lanes.group(Assignors.cooperativeSticky());
 * group.join("a", lane -> lane.concatMap(this::bill)).subscribe();
 * }</pre>
 *
 * <p><img src="doc-files/partitioned-flux.svg" alt="elements go to lanes by key">
 *
 * <p><b>Order.</b> A lane has its elements in the order of the source; so has a key, since its elements are all in one lane.
 *
 * <p><b>Demand.</b> Each lane's buffer stands between the source and whoever has joined the lane, and a lane nobody has joined buffers, too. A
 * slow lane holds back no other, unless its strategy is {@code BLOCK}: then the source is asked for no more than every such lane has room for. So a lane that blocks, and
 * that nobody ever joins, stops all of them when it is full.
 *
 * <p><b>Connection.</b> The source is subscribed to once, by {@link #connect} or, when enough lanes are joined, after {@link #autoConnect}. The
 * elements are emitted on the thread that brings them, or the one that brings demand. Disposing of the connection cancels the source, discards what
 * waits, and ends the lanes with a {@link java.util.concurrent.CancellationException}.
 *
 * <p><b>End.</b> The source's completion or error reaches each lane behind what waits there. A key function or partitioner that fails ends the source
 * and all lanes, a buffer that fails ends its own lane: what is meant for it after that is discarded.
 *
 * <p><b>Discard.</b> Each element that is let go, by a buffer or by disposing, goes once to the discard hook of whoever joined its lane last. A subscriber that
 * leaves a lane lets nothing go: what waits goes to the next.
 *
 * <p><b>Bounds.</b> In a lane wait as many elements as its buffer holds; when a subscriber has left, also what it had asked for, up to a quarter of the capacity, and up to
 * {@value LaneOutlet#AHEAD_MAX}.
 */
public final class PartitionedFlux<T> {

    /** The most lanes there can be: each of them costs about a kilobyte, and is looked at when the source is asked for more. */
    public static final int PARTITIONS_MAX = 1 << 16;

    /** How many elements wait in a lane, unless told otherwise. */
    public static final int CAPACITY_DEFAULT = 256;

    static final String NAME_DEFAULT = "lanes";

    private final String name;
    private final Flux<? extends T> source;
    private final List<LaneOutlet<T>> outlets = new ArrayList<>();
    private final List<Lane<T>> lanes = new ArrayList<>();
    private final List<Function<Flux<T>, Flux<T>>> operators = new ArrayList<>();
    private final Function<Context, LaneDispatcher<T, ?>> dispatchers;
    private final Context context;
    private final AtomicReference<@Nullable LaneDispatcher<T, ?>> connection = new AtomicReference<>();
    private final AtomicReference<@Nullable ConsumerGroup<T>> group = new AtomicReference<>();

    /** 1 for a lane that was joined at least once. */
    private final AtomicIntegerArray joined;

    private final AtomicInteger joinedCount = new AtomicInteger();

    /** How many lanes have to be joined; more than there are: never. */
    private volatile int connectAt = Integer.MAX_VALUE;

    private <K> PartitionedFlux(
            Flux<? extends T> source,
            Function<? super T, ? extends K> keyFn,
            int partitions,
            PartitionedOptions<T, K> options) {
        this.source = source;
        this.name = options.nameOr(NAME_DEFAULT);
        this.context = options.context();
        this.joined = new AtomicIntegerArray(partitions);
        for (int i = 0; i < partitions; i++) {
            TopicPartition partition = new TopicPartition(name, i);
            LaneOutlet<T> outlet = new LaneOutlet<>(partition, options.ahead());
            outlets.add(outlet);
            lanes.add(new SharedLane(partition, outlet));
            operators.add(options.operator(i));
        }
        dispatchers =
                base -> new LaneDispatcher<>(name, keyFn, options.partitioner().forOneSource(), outlets, base);
    }

    /**
     * Splits a source, with murmur2 as Kafka has it and {@value #CAPACITY_DEFAULT} elements in each lane, which block.
     *
     * @param source what is split; subscribed to once
     * @param keyFn the key of an element, not null. Called on the source's thread
     * @param partitions how many lanes, from 1 to {@link #PARTITIONS_MAX}
     */
    public static <T, K> PartitionedFlux<T> by(
            Flux<? extends T> source, Function<? super T, ? extends K> keyFn, int partitions) {
        return by(source, keyFn, partitions, (PartitionedOptions<T, K> options) -> {});
    }

    /** {@link #by(Flux, Function, int)} with options. */
    public static <T, K> PartitionedFlux<T> by(
            Flux<? extends T> source,
            Function<? super T, ? extends K> keyFn,
            int partitions,
            Consumer<PartitionedOptions<T, K>> configure) {
        Objects.requireNonNull(source, "source");
        Objects.requireNonNull(keyFn, "keyFn");
        if (partitions < 1 || partitions > PARTITIONS_MAX) {
            throw new IllegalArgumentException(
                    "partitions must be between 1 and " + PARTITIONS_MAX + ", but is " + partitions);
        }
        PartitionedOptions<T, K> options = new PartitionedOptions<>();
        configure.accept(options);
        return new PartitionedFlux<>(source, keyFn, partitions, options);
    }

    /** How the lanes are called. */
    public String name() {
        return name;
    }

    /** How many there are. */
    public int partitions() {
        return lanes.size();
    }

    /** All, by index. */
    public List<Lane<T>> lanes() {
        return List.copyOf(lanes);
    }

    /**
     * One of them.
     *
     * @param index from 0 to {@link #partitions} - 1
     */
    public Lane<T> lane(int index) {
        return lanes.get(Objects.checkIndex(index, lanes.size()));
    }

    /** Subscribes to the source. The second call does nothing but return the same. */
    public Disposable connect() {
        LaneDispatcher<T, ?> present = connection.get();
        if (present != null) {
            return present;
        }
        Context base = outlets.stream()
                .map(LaneOutlet::latestContext)
                .filter(joinedWith -> !joinedWith.isEmpty())
                .findFirst()
                .orElse(Context.empty())
                .putAll(context.readOnly());
        LaneDispatcher<T, ?> mine = dispatchers.apply(base);
        if (connection.compareAndSet(null, mine)) {
            mine.connect(source, operators);
            return mine;
        }
        return connect();
    }

    /**
     * Connects when so many lanes have been joined, now or ever before; at once for 0.
     *
     * @param lanes from 0 to {@link #partitions}
     * @return this
     */
    public PartitionedFlux<T> autoConnect(int lanes) {
        if (lanes < 0 || lanes > partitions()) {
            throw new IllegalArgumentException(
                    "lanes must be between 0 and " + partitions() + ", as many as there are, but is " + lanes);
        }
        connectAt = lanes;
        if (joinedCount.get() >= lanes) {
            connect();
        }
        return this;
    }

    /** {@link #group(Assignor, Consumer)} with what is said there for each option. */
    public ConsumerGroup<T> group(Assignor assignor) {
        return group(assignor, options -> {});
    }

    /**
     * A group whose members share the lanes. There can be one, and nobody else should join a lane then.
     *
     * @param assignor decides who gets which lane
     */
    public ConsumerGroup<T> group(Assignor assignor, Consumer<GroupOptions> configure) {
        Objects.requireNonNull(assignor, "assignor");
        GroupOptions options = new GroupOptions();
        configure.accept(options);
        ConsumerGroup<T> mine = new ConsumerGroup<>(this, assignor, options);
        if (!group.compareAndSet(null, mine)) {
            mine.refused();
            throw new IllegalStateException("the lanes " + name + " have a group already");
        }
        mine.watchTheEndOfLanes();
        return mine;
    }

    LaneOutlet<T> outlet(int lane) {
        return outlets.get(lane);
    }

    /** To be called when somebody has joined the lane. */
    void joined(int lane) {
        if (joined.compareAndSet(lane, 0, 1) && joinedCount.incrementAndGet() >= connectAt) {
            connect();
        }
    }

    @Override
    public String toString() {
        return name + " of " + lanes.size();
    }

    /** A lane for whoever comes. */
    private final class SharedLane extends Lane<T> {

        private final LaneOutlet<T> outlet;

        SharedLane(TopicPartition partition, LaneOutlet<T> outlet) {
            super(partition);
            this.outlet = outlet;
        }

        @Override
        public void subscribe(CoreSubscriber<? super T> actual) {
            LaneSubscription<T> subscription = new LaneSubscription<>(actual, outlet);
            actual.onSubscribe(subscription);
            if (outlet.join(subscription)) {
                outlet.drain();
                joined(number());
            } else {
                subscription.finish(new IllegalStateException("lane " + this
                        + " has a subscriber, and is for one at a time; it can be joined when that has left"));
            }
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            return key == Attr.PARENT ? outlet : key == Attr.NAME ? toString() : null;
        }
    }
}
