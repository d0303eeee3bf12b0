package io.reactivemq.operator;

import io.reactivemq.Durability;
import io.reactivemq.operator.spill.SpillQueue;
import io.reactivemq.storage.FileStore;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * What can be said about {@link Overflow#spillToDisk} besides directory, codec and capacity. {@link #onDropped} is called on the thread that
 * brings an element, or on one of the runtime's io threads.
 *
 * @param <T> the elements
 */
public final class SpillOptions<T> extends BufferOptions<T, SpillOptions<T>> {

    /** How large all files together may get unless told otherwise: 8 GiB. */
    public static final long MAX_BYTES_DEFAULT = 8L << 30;

    /** The least limit on the files: two of the smallest segments. */
    public static final long MAX_BYTES_MIN = 2 * SpillQueue.Config.SEGMENT_BYTES_MIN;

    /** How many bytes may wait in memory to be written unless told otherwise: 4 MiB. */
    public static final int BUFFER_BYTES_DEFAULT = 4 << 20;

    /** The least that may wait to be written: some chunks of the least size. */
    public static final int BUFFER_BYTES_MIN = 256;

    private static final int SEGMENT_BYTES_DEFAULT = 64 << 20;

    /** Of the limit, a segment takes this part at most, so that deleting one makes room soon. */
    private static final int SEGMENTS_OF_LIMIT = 8;

    private long maxBytes = MAX_BYTES_DEFAULT;
    private int segmentBytes;
    private int bufferBytes = BUFFER_BYTES_DEFAULT;
    private OverflowStrategy whenFull = OverflowStrategy.BLOCK;
    private boolean recoverOnSubscribe;
    private Durability durability = Durability.OS_BUFFERED;
    private Duration retryTimeout = Duration.ofMinutes(1);
    private Consumer<? super T> onSpilled = element -> {};
    private FileStore store = FileStore.disk();

    SpillOptions() {}

    @Override
    SpillOptions<T> self() {
        return this;
    }

    /** How large all files together may get; at the limit {@link #whenFull} decides. {@value #MAX_BYTES_DEFAULT} unless told otherwise. */
    public SpillOptions<T> maxBytes(long bytes) {
        if (bytes < MAX_BYTES_MIN) {
            throw new IllegalArgumentException("maxBytes must be " + MAX_BYTES_MIN + " or more, but is " + bytes);
        }
        this.maxBytes = bytes;
        return this;
    }

    /**
     * What happens when the files have reached their limit, or when the disk takes elements more slowly than the source brings
     * them and {@link #bufferBytes} wait:
     * <ul>
     * <li>{@code BLOCK}, unless told otherwise: demand is withheld from the source until there is room. The source is asked for a bounded
     *     number of elements ahead, all the time; while there is room, it is always asked for more.
     * <li>{@code ERROR}: the source, which is asked without bound, is cancelled, and the subscription fails with Reactor's overflow exception
     *     behind all that was taken.
     * <li>{@code DROP_OLDEST}: the oldest segment goes, each of its elements to {@link #onDropped} and the discard hook; where it is
     *     the disk that is too slow, the oldest that are not yet written go. The source is asked without bound.
     * </ul>
     */
    public SpillOptions<T> whenFull(OverflowStrategy strategy) {
        Objects.requireNonNull(strategy, "strategy");
        if (strategy == OverflowStrategy.DROP_NEWEST) {
            throw new IllegalArgumentException("whenFull must be BLOCK, ERROR or DROP_OLDEST, but is " + strategy);
        }
        this.whenFull = strategy;
        return this;
    }

    /**
     * How large a file may get before the next one begins; consumed files are deleted as a whole. An element must fit in one. An eighth of
     * {@link #maxBytes} and at most 64 MiB unless told otherwise, at most half of it.
     */
    public SpillOptions<T> segmentBytes(int bytes) {
        if (bytes < SpillQueue.Config.SEGMENT_BYTES_MIN || bytes > SpillQueue.SEGMENT_BYTES_MAX) {
            throw new IllegalArgumentException("segmentBytes must be between " + SpillQueue.Config.SEGMENT_BYTES_MIN
                    + " and " + SpillQueue.SEGMENT_BYTES_MAX + ", but is " + bytes);
        }
        this.segmentBytes = bytes;
        return this;
    }

    /** How many bytes of elements may wait in memory to be written. {@value #BUFFER_BYTES_DEFAULT} unless told otherwise. */
    public SpillOptions<T> bufferBytes(int bytes) {
        if (bytes < BUFFER_BYTES_MIN) {
            throw new IllegalArgumentException("bufferBytes must be " + BUFFER_BYTES_MIN + " or more, but is " + bytes);
        }
        this.bufferBytes = bytes;
        return this;
    }

    /**
     * A subscription begins with what is in the directory: what a process that has ended, or a subscription that was cancelled, had
     * written and not delivered; that of a process that was killed also if it spilled without this option, since it had no time to delete its
     * files. And when this one is cancelled, its files stay.
     */
    public SpillOptions<T> recoverOnSubscribe() {
        this.recoverOnSubscribe = true;
        return this;
    }

    /**
     * What files survive: {@code OS_BUFFERED}, unless told otherwise, a kill of the process; {@code FSYNC} a loss of power, too: what is written is
     * forced before it leaves the {@link #bufferBytes}, so that the source is asked for no more than those beyond what is safe. Elements that wait in
     * memory survive neither.
     */
    public SpillOptions<T> durability(Durability level) {
        Objects.requireNonNull(level, "level");
        if (level == Durability.MEMORY) {
            throw new IllegalArgumentException("durability must be FSYNC or OS_BUFFERED, but is " + level
                    + ": a spill is in files; Overflow.block and its kin stay in memory");
        }
        this.durability = level;
        return this;
    }

    /**
     * How long writing may fail, for want of room on the disk or otherwise, before the subscription does. It is tried again meanwhile.
     * A minute unless told otherwise.
     */
    public SpillOptions<T> retryTimeout(Duration timeout) {
        Objects.requireNonNull(timeout, "timeout");
        if (timeout.isNegative()) {
            throw new IllegalArgumentException("retryTimeout must not be negative, but is " + timeout);
        }
        this.retryTimeout = timeout;
        return this;
    }

    /**
     * Told of each element whose bytes were taken to be written: from now on it is those bytes, and will be another object when it is
     * delivered. What the object holds can be given back here; the discard hook does not see it. Called on the thread that brings the
     * element. If it throws, the source is cancelled and the error delivered behind what waits.
     */
    public SpillOptions<T> onSpilled(Consumer<? super T> callback) {
        this.onSpilled = Objects.requireNonNull(callback, "callback");
        return this;
    }

    /** For tests. */
    SpillOptions<T> store(FileStore fileStore) {
        this.store = fileStore;
        return this;
    }

    long maxBytes() {
        return maxBytes;
    }

    /** @throws IllegalArgumentException where it does not fit the limit */
    int segmentBytes() {
        if (segmentBytes == 0) {
            return (int) Math.max(
                    SpillQueue.Config.SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_DEFAULT, maxBytes / SEGMENTS_OF_LIMIT));
        }
        if (segmentBytes > maxBytes / 2) {
            throw new IllegalArgumentException(
                    "segmentBytes must be at most half of maxBytes, " + maxBytes / 2 + ", but is " + segmentBytes);
        }
        return segmentBytes;
    }

    int bufferBytes() {
        return bufferBytes;
    }

    OverflowStrategy whenFull() {
        return whenFull;
    }

    boolean recovers() {
        return recoverOnSubscribe;
    }

    Durability durability() {
        return durability;
    }

    Duration retryTimeout() {
        return retryTimeout;
    }

    Consumer<? super T> onSpilled() {
        return onSpilled;
    }

    FileStore store() {
        return store;
    }
}
