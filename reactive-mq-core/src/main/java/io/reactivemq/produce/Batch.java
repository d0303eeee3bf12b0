package io.reactivemq.produce;

import io.reactivemq.broker.AppendResult;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A batch of one partition on its way: {@code OPEN -> CLOSED -> SENT -> DONE | FAILED}. Its records are consecutive in the
 * partition, not in the send. Belongs to the worker.
 */
final class Batch {

    enum State {
        /** Takes records. */
        OPEN,
        /** Built, and waits for an earlier batch of its partition. */
        CLOSED,
        /** Handed to the broker at least once, not yet answered for good. */
        SENT,
        /** Acknowledged. */
        DONE,
        /** Given up. */
        FAILED
    }

    final Outbox.Lane lane;

    /** The place of its first record in the send. */
    final long firstSequence;

    final long openedNanos;

    State state = State.OPEN;

    @Nullable ByteBuffer buffer;

    int count;

    /** Whether it was sent again under a new epoch. */
    boolean isSentAnew;

    /** Its append, while it is SENT. */
    @Nullable Request<AppendResult> append;

    private long baseOffset = -1;
    private long logAppendTimeMs = -1;
    private int emitted;

    Batch(Outbox.Lane lane, long firstSequence, long openedNanos) {
        this.lane = lane;
        this.firstSequence = firstSequence;
        this.openedNanos = openedNanos;
    }

    void acknowledged(AppendResult result) {
        state = State.DONE;
        buffer = null;
        append = null;
        baseOffset = result.baseOffset();
        logAppendTimeMs = result.logAppendTimeMs();
    }

    /** The offset of the next of its records, which come in order. */
    long nextOffset() {
        return baseOffset < 0 ? -1 : baseOffset + emitted++;
    }

    /** A record's timestamp in the log. */
    long timestampMs(long createTimeMs) {
        return logAppendTimeMs >= 0 ? logAppendTimeMs : createTimeMs;
    }
}
