package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.SpillFormat.ELEMENT_HEADER_BYTES;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Elements as bytes, on their way from the source's thread to the thread that writes files. First in, first out, in chunks
 * that are linked; each element is its length and its bytes, as they will be in a frame, so that whole chunks are copied at once.
 *
 * <p>The writer {@link #add}s and may {@link #evict} the oldest chunk that the reader has not come to. The reader looks at
 * elements ({@link #copyTo}, {@link #next}) before it lets them go: {@link #mark} says that up to here all is well, {@link
 * #reset} goes back to there, {@link #release} gives up what was marked.
 *
 * <p>Threads: one adds, one reads. What is published is published with the count, by one release store an element.
 */
public final class SpillBuffer {

    private static final int CHUNK_BYTES = 64 << 10;

    private static final VarHandle PUBLISHED = field(Chunk.class, "published", long.class);
    private static final VarHandle OWNER = field(Chunk.class, "owner", int.class);
    private static final VarHandle ADDED_BYTES = field(SpillBuffer.class, "addedBytes", long.class);
    private static final VarHandle ADDED = field(SpillBuffer.class, "added", long.class);

    private static final int NOBODY = 0;
    private static final int READER = 1;
    private static final int EVICTED = 2;

    private static final class Chunk {
        final byte[] bytes;

        /** How many elements had been added before its first one. */
        final long firstOrdinal;

        /** How many elements (the upper half) and bytes (the lower) are in it. */
        volatile long published;

        volatile @Nullable Chunk next;

        /** Who has come to it first: the reader, or the writer to evict it. */
        volatile int owner;

        Chunk(int size, long firstOrdinal) {
            bytes = new byte[size];
            this.firstOrdinal = firstOrdinal;
        }

        int publishedBytes() {
            return (int) published;
        }
    }

    private final int chunkBytes;

    // the writer's

    private Chunk last;
    private int lastBytes;
    private int lastElements;
    private long evictedSum;
    private long evictedBytesSum;

    /** Written by the writer. */
    private volatile long added;

    private volatile long addedBytes;
    private volatile long evicted;
    private volatile long evictedBytes;

    /** How many elements had been added before the one that is watched; -1: none is. Written by the writer. */
    private volatile long watched = -1;

    // the reader's

    private Chunk chunk;
    private int at;
    private int elements;
    private long seenElements;
    private long seenBytes;
    private int watchedAt = -1;

    private Chunk markedChunk;
    private int markedAt;
    private int markedElements;
    private long markedSeenElements;
    private long markedSeenBytes;

    /** The writer looks for chunks from here on. */
    private volatile Chunk releasedChunk;

    private int releasedAt;
    private int releasedElements;

    /** Not the chunk, which would hold all that came behind it. */
    private byte @Nullable [] viewed;

    private ByteBuffer view = ByteBuffer.allocate(0);

    /** Written by the reader. */
    private volatile long released;

    private volatile long releasedBytes;

    /** @param bytesMax about as many bytes as are going to be in it at most; sizes the chunks */
    public SpillBuffer(long bytesMax) {
        chunkBytes = (int) Math.max(64, Math.min(CHUNK_BYTES, bytesMax / 4));
        last = new Chunk(chunkBytes, 0);
        chunk = last;
        markedChunk = last;
        releasedChunk = last;
        OWNER.set(last, READER);
    }

    private static VarHandle field(Class<?> owner, String name, Class<?> type) {
        try {
            return MethodHandles.lookup().findVarHandle(owner, name, type);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // --- the writer ----------------------------------------------------------------------------------------------

    /** Takes an element. */
    public void add(byte[] element) {
        int size = ELEMENT_HEADER_BYTES + element.length;
        Chunk current = last;
        if (current.bytes.length - lastBytes < size) {
            current = append(size);
        }
        byte[] bytes = current.bytes;
        int from = lastBytes;
        bytes[from] = (byte) (element.length >>> 24);
        bytes[from + 1] = (byte) (element.length >>> 16);
        bytes[from + 2] = (byte) (element.length >>> 8);
        bytes[from + 3] = (byte) element.length;
        System.arraycopy(element, 0, bytes, from + ELEMENT_HEADER_BYTES, element.length);
        lastBytes = from + size;
        lastElements++;
        ADDED.setOpaque(this, added + 1);
        ADDED_BYTES.setOpaque(this, addedBytes + size);
        PUBLISHED.setRelease(current, (long) lastElements << 32 | lastBytes);
    }

    /** By the writer: the reader is to notice the element that is added next. */
    public void watchNext() {
        watched = added;
    }

    /** By the writer: whether an element is watched and has not been evicted. */
    public boolean isWatching() {
        return watched >= 0;
    }

    private Chunk append(int size) {
        Chunk chunkForIt = new Chunk(Math.max(chunkBytes, size), added);
        last.next = chunkForIt;
        last = chunkForIt;
        lastBytes = 0;
        lastElements = 0;
        return chunkForIt;
    }

    /** By the writer: lets the oldest chunk go that the reader has not come to. False where there is none but the newest. */
    public boolean evict(Consumer<ByteBuffer> eachElement) {
        Chunk before = releasedChunk;
        for (; ; ) {
            Chunk candidate = before.next;
            if (candidate == null && before != last) {
                // the reader has given it up meanwhile
                before = releasedChunk;
                continue;
            }
            if (candidate == null || candidate == last) {
                return false;
            }
            if (OWNER.compareAndSet(candidate, NOBODY, EVICTED)) {
                before.next = candidate.next;
                evicted(candidate, eachElement);
                return true;
            }
            before = candidate;
        }
    }

    private void evicted(Chunk candidate, Consumer<ByteBuffer> eachElement) {
        long content = candidate.published;
        long watchedHere = watched - candidate.firstOrdinal;
        if (watchedHere >= 0 && watchedHere < content >>> 32) {
            watched = -1;
        }
        evictedSum += content >>> 32;
        evictedBytesSum += (int) content;
        evicted = evictedSum;
        evictedBytes = evictedBytesSum;
        ByteBuffer bytes = ByteBuffer.wrap(candidate.bytes).asReadOnlyBuffer();
        for (int from = 0; from < (int) content; ) {
            bytes.clear().position(from);
            int length = bytes.getInt();
            from = bytes.position() + length;
            eachElement.accept(bytes.limit(from));
        }
    }

    /** How many have been added and not evicted. */
    public long accepted() {
        return added - evicted;
    }

    // --- either --------------------------------------------------------------------------------------------------

    /** How many bytes are in it. */
    public long bytes() {
        // in this order: never less than none
        long gone = releasedBytes + evictedBytes;
        return addedBytes - gone;
    }

    /** How many elements are in it. */
    public long size() {
        long gone = released + evicted;
        return added - gone;
    }

    // --- the reader ----------------------------------------------------------------------------------------------

    /** Whether there is nothing to look at. */
    public boolean isEmpty() {
        return !moveOn();
    }

    /** How large the next element is with its length; to be called where there is one. */
    public int nextBytes() {
        moveOn();
        return ELEMENT_HEADER_BYTES + lengthAt(at);
    }

    /** Copies as many elements as there are and have room, and moves behind them; how many. */
    public int copyTo(ByteBuffer target) {
        int count = 0;
        watchedAt = -1;
        while (target.hasRemaining() && moveOn()) {
            long content = chunk.published;
            int to = (int) content;
            int more = (int) (content >>> 32) - elements;
            if (to - at > target.remaining()) {
                more = 0;
                int fits = at;
                for (int end = at; ; more++) {
                    end += ELEMENT_HEADER_BYTES + lengthAt(end);
                    if (end - at > target.remaining()) {
                        break;
                    }
                    fits = end;
                }
                to = fits;
                if (more == 0) {
                    break;
                }
            }
            long watchedHere = watched - chunk.firstOrdinal - elements;
            if (watchedHere >= 0 && watchedHere < more) {
                watchedAt = count + (int) watchedHere;
            }
            target.put(chunk.bytes, at, to - at);
            seenBytes += to - at;
            seenElements += more;
            elements += more;
            at = to;
            count += more;
        }
        return count;
    }

    /** The next element's bytes, and moves behind it; null where there is none. A read-only view, good until the next call. */
    public @Nullable ByteBuffer next() {
        if (!moveOn()) {
            return null;
        }
        if (viewed != chunk.bytes) {
            viewed = chunk.bytes;
            view = ByteBuffer.wrap(chunk.bytes).asReadOnlyBuffer();
        }
        int from = at + ELEMENT_HEADER_BYTES;
        int to = from + lengthAt(at);
        watchedAt = watched == chunk.firstOrdinal + elements ? 0 : -1;
        seenBytes += to - at;
        seenElements++;
        elements++;
        at = to;
        return view.clear().limit(to).position(from);
    }

    /** How many elements were before the watched one in what {@link #copyTo} or {@link #next} gave last; -1: it was not there. */
    public int watchedAt() {
        return watchedAt;
    }

    /** What has been looked at so far is dealt with. */
    public void mark() {
        markedChunk = chunk;
        markedAt = at;
        markedElements = elements;
        markedSeenElements = seenElements;
        markedSeenBytes = seenBytes;
    }

    /** Looks again from the mark on. */
    public void reset() {
        chunk = markedChunk;
        at = markedAt;
        elements = markedElements;
        seenElements = markedSeenElements;
        seenBytes = markedSeenBytes;
    }

    /** What is before the mark is no longer needed. */
    public void release() {
        Chunk passed = releasedChunk;
        releasedChunk = markedChunk;
        // one that has grown old must not keep alive, for the garbage collector, all that comes behind it
        while (passed != null && passed != markedChunk) {
            Chunk next = passed.next;
            passed.next = null;
            passed = next;
        }
        releasedAt = markedAt;
        releasedElements = markedElements;
        releasedBytes = markedSeenBytes;
        released = markedSeenElements;
    }

    /** Looks again at all that has not been released, marked or not. */
    public void resetToReleased() {
        markedChunk = releasedChunk;
        markedAt = releasedAt;
        markedElements = releasedElements;
        markedSeenBytes = releasedBytes;
        markedSeenElements = released;
        reset();
    }

    /** How many elements have been released. */
    public long released() {
        return released;
    }

    /** Whether there is an element at {@code at}; enters the next chunk where there is one and this is at its end. */
    private boolean moveOn() {
        while (at == chunk.publishedBytes()) {
            Chunk next = chunk.next;
            while (next != null && !OWNER.compareAndSet(next, NOBODY, READER) && next.owner == EVICTED) {
                next = next.next;
            }
            if (next == null) {
                return false;
            }
            if (at < chunk.publishedBytes()) {
                // it was the last chunk when it was looked at, and was filled since
                return true;
            }
            chunk = next;
            at = 0;
            elements = 0;
        }
        return true;
    }

    private int lengthAt(int position) {
        byte[] bytes = chunk.bytes;
        return (bytes[position] & 0xff) << 24
                | (bytes[position + 1] & 0xff) << 16
                | (bytes[position + 2] & 0xff) << 8
                | (bytes[position + 3] & 0xff);
    }
}
