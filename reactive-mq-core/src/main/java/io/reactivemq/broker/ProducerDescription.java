package io.reactivemq.broker;

/**
 * What a partition knows of a producer that has written to it.
 *
 * @param producer its id and epoch
 * @param lastSequence the sequence number of its last record; -1: none of this epoch is known
 * @param lastTimestampMs when it was last heard of, in milliseconds since 1970; -1: not known
 * @param coordinatorEpoch that of the last transaction's end; -1: none has ended
 * @param transactionStartOffset the first offset of its open transaction; -1: none is open
 */
public record ProducerDescription(
        ProducerIdAndEpoch producer,
        int lastSequence,
        long lastTimestampMs,
        int coordinatorEpoch,
        long transactionStartOffset) {}
