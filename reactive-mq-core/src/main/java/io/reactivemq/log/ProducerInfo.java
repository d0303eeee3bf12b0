package io.reactivemq.log;

/**
 * What a log knows of a producer.
 *
 * @param producerId its id
 * @param epoch its epoch
 * @param lastSequence the sequence number of its last record; -1: none of this epoch is known
 * @param heardMs when it was last heard of, by the log's clock; -1: not known
 * @param coordinatorEpoch that of its last transaction's end; -1: none has ended
 * @param transactionFirstOffset the first offset of its open transaction; -1: none is open
 */
public record ProducerInfo(
        long producerId,
        short epoch,
        int lastSequence,
        long heardMs,
        int coordinatorEpoch,
        long transactionFirstOffset) {

    static ProducerInfo of(ProducerState state) {
        ProducerState.Batch last = state.lastBatch();
        return new ProducerInfo(
                state.producerId(),
                state.epoch(),
                last == null ? -1 : last.lastSequence(),
                state.heardMs(),
                state.coordinatorEpoch(),
                state.transactionFirstOffset());
    }
}
