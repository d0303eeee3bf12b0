package io.reactivemq.transaction;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionVersion;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one transactional id, as its last record has it.
 *
 * @param producer who has it now; in {@code PREPARE_*} this is also what the markers carry
 * @param previousProducerId the producer id before the epochs of that one were used up; -1: none
 * @param nextProducerId the producer id from the end of this transaction on; -1: it stays
 * @param lastEpoch the producer's epoch before it was raised, which a repeated request may carry; -1: not known. It is not recorded, see
 *     {@link #after}
 * @param timeoutMs how long a transaction may be open
 * @param state the state
 * @param partitions what the transaction has written to and is not ended in
 * @param startMs when the transaction began; -1: none is open
 * @param updatedMs when this was written
 * @param version which protocol the producer spoke last
 */
record TransactionMetadata(
        ProducerIdAndEpoch producer,
        long previousProducerId,
        long nextProducerId,
        short lastEpoch,
        int timeoutMs,
        State state,
        Set<TopicPartition> partitions,
        long startMs,
        long updatedMs,
        TransactionVersion version) {

    static final long NONE = -1;
    static final short NO_EPOCH = -1;

    /** The highest epoch a producer is given. The one above is left for the marker that fences it. */
    static final short EPOCH_LAST = Short.MAX_VALUE - 1;

    TransactionMetadata {
        partitions = Set.copyOf(partitions);
    }

    static TransactionMetadata empty(long producerId, int timeoutMs, long nowMs) {
        return new TransactionMetadata(
                new ProducerIdAndEpoch(producerId, (short) 0),
                NONE,
                NONE,
                NO_EPOCH,
                timeoutMs,
                State.EMPTY,
                Set.of(),
                NONE,
                nowMs,
                TransactionVersion.V2);
    }

    /**
     * As it follows the one before: the last epoch is not recorded. It is known where the end of a transaction has raised the epoch, and
     * not where a newer producer has.
     */
    TransactionMetadata after(@Nullable TransactionMetadata before) {
        if (before == null || before.producer.producerId() != producer.producerId()) {
            return this;
        }
        int raised = producer.epoch() - before.producer.epoch();
        short last = raised == 0 ? before.lastEpoch : isPrepared() ? before.producer.epoch() : NO_EPOCH;
        return new TransactionMetadata(
                producer,
                previousProducerId,
                nextProducerId,
                last,
                timeoutMs,
                state,
                partitions,
                startMs,
                updatedMs,
                version);
    }

    boolean isPrepared() {
        return state == State.PREPARE_COMMIT || state == State.PREPARE_ABORT;
    }

    boolean isOngoing() {
        return state == State.ONGOING;
    }

    boolean isEpochExhausted() {
        return producer.epoch() >= EPOCH_LAST;
    }

    /** Who the producer is once the transaction has ended. */
    ProducerIdAndEpoch producerAfterwards() {
        return nextProducerId == NONE ? producer : new ProducerIdAndEpoch(nextProducerId, (short) 0);
    }

    /** A transaction with these partitions too, begun now where none is open. */
    TransactionMetadata with(Set<TopicPartition> more, TransactionVersion by, long nowMs) {
        Set<TopicPartition> all = new HashSet<>(more);
        if (isOngoing()) {
            all.addAll(partitions);
        }
        return new TransactionMetadata(
                producer,
                previousProducerId,
                NONE,
                NO_EPOCH,
                timeoutMs,
                State.ONGOING,
                all,
                isOngoing() ? startMs : nowMs,
                nowMs,
                by);
    }

    /** It is decided. With a new epoch nothing that is still on its way from the producer can come behind the markers. */
    TransactionMetadata prepare(State decided, Epoch epoch, long newProducerId, TransactionVersion by, long nowMs) {
        ProducerIdAndEpoch next = switch (epoch) {
            case KEPT -> producer;
            case RAISED -> new ProducerIdAndEpoch(producer.producerId(), (short) (producer.epoch() + 1));
        };
        return new TransactionMetadata(
                next,
                previousProducerId,
                newProducerId,
                NO_EPOCH,
                timeoutMs,
                decided,
                isOngoing() ? partitions : Set.of(),
                startMs,
                nowMs,
                by);
    }

    /** What becomes of the epoch. */
    enum Epoch {
        KEPT,
        RAISED
    }

    /** All partitions know. */
    TransactionMetadata complete(long nowMs) {
        State done = state == State.PREPARE_COMMIT ? State.COMPLETE_COMMIT : State.COMPLETE_ABORT;
        return new TransactionMetadata(
                producerAfterwards(),
                nextProducerId == NONE ? previousProducerId : producer.producerId(),
                NONE,
                NO_EPOCH,
                timeoutMs,
                done,
                Set.of(),
                NONE,
                nowMs,
                version);
    }

    /**
     * A producer begins, or begins again, under the id.
     *
     * @param from what it says it was; where that is nothing it is a new one, and what went before may not come back
     */
    TransactionMetadata begin(ProducerIdAndEpoch next, ProducerIdAndEpoch from, int newTimeoutMs, long nowMs) {
        long previous = next.producerId() != producer.producerId() ? producer.producerId() : previousProducerId;
        return new TransactionMetadata(
                next,
                from.isNone() ? NONE : previous,
                NONE,
                NO_EPOCH,
                newTimeoutMs,
                State.EMPTY,
                Set.of(),
                NONE,
                nowMs,
                version);
    }

    TransactionDescription describe(String transactionalId) {
        return new TransactionDescription(
                transactionalId, state, producer, Duration.ofMillis(timeoutMs), startMs, partitions);
    }
}
