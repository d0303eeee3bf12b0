package io.reactivemq.operator;

import io.reactivemq.Serde;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import reactor.core.publisher.Flux;

/**
 * A bounded buffer between a source and a consumer that may be slower, and what to do when it is full:
 *
 * <pre>{@code
 * ticks.transform(Overflow.dropOldest(4096));
 * ticks.transform(Overflow.dropNewest(4096, o -> o.name("ticks").onDropped(this::count)));
 * orders.transform(Overflow.block(4096));
 * orders.transform(Overflow.spillToDisk(directory, serde, 4096));
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
     * <p><img src="doc-files/overflow-drop-oldest.svg" alt="the oldest that waits goes">
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> dropOldest(int capacity) {
        return dropOldest(capacity, options -> {});
    }

    /** {@link #dropOldest(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> dropOldest(int capacity, Consumer<OverflowOptions<T>> options) {
        return operator(OverflowStrategy.DROP_OLDEST, capacity, options);
    }

    /**
     * When full, lets the new element go: the consumer sees what came first, with gaps.
     *
     * <p><img src="doc-files/overflow-drop-newest.svg" alt="the newest goes">
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> dropNewest(int capacity) {
        return dropNewest(capacity, options -> {});
    }

    /** {@link #dropNewest(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> dropNewest(int capacity, Consumer<OverflowOptions<T>> options) {
        return operator(OverflowStrategy.DROP_NEWEST, capacity, options);
    }

    /**
     * Is never full: requests {@code capacity} elements ahead of the consumer, and more only as they are consumed. Nothing is dropped
     * and no thread is parked; the source has to honour demand. One that does not gets the error of {@link #error(int)}.
     *
     * <p><img src="doc-files/overflow-block.svg" alt="the source is asked for what there is room for">
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> block(int capacity) {
        return block(capacity, options -> {});
    }

    /** {@link #block(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> block(int capacity, Consumer<OverflowOptions<T>> options) {
        return operator(OverflowStrategy.BLOCK, capacity, options);
    }

    /**
     * When full, cancels the source and fails with Reactor's overflow exception ({@code Exceptions.isOverflow}), behind what
     * waits in the buffer. The element that found no room is let go.
     *
     * <p><img src="doc-files/overflow-error.svg" alt="an overflow error behind what waits">
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> error(int capacity) {
        return error(capacity, options -> {});
    }

    /** {@link #error(int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> error(int capacity, Consumer<OverflowOptions<T>> options) {
        return operator(OverflowStrategy.ERROR, capacity, options);
    }

    /**
     * One place for each key: while an element waits, a newer one with the same key takes its place, and its turn, and the older one is
     * let go. So the consumer sees the latest of each key, those that have waited longest first. Keys are told apart by {@code equals};
     * {@code keyFn} must not return null. A new key that finds {@code capacity} others waiting takes the place of the one that has
     * waited longest, as with {@link #dropOldest(int)}.
     *
     * <p>An element that is handed on at once meets no key. If {@code keyFn} throws, the source is cancelled and the error
     * delivered behind what waits.
     *
     * <p><img src="doc-files/overflow-conflate.svg" alt="a newer element takes the place of its key">
     *
     * @param keyFn called once for an element that has to wait, on the source's thread
     * @param capacity how many keys wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> conflate(Function<? super T, ?> keyFn, int capacity) {
        return conflate(keyFn, capacity, options -> {});
    }

    /** {@link #conflate(Function, int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> conflate(
            Function<? super T, ?> keyFn, int capacity, Consumer<OverflowOptions<T>> options) {
        Objects.requireNonNull(keyFn, "keyFn");
        checkCapacity(capacity);
        OverflowOptions<T> configured = configured(options);
        return source -> FluxOverflow.conflating(source, keyFn, capacity, configured);
    }

    /**
     * A buffer that any number of threads emit to. When it is full the newest is let go, and whoever emitted it learns that.
     *
     * @param capacity how many elements wait at most, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> OverflowSink<T> sink(int capacity) {
        return sink(capacity, options -> {});
    }

    /** A buffer that any number of threads emit to, with options: the strategy first of all. */
    public static <T> OverflowSink<T> sink(int capacity, Consumer<OverflowSinkOptions<T>> options) {
        checkCapacity(capacity);
        OverflowSinkOptions<T> configured = new OverflowSinkOptions<>();
        options.accept(configured);
        return new OverflowSink<>(capacity, configured);
    }

    /**
     * Is full only when the disk is: elements wait in memory while there is room, then in files, and come out in the order they came in. Memory
     * holds {@code capacity} elements, the bytes of a few MiB on their way to the files and of one frame from them, however much is spilled.
     *
     * <p><b>Demand.</b> The source is asked for more all the time, a bounded number ahead, whatever the consumer asks for; {@link
     * SpillOptions#whenFull} says what happens at {@link SpillOptions#maxBytes}, and which strategies ask without bound.
     *
     * <p><b>Threads.</b> Files are touched on the runtime's io threads only. There the codec reads elements; it writes them on the source's
     * thread, and reads there those that {@link OverflowStrategy#DROP_OLDEST} lets go before they are in files. Elements from files are
     * delivered on the runtime's workers or on the thread that requests.
     *
     * <p><b>Files.</b> The directory belongs to one subscription at a time, a second one fails. Files are deleted as their elements are
     * delivered, the rest at the end. A cancellation deletes them unread, so the discard hook does not see what is in them: it sees each
     * element in memory once. With {@link SpillOptions#recoverOnSubscribe} the files stay instead, and what waits to be written goes there.
     *
     * <p><b>After a crash.</b> With {@code recoverOnSubscribe}, what was in files and not delivered comes first, in its order; an element counts
     * as delivered when the consumer's {@code onNext} has returned. That is recorded each time half of the capacity has been delivered, so up to
     * {@code capacity} elements may come twice after a kill; after a loss of power those of one segment more. What was in memory only is lost
     * with the process: up to {@code capacity} elements that never saw a file, and those on their way there.
     *
     * <p><b>Errors</b> come behind what they do not concern. A disk that can't be written, full for instance, withholds demand while it is tried
     * again, for {@link SpillOptions#retryTimeout}; then all that was taken is delivered, then the error. An element that the codec can't
     * write fails the subscription behind what waits, and is discarded. Bytes that are not what was written, or that the codec can't read, fail
     * it behind what was before them, with file and position; no file is deleted. An element that the codec can't read as it is let go before it
     * is in a file fails it behind what waits, and the discard hook does not see that one.
     *
     * <p><img src="doc-files/spill-to-disk.svg" alt="what finds no room in memory goes to files">
     *
     * @param directory the files' own; made if missing
     * @param serde turns elements into bytes and back
     * @param capacity how many elements wait in memory before files are used, from 1 to {@link #CAPACITY_MAX}
     */
    public static <T> Function<Flux<T>, Flux<T>> spillToDisk(Path directory, Serde<T> serde, int capacity) {
        return spillToDisk(directory, serde, capacity, options -> {});
    }

    /** {@link #spillToDisk(Path, Serde, int)} with options. */
    public static <T> Function<Flux<T>, Flux<T>> spillToDisk(
            Path directory, Serde<T> serde, int capacity, Consumer<SpillOptions<T>> options) {
        Objects.requireNonNull(directory, "directory");
        Objects.requireNonNull(serde, "serde");
        checkCapacity(capacity);
        SpillOptions<T> configured = new SpillOptions<>();
        options.accept(configured);
        SpillSpec<T> spec = SpillSpec.of(directory, serde, capacity, configured);
        return source -> new FluxSpill<>(source, spec);
    }

    private static <T> Function<Flux<T>, Flux<T>> operator(
            OverflowStrategy strategy, int capacity, Consumer<OverflowOptions<T>> options) {
        checkCapacity(capacity);
        OverflowOptions<T> configured = configured(options);
        return source -> new FluxOverflow<>(source, strategy, capacity, configured);
    }

    private static <T> OverflowOptions<T> configured(Consumer<OverflowOptions<T>> configure) {
        OverflowOptions<T> options = new OverflowOptions<>();
        configure.accept(options);
        return options;
    }

    static void checkCapacity(int capacity) {
        if (capacity < 1 || capacity > CAPACITY_MAX) {
            throw new IllegalArgumentException(
                    "capacity must be between 1 and " + CAPACITY_MAX + ", but is " + capacity);
        }
    }
}
