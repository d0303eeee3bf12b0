package io.reactivemq.operator;

import io.reactivemq.metrics.BufferMeters;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Times waiting elements as {@link BufferMeters} does, one at a time, and follows the one that is timed through the spill: from the
 * source's thread into the head, or into the buffer, which watches for it, from there into the files, where it has a sequence, and so to a
 * place in the head. When it has been handed on or let go, the next one to come is timed.
 *
 * <p>Threading: one timed element is in one place, and belongs to the thread that has that place. The head is between two.
 */
final class SpillWait {

    private static final VarHandle PLACE = place();

    private static final long NOT_IN_HEAD = Long.MAX_VALUE;
    private static final long NOT_IN_FILES = -1;

    /** There is one at a time, so it needs no index of its own. */
    private static final long INDEX = 0;

    private final BufferMeters meters;
    private final boolean times;

    /** One is timed. Written by the source's thread when it comes, and by whoever sees it leave. */
    private volatile boolean busy;

    /** Its place in the head. */
    private volatile long place = NOT_IN_HEAD;

    /** Its sequence in the files. The mover's. */
    private long sequence = NOT_IN_FILES;

    SpillWait(BufferMeters meters) {
        this.meters = meters;
        this.times = meters.timesWaiting();
    }

    private static VarHandle place() {
        try {
            return MethodHandles.lookup().findVarHandle(SpillWait.class, "place", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    // --- the source's thread -------------------------------------------------------------------------------------

    /** Whether the next element is to be timed. */
    boolean isFree() {
        return times && !busy;
    }

    /** The next one is timed, from now on. */
    void goesToBuffer() {
        busy = true;
        meters.came(INDEX);
    }

    /** One that has been added to the head and has not been handed on is timed, from now on. */
    void waitsInHead(long at) {
        goesToBuffer();
        place = at;
    }

    /** It was let go out of the buffer. */
    void letGo() {
        meters.evicted(INDEX);
        busy = false;
    }

    // --- the mover -----------------------------------------------------------------------------------------------

    /** It came out of the buffer into the files. */
    void goesToFiles(long sequenceThere) {
        sequence = sequenceThere;
    }

    /** Of the files, what is from there on is in the buffer again. */
    void goesBackToBuffer(long sequenceFrom) {
        if (sequence >= sequenceFrom) {
            sequence = NOT_IN_FILES;
        }
    }

    /** The element of that sequence is let go out of the files. */
    void leavesFiles(long sequenceThere) {
        if (sequence == sequenceThere) {
            sequence = NOT_IN_FILES;
            letGo();
        }
    }

    /** The element of that sequence is about to be added to the head. */
    void comesToHead(long sequenceThere, long at) {
        if (sequence == sequenceThere) {
            sequence = NOT_IN_FILES;
            place = at;
        }
    }

    /** It came out of the buffer and is about to be added to the head. */
    void comesToHead(long at) {
        place = at;
    }

    // --- who drains ----------------------------------------------------------------------------------------------

    /** So many elements of the head have been handed on. */
    void handedOn(long count) {
        long at = place;
        if (count > at && PLACE.compareAndSet(this, at, NOT_IN_HEAD)) {
            meters.left(INDEX);
            busy = false;
        }
    }
}
