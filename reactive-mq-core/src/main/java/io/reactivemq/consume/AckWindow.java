package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Which of the emitted offsets of one assigned partition are acknowledged. One bit an offset, in a ring:
 *
 * <pre>
 *        base                              next          base + limit
 *          v                                v                 v
 *   ... 1  0  1  1  0  0  1  .  .  .  0  1  |  not emitted    |
 *       ^ all below is acknowledged         ^ emitted up to here
 * </pre>
 *
 * <p>Any thread acknowledges any emitted offset, in any order, by setting its bit. Only the worker moves {@code next} (as it
 * emits) and {@code base} (over runs of set bits, which it clears as it passes), so that a bit is used again only after the
 * offset it stood for has been passed. That needs each offset to be acknowledged at most once, which {@link
 * ReceiverRecord#acknowledge} sees to. Offsets that hold no record for readers (compacted away, control records) get their
 * bit from the worker when it emits the record behind them.
 *
 * <p>Where the worker has to wait for {@code base} to move, it {@linkplain #arm() arms} the window with the offset that must
 * come first: setting {@code wakeAt} and then looking at the bit is one half, setting the bit and then looking at {@code
 * wakeAt} is the other, and one of them sees the other's write.
 *
 * <p>A window belongs to one assignment of its partition. When that ends it is closed, and an acknowledgement that comes
 * later has no effect on the next one.
 */
final class AckWindow {

    /** The bound on the bits of a partition: 2 MiB. */
    static final int CAPACITY_MAX = 1 << 24;

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final long NOBODY_WAITS = -1;

    private final TopicPartition partition;
    private final int limit;
    private final long[] words;
    private final int wordMask;
    private final Runnable wake;

    // the worker's; Invariant: base <= next < base + words.length * 64, and no bit outside [base, next) is set in view
    // the words, and behind the close what they were at that moment
    private long[] view;
    private long base;
    private long next;

    // written by the worker, read by those who acknowledge
    private volatile long wakeAt = NOBODY_WAITS;
    private volatile boolean closed;

    /**
     * @param partition whose offsets these are
     * @param start the first offset that will be emitted, or below it
     * @param limit how far beyond the base an offset may be emitted
     * @param wake runs on the thread whose acknowledgement the worker waits for
     */
    AckWindow(TopicPartition partition, long start, int limit, Runnable wake) {
        if (limit < 1 || limit > CAPACITY_MAX) {
            throw new IllegalArgumentException("limit must be 1 to " + CAPACITY_MAX + ", was " + limit);
        }
        this.partition = partition;
        this.limit = limit;
        int capacity = Math.max(Long.SIZE, Integer.highestOneBit(limit - 1) << 1);
        this.words = new long[capacity / Long.SIZE];
        this.view = words;
        this.wordMask = words.length - 1;
        this.wake = wake;
        this.base = start;
        this.next = start;
    }

    TopicPartition partition() {
        return partition;
    }

    /**
     * Any thread: acknowledges an emitted offset, once.
     *
     * @return true if it counts: whoever closes the window finds it; false if the assignment had ended, and it does not
     */
    boolean acknowledge(long offset) {
        if (closed) {
            return false;
        }
        long bit = 1L << offset;
        boolean sealed = ((long) WORDS.getAndBitwiseOr(words, word(offset), bit) & bit) != 0;
        if (wakeAt == offset) {
            wake.run();
        }
        return !sealed;
    }

    /** Any thread: whether the assignment has ended. */
    boolean isClosed() {
        return closed;
    }

    /** Worker: the assignment has ended; just what was acknowledged with success is found by whoever looks after this. */
    void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (base < next) {
            // takes each word and leaves it full in one step: who finds their bit set already has come too late
            long[] last = new long[words.length];
            for (int i = 0; i < words.length; i++) {
                last[i] = (long) WORDS.getAndSet(words, i, -1L);
            }
            view = last;
        }
    }

    /** Worker: whether that offset may be emitted next. */
    boolean hasRoom(long offset) {
        return offset - base < limit || advance() == next || offset - base < limit;
    }

    /** Worker: that offset is about to be emitted; it has room. What lies between the last one and this is acknowledged. */
    void emitting(long offset) {
        if (offset != next) {
            passGap(offset);
        }
        next = offset + 1;
    }

    private void passGap(long to) {
        if (base == next) {
            base = to;
            return;
        }
        for (long at = next; at < to; ) {
            int run = (int) Math.min(to - at, Long.SIZE - (at & 63));
            WORDS.getAndBitwiseOr(view, word(at), mask(at, run));
            at += run;
        }
    }

    /** Worker: all that was emitted is acknowledged; for outputs that see to that themselves and set no bits. */
    void acknowledgeAll() {
        base = next;
    }

    /** Worker: moves the base over what is acknowledged, and returns it: the first offset that is not. */
    long advance() {
        long at = base;
        while (at < next) {
            long bits = (long) WORDS.getAcquire(view, word(at)) >>> at;
            int run = (int) Math.min(Long.numberOfTrailingZeros(~bits), Long.SIZE - (at & 63));
            if (run == 0) {
                break;
            }
            WORDS.getAndBitwiseAnd(view, word(at), ~mask(at, run));
            at += run;
        }
        base = at;
        return at;
    }

    /** Worker: whether all that was emitted is acknowledged. */
    boolean isQuiet() {
        return advance() == next;
    }

    /** Worker: how many emitted offsets are not acknowledged. */
    long unacknowledged() {
        long at = advance();
        long count = next - at;
        for (; at < next; at += Long.SIZE - (at & 63)) {
            int run = (int) Math.min(next - at, Long.SIZE - (at & 63));
            count -= Long.bitCount((long) WORDS.getAcquire(view, word(at)) & mask(at, run));
        }
        return count;
    }

    /** Worker: writes the runs of acknowledged offsets beyond the first that is not. */
    void writeRuns(AckedRuns.Text text) {
        long at = advance();
        while (at < next) {
            long bits = (long) WORDS.getAcquire(view, word(at)) >>> at;
            int rest = (int) Math.min(next - at, Long.SIZE - (at & 63));
            int open = Math.min(Long.numberOfTrailingZeros(bits), rest);
            if (open > 0) {
                at += open;
                continue;
            }
            int run = Math.min(Long.numberOfTrailingZeros(~bits), rest);
            text.run(at, at + run);
            at += run;
        }
    }

    /** Worker: the offset behind the last emitted one. */
    long next() {
        return next;
    }

    /**
     * Worker: asks to be woken when the base can move.
     *
     * @return false if there is nothing to wait for: it can move already, or nothing is in flight
     */
    boolean arm() {
        long at = advance();
        if (at == next) {
            return false;
        }
        wakeAt = at;
        if (((long) WORDS.getVolatile(view, word(at)) >>> at & 1) == 0) {
            return true;
        }
        wakeAt = NOBODY_WAITS;
        return false;
    }

    /** Worker: whether all that was emitted is acknowledged; where not, the worker is woken when the base can move. */
    boolean settledOrArmed() {
        while (!isQuiet()) {
            if (arm()) {
                return false;
            }
        }
        return true;
    }

    private int word(long offset) {
        return (int) (offset >>> 6) & wordMask;
    }

    /** The bits of {@code run} offsets from {@code offset} on, all in one word. */
    private static long mask(long offset, int run) {
        return (-1L >>> (Long.SIZE - run)) << offset;
    }

    @Override
    public String toString() {
        return "AckWindow[" + partition + ", base " + base + ", next " + next + (closed ? ", closed" : "") + "]";
    }
}
