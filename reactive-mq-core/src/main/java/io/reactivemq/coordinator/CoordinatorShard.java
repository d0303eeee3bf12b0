package io.reactivemq.coordinator;

import io.reactivemq.MqException;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A state machine behind one partition of an internal topic. It does no I/O and reads no clock.
 *
 * <p>What lasts is what replaying the records gives. A handler may change the state itself as it decides, provided that the records it
 * returns say the same, and that replaying those changes nothing more: when they cannot be appended, the whole state is thrown away. An error
 * thrown by a handler is the response, and must leave the state as it was.
 */
public interface CoordinatorShard {

    /** No deadline. */
    long NEVER = Long.MAX_VALUE;

    /**
     * Applies one record, at the start and each time one was appended.
     *
     * @param key what it is about; read-only, valid during the call
     * @param value the new state; null for a tombstone
     */
    void replay(ByteBuffer key, @Nullable ByteBuffer value);

    /** Applies one record of a transaction: it counts if and when the transaction is committed. */
    default void replayTransactional(long producerId, ByteBuffer key, @Nullable ByteBuffer value) {
        throw new IllegalStateException(
                "a record of a transaction of producer " + producerId + " in a log that has none");
    }

    /** Applies the end of the producer's transaction. */
    default void replayEnd(long producerId, TransactionMarker.Outcome outcome) {
        throw new IllegalStateException(
                "the end of a transaction of producer " + producerId + " in a log that has none");
    }

    /** All there was is replayed; the first event follows. */
    default void loaded(long nowNanos, long nowMs) {}

    /** The answers that the last event or deadline gave to requests that waited ({@link Deferred}); each is taken once. */
    default List<Answer> takeAnswers() {
        return List.of();
    }

    /** The state is thrown away: requests that still wait get that error. */
    default void unloaded(MqException error) {}

    /** When {@link #onDeadline} wants to be called, on the clock of {@code MqRuntime.nanoTime}; {@link #NEVER}. */
    default long nextDeadlineNanos() {
        return NEVER;
    }

    /** The deadline has passed. */
    default List<CoordinatorRecord> onDeadline(long nowNanos, long nowMs) {
        return List.of();
    }
}
