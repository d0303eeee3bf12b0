package io.reactivemq.log;

import io.reactivemq.record.RecordBatch;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a log knows of one idempotent producer: its epoch, its last batches, and its transaction if one is open. Belongs to the log's
 * writer.
 */
final class ProducerState {

    static final long NO_OFFSET = -1;
    static final int NO_COORDINATOR_EPOCH = -1;

    /** Batches that are remembered: as many as a Kafka producer has under way at most. A repetition of one of them is recognised. */
    static final int BATCHES_MAX = 5;

    private final long producerId;
    private final Batch[] batches = new Batch[BATCHES_MAX];

    /** Invariant: 0 to BATCHES_MAX; the batches are of the current epoch, oldest first. */
    private int batchCount;

    private short epoch;
    private int coordinatorEpoch = NO_COORDINATOR_EPOCH;
    private long transactionFirstOffset = NO_OFFSET;

    /** When it was last heard of, by the log's clock; -1: not since the log was opened, and no snapshot said. */
    private long heardMs = -1;

    ProducerState(long producerId, short epoch) {
        this.producerId = producerId;
        this.epoch = epoch;
    }

    /**
     * A batch that was appended.
     *
     * @param lastSequence the sequence number of its last record
     * @param lastOffset the offset of its last record
     * @param offsetDelta the last offset minus the first
     * @param appendTimeMs the time of the append; -1: not known
     */
    record Batch(int lastSequence, long lastOffset, int offsetDelta, long appendTimeMs) {
        int firstSequence() {
            return (lastSequence - offsetDelta) & Integer.MAX_VALUE;
        }

        long firstOffset() {
            return lastOffset - offsetDelta;
        }
    }

    long producerId() {
        return producerId;
    }

    short epoch() {
        return epoch;
    }

    int coordinatorEpoch() {
        return coordinatorEpoch;
    }

    /** The first offset of its open transaction; -1: none is open. */
    long transactionFirstOffset() {
        return transactionFirstOffset;
    }

    long heardMs() {
        return heardMs;
    }

    void heard(long nowMs) {
        heardMs = nowMs;
    }

    /** The last batch of the current epoch; null: there is none. */
    @Nullable Batch lastBatch() {
        return batchCount == 0 ? null : batches[batchCount - 1];
    }

    int batchCount() {
        return batchCount;
    }

    /** One of the remembered batches, 0 being the oldest. */
    Batch batch(int index) {
        return batches[Objects.checkIndex(index, batchCount)];
    }

    /** The batch that those sequence numbers are a repetition of; null: none of the remembered. */
    @Nullable Batch batchOf(short batchEpoch, int firstSequence, int lastSequence) {
        for (int i = 0; batchEpoch == epoch && i < batchCount; i++) {
            if (batches[i].lastSequence == lastSequence && batches[i].firstSequence() == firstSequence) {
                return batches[i];
            }
        }
        return null;
    }

    /** Whether the sequence number follows the last batch's. What a new epoch begins with is 0. */
    boolean isNext(short batchEpoch, int firstSequence) {
        Batch last = lastBatch();
        if (batchEpoch != epoch || last == null) {
            return firstSequence == 0;
        }
        return firstSequence == RecordBatch.sequenceAfter(last.lastSequence, 1);
    }

    void moveTo(short newEpoch) {
        if (newEpoch != epoch) {
            epoch = newEpoch;
            batchCount = 0;
        }
    }

    void add(Batch batch) {
        if (batchCount == BATCHES_MAX) {
            System.arraycopy(batches, 1, batches, 0, BATCHES_MAX - 1);
            batchCount--;
        }
        batches[batchCount++] = batch;
    }

    void openTransaction(long firstOffset) {
        transactionFirstOffset = firstOffset;
    }

    void endTransaction(int byCoordinatorEpoch) {
        transactionFirstOffset = NO_OFFSET;
        coordinatorEpoch = byCoordinatorEpoch;
    }

    /** Puts back what a snapshot has. */
    void restore(int itsCoordinatorEpoch, long itsTransactionFirstOffset, long itsHeardMs) {
        coordinatorEpoch = itsCoordinatorEpoch;
        transactionFirstOffset = itsTransactionFirstOffset;
        heardMs = itsHeardMs;
    }

    @Override
    public String toString() {
        return "producer " + producerId + ", epoch " + epoch + ", last batch " + lastBatch()
                + (transactionFirstOffset == NO_OFFSET ? "" : ", transaction from " + transactionFirstOffset);
    }
}
