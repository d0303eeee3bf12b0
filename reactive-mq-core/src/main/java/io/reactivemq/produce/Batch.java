package io.reactivemq.produce;

import io.reactivemq.MqException;
import io.reactivemq.broker.AppendResult;
import java.nio.ByteBuffer;
import java.util.Objects;
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

    private final Outbox.@Nullable Lane lane;

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

    /** Why it was given up, where its records are told so one by one. */
    @Nullable MqException error;

    private long baseOffset = -1;
    private long logAppendTimeMs = -1;
    private int emitted;

    Batch(Outbox.Lane lane, long firstSequence, long openedNanos) {
        this.lane = lane;
        this.firstSequence = firstSequence;
        this.openedNanos = openedNanos;
    }

    /** Stands for a record that was put into no batch. */
    private Batch(long sequence, MqException error) {
        this.lane = null;
        this.firstSequence = sequence;
        this.openedNanos = 0;
        this.state = State.FAILED;
        this.error = error;
    }

    static Batch refused(long sequence, MqException error) {
        return new Batch(sequence, error);
    }

    /** Whether its records were never handed to the broker. */
    boolean isUnsent() {
        return lane == null || state == State.OPEN || state == State.CLOSED;
    }

    Outbox.Lane lane() {
        return Objects.requireNonNull(lane, "lane");
    }

    /** Given up; its records have that error as their result. */
    void failed(MqException why) {
        state = State.FAILED;
        buffer = null;
        append = null;
        error = why;
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
