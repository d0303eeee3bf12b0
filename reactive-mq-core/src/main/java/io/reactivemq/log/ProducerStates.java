package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The idempotent producers of a log: which batch comes next from each, and which transactions are open. It is what the batches of the log
 * make it, in their order: {@link #update} and {@link #end} once for each that is written, and again when the log is opened. So a
 * {@link ProducerSnapshot} of it is only there to save reading the log from its begin.
 *
 * <p>What a batch must be ({@link #check}):
 *
 * <table>
 * <caption>A batch of a producer id, by what is known of it</caption>
 * <tr><th>epoch</th><th>first sequence number</th><th></th></tr>
 * <tr><td>nothing is known of the id</td><td>any</td><td>taken: what was known may have expired</td></tr>
 * <tr><td>older</td><td>any</td><td>INVALID_PRODUCER_EPOCH</td></tr>
 * <tr><td>newer</td><td>0</td><td>taken</td></tr>
 * <tr><td>the same</td><td>that behind the last batch</td><td>taken</td></tr>
 * <tr><td>the same</td><td>of one of the last {@value ProducerState#BATCHES_MAX} batches, and its last one too</td><td>answered with
 *     that batch's offsets, nothing is written</td></tr>
 * <tr><td>the same or newer</td><td>any other</td><td>OUT_OF_ORDER_SEQUENCE_NUMBER</td></tr>
 * </table>
 *
 * <p>Belongs to the log's writer; {@link #firstUnstableOffset} may be read by others.
 */
final class ProducerStates {

    /** No transaction is open. */
    static final long NONE_OPEN = Long.MAX_VALUE;

    private final TopicPartition partition;

    /** By id. Like the other, made when it is needed: most logs have none. */
    private Map<Long, ProducerState> producers = Map.of();

    /** The open transactions: first offset to producer id. */
    private NavigableMap<Long, Long> open = Collections.emptyNavigableMap();

    private volatile long firstUnstableOffset = NONE_OPEN;

    ProducerStates(TopicPartition partition) {
        this.partition = partition;
    }

    /** The state as a snapshot has it. */
    static ProducerStates restored(TopicPartition partition, List<ProducerState> snapshot) {
        ProducerStates states = new ProducerStates(partition);
        for (ProducerState producer : snapshot) {
            states.add(producer);
            if (producer.transactionFirstOffset() != ProducerState.NO_OFFSET) {
                states.open(producer.transactionFirstOffset(), producer.producerId());
            }
        }
        states.publish();
        return states;
    }

    /** The first offset of the open transaction that began first; {@link #NONE_OPEN}: none is open. */
    long firstUnstableOffset() {
        return firstUnstableOffset;
    }

    boolean isEmpty() {
        return producers.isEmpty();
    }

    /** All of them, by id. */
    List<ProducerState> all() {
        List<ProducerState> all = new ArrayList<>(producers.values());
        all.sort(Comparator.comparingLong(ProducerState::producerId));
        return all;
    }

    /**
     * What is to become of a batch of data from a producer with an id.
     *
     * @return the batch it repeats, which was appended before; null: it is to be written
     * @throws MqException see the class's table; INVALID_TXN_STATE for a batch outside of the producer's open transaction
     */
    ProducerState.@Nullable Batch check(RecordBatch batch) {
        ProducerState known = producers.get(batch.producerId());
        if (known == null) {
            return null;
        }
        short epoch = batch.producerEpoch();
        int first = batch.baseSequence();
        ProducerState.Batch repeated = known.batchOf(epoch, first, batch.lastSequence());
        if (repeated != null) {
            return repeated;
        }
        requireEpoch(known, epoch);
        if (!known.isNext(epoch, first)) {
            ProducerState.Batch last = epoch == known.epoch() ? known.lastBatch() : null;
            throw new MqException(
                    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
                    partition + ": a batch of producer " + known.producerId() + ", epoch " + epoch
                            + ": first sequence number: expected "
                            + (last == null ? 0 : RecordBatch.sequenceAfter(last.lastSequence(), 1)) + ", actual "
                            + first);
        }
        if (known.transactionFirstOffset() != ProducerState.NO_OFFSET && !batch.isTransactional()) {
            throw new MqException(
                    ErrorCode.INVALID_TXN_STATE,
                    partition + ": a batch outside of a transaction, while " + known + " is open");
        }
        return null;
    }

    /** Refuses a batch of an older producer; its sequence numbers are not looked at. */
    void checkEpoch(RecordBatch batch) {
        ProducerState known = producers.get(batch.producerId());
        if (known != null) {
            requireEpoch(known, batch.producerEpoch());
        }
    }

    /** Refuses the end of a transaction from an older producer or coordinator. */
    void checkMarker(RecordBatch batch, TransactionMarker marker) {
        ProducerState known = producers.get(batch.producerId());
        if (known == null) {
            return;
        }
        requireEpoch(known, batch.producerEpoch());
        if (marker.coordinatorEpoch() < known.coordinatorEpoch()) {
            throw new MqException(
                    ErrorCode.TRANSACTION_COORDINATOR_FENCED,
                    partition + ": the end of a transaction of producer " + known.producerId()
                            + ": coordinator epoch: expected at least " + known.coordinatorEpoch() + ", actual "
                            + marker.coordinatorEpoch());
        }
    }

    private void requireEpoch(ProducerState known, short epoch) {
        if (epoch < known.epoch()) {
            throw new MqException(
                    ErrorCode.INVALID_PRODUCER_EPOCH,
                    partition + ": a batch of producer " + known.producerId() + ": epoch: expected at least "
                            + known.epoch() + ", actual " + epoch);
        }
    }

    /**
     * Takes in a batch of data that is in the log now.
     *
     * @param nowMs the time of the append; -1: it is replayed, and the time is not known
     */
    void update(
            long producerId,
            short epoch,
            int baseSequence,
            long baseOffset,
            int offsetDelta,
            boolean transactional,
            long nowMs) {
        ProducerState known = producers.get(producerId);
        ProducerState producer = known != null ? known : add(new ProducerState(producerId, epoch));
        producer.moveTo(epoch);
        int lastSequence = RecordBatch.sequenceAfter(baseSequence, offsetDelta);
        producer.add(new ProducerState.Batch(lastSequence, baseOffset + offsetDelta, offsetDelta, nowMs));
        producer.heard(nowMs);
        if (transactional && producer.transactionFirstOffset() == ProducerState.NO_OFFSET) {
            producer.openTransaction(baseOffset);
            open(baseOffset, producerId);
            publish();
        }
    }

    /**
     * Takes in the end of a transaction that is in the log now.
     *
     * @param offset the marker's
     * @param nowMs as in {@link #update}
     * @return what readers of committed records have to leave out; null: nothing
     */
    @Nullable AbortedTransaction end(long producerId, short epoch, TransactionMarker marker, long offset, long nowMs) {
        ProducerState known = producers.get(producerId);
        ProducerState producer = known != null ? known : add(new ProducerState(producerId, epoch));
        producer.moveTo(epoch);
        long firstOffset = producer.transactionFirstOffset();
        producer.endTransaction(marker.coordinatorEpoch());
        producer.heard(nowMs);
        if (firstOffset == ProducerState.NO_OFFSET) {
            return null;
        }
        open.remove(firstOffset);
        publish();
        if (marker.outcome() == Outcome.COMMIT) {
            return null;
        }
        long lastStableOffset = open.isEmpty() ? offset + 1 : open.firstKey();
        return new AbortedTransaction(producerId, firstOffset, offset, lastStableOffset);
    }

    /**
     * Forgets the producers that were not heard of for so long, but for those with an open transaction. Those of which it is not known
     * count as heard of now.
     */
    void expire(long nowMs, long expirationMs) {
        for (Iterator<ProducerState> i = producers.values().iterator(); i.hasNext(); ) {
            ProducerState producer = i.next();
            if (producer.heardMs() < 0) {
                producer.heard(nowMs);
            } else if (nowMs - producer.heardMs() >= expirationMs
                    && producer.transactionFirstOffset() == ProducerState.NO_OFFSET) {
                i.remove();
            }
        }
    }

    private ProducerState add(ProducerState producer) {
        if (producers.isEmpty()) {
            producers = new HashMap<>();
        }
        producers.put(producer.producerId(), producer);
        return producer;
    }

    private void open(long firstOffset, long producerId) {
        if (open.isEmpty()) {
            open = new TreeMap<>();
        }
        open.put(firstOffset, producerId);
    }

    private void publish() {
        firstUnstableOffset = open.isEmpty() ? NONE_OPEN : open.firstKey();
    }

    @Override
    public String toString() {
        return producers.size() + " producers, " + open.size() + " open transactions";
    }
}
