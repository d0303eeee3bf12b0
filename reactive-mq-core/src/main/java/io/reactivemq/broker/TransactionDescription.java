package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.Set;

/**
 * A transactional id and its transaction as they are.
 *
 * @param transactionalId the id
 * @param state the transaction's state
 * @param producer the id and epoch of the producer that has it now
 * @param timeout how long its transactions may be open
 * @param startTimeMs when the transaction began, in milliseconds since 1970; -1: none is open
 * @param partitions what the transaction has written to so far and is not ended in yet, partitions of {@code __consumer_offsets} with
 *     them
 */
public record TransactionDescription(
        String transactionalId,
        State state,
        ProducerIdAndEpoch producer,
        Duration timeout,
        long startTimeMs,
        Set<TopicPartition> partitions) {

    public TransactionDescription {
        partitions = Set.copyOf(partitions);
    }

    /** Kafka's states of a transaction; {@link #text} has its names. */
    public enum State {
        /** No transaction has begun. */
        EMPTY("Empty"),
        /** One is open. */
        ONGOING("Ongoing"),
        /** It is decided that it commits; its partitions are being told. */
        PREPARE_COMMIT("PrepareCommit"),
        /** It is decided that it aborts; its partitions are being told. */
        PREPARE_ABORT("PrepareAbort"),
        /** All partitions know that it has committed. */
        COMPLETE_COMMIT("CompleteCommit"),
        /** All partitions know that it was aborted. */
        COMPLETE_ABORT("CompleteAbort"),
        /** The id has expired and is being forgotten. */
        DEAD("Dead"),
        /** An older producer is being fenced; then its transaction is aborted. */
        PREPARE_EPOCH_FENCE("PrepareEpochFence");

        private final String text;

        State(String text) {
            this.text = text;
        }

        /** The name as Kafka's tools show it. */
        public String text() {
            return text;
        }
    }
}
