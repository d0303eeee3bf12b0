package io.reactivemq.transaction;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.CoordinatorShard;
import io.reactivemq.transaction.TransactionMetadata.Epoch;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of all transactions, behind {@code __transaction_state}. Pure: time and producer ids come in with the call.
 *
 * <pre>
 *            +------------- init --------------+
 *            v                                 |
 * (new) -> EMPTY --add--> ONGOING --commit--> PREPARE_COMMIT --all told--> COMPLETE_COMMIT
 *                          ^   |                                             |
 *                          |   +--abort, init,-> PREPARE_ABORT --all told--> COMPLETE_ABORT
 *                          |      too long                                   |
 *                          +---------------------- add ----------------------+
 * </pre>
 *
 * <p>With {@code PREPARE_*} recorded the end is decided, whatever crashes then. A transaction that the broker aborts, and one that a producer of version 2
 * ends, has its markers written with the next epoch: what is still on its way from the producer is refused by every partition behind
 * them (KIP-890). {@code DEAD} and {@code PREPARE_EPOCH_FENCE} are passed within one event and never recorded.
 */
final class TransactionShard implements CoordinatorShard {

    /** Bytes of a transactional id. */
    private static final int ID_BYTES_MAX = 32_000;

    /** What one look at all transactions may write. */
    private static final int CHECK_RECORDS_MAX = 2_000;

    private final TransactionConfig config;
    private final Map<String, TransactionMetadata> transactions = new TreeMap<>();

    /**
     * Of producers that went on with a new epoch, what they were: who asks again, since the answer was lost, is answered the same. Not recorded;
     * after a restart it has to begin anew.
     */
    private final Map<String, ProducerIdAndEpoch> wentOnFrom = new HashMap<>();

    TransactionShard(TransactionConfig config) {
        this.config = config;
    }

    /**
     * A producer begins. Empty: what an older one has left open has to be ended first; then the same is asked again.
     *
     * @param freshProducerId an id that nobody has, used where one is needed
     */
    CoordinatorResult<Optional<ProducerIdAndEpoch>> init(InitProducerId request, long freshProducerId, long nowMs) {
        String id = requireId(Objects.requireNonNull(request.transactionalId()));
        long timeoutMs = request.transactionTimeout().toMillis();
        if (timeoutMs <= 0 || timeoutMs > config.maxTimeout().toMillis()) {
            throw error(
                    ErrorCode.INVALID_TRANSACTION_TIMEOUT,
                    id,
                    "transaction timeout: expected more than 0 and at most " + config.maxTimeout() + ", actual "
                            + request.transactionTimeout());
        }
        TransactionMetadata now = transactions.get(id);
        if (now == null) {
            if (transactions.size() >= TransactionConfig.IDS_MAX) {
                throw error(
                        ErrorCode.POLICY_VIOLATION,
                        id,
                        "the broker knows " + transactions.size() + " ids, which is the most it takes");
            }
            TransactionMetadata made = TransactionMetadata.empty(freshProducerId, (int) timeoutMs, nowMs);
            return written(id, made, Optional.of(made.producer()));
        }
        ProducerIdAndEpoch current = request.current();
        if (now.state() == State.EMPTY && current.equals(wentOnFrom.get(id))) {
            return CoordinatorResult.of(Optional.of(now.producer())); // asked again
        }
        checkCurrent(id, now, current);
        if (now.isPrepared()) {
            return CoordinatorResult.of(Optional.empty());
        }
        if (now.isOngoing()) {
            return written(id, abort(now, nowMs), Optional.empty());
        }
        ProducerIdAndEpoch next;
        if (!current.isNone()
                && current.producerId() == now.producer().producerId()
                && current.epoch() == now.lastEpoch()
                && now.producer().epoch() <= TransactionMetadata.EPOCH_LAST) {
            next = now.producer(); // the broker has raised it already, with the end of the last transaction
        } else if (now.isEpochExhausted()) {
            next = new ProducerIdAndEpoch(freshProducerId, (short) 0);
        } else {
            next = raised(now.producer());
        }
        if (current.isNone()) {
            wentOnFrom.remove(id);
        } else {
            wentOnFrom.put(id, current);
        }
        return written(id, now.begin(next, current, (int) timeoutMs, nowMs), Optional.of(next));
    }

    /** KIP-360: who says what it was must be the one that has the id now, or was it just before. */
    private static void checkCurrent(String id, TransactionMetadata now, ProducerIdAndEpoch current) {
        if (current.isNone()) {
            return;
        }
        boolean same = current.producerId() == now.producer().producerId()
                && (current.epoch() == now.producer().epoch() || current.epoch() == now.lastEpoch());
        boolean next = isNext(now, current);
        boolean before =
                current.producerId() == now.previousProducerId() && current.epoch() >= TransactionMetadata.EPOCH_LAST;
        if (!same && !next && !before) {
            throw fenced(id, now, current);
        }
    }

    /** The partitions become part of the producer's transaction. */
    CoordinatorResult<Boolean> add(
            String id, ProducerIdAndEpoch producer, Set<TopicPartition> partitions, TransactionVersion by, long nowMs) {
        TransactionMetadata now = require(id, producer);
        requireNotPrepared(id, now);
        if (now.isOngoing() && now.partitions().containsAll(partitions)) {
            return CoordinatorResult.of(Boolean.TRUE);
        }
        return written(id, now.with(partitions, by, nowMs), Boolean.TRUE);
    }

    /** Throws where the partition is not part of the producer's transaction. */
    boolean verify(String id, ProducerIdAndEpoch producer, TopicPartition partition) {
        TransactionMetadata now = require(id, producer);
        requireNotPrepared(id, now);
        if (!now.isOngoing() || !now.partitions().contains(partition)) {
            throw error(
                    ErrorCode.TRANSACTION_ABORTABLE,
                    id,
                    partition + " is not part of its transaction, which is "
                            + now.state().text() + ": add it before writing to it");
        }
        return true;
    }

    /** What has to be known before a transaction is ended. */
    EndPlan plan(EndTransaction end) {
        TransactionMetadata now = transactions.get(end.transactionalId());
        if (now == null) {
            return new EndPlan(Set.of(), false);
        }
        boolean commits = end.result() == TransactionResult.COMMIT && now.isOngoing();
        return new EndPlan(
                commits ? now.partitions() : Set.of(),
                end.version() == TransactionVersion.V2 && now.isEpochExhausted());
    }

    /**
     * What has to be done before a transaction is ended.
     *
     * @param toForce the partitions whose records must not be lost any more
     * @param needsProducerId whether the producer has no epoch left
     */
    record EndPlan(Set<TopicPartition> toForce, boolean needsProducerId) {}

    /**
     * Decides the end of a transaction.
     *
     * @param forced the partitions that can't lose a record any more
     * @param freshProducerId an id that nobody has, where the plan needs one; -1: none
     * @return who the producer is from then on
     */
    CoordinatorResult<ProducerIdAndEpoch> end(
            EndTransaction end, Set<TopicPartition> forced, long freshProducerId, long nowMs) {
        String id = end.transactionalId();
        TransactionMetadata now = requireKnown(id);
        ProducerIdAndEpoch producer = end.producer();
        if (isRepeated(now, producer)) {
            return repeated(id, now, end);
        }
        require(id, now, producer);
        boolean isV2 = end.version() == TransactionVersion.V2;
        switch (now.state()) {
            case ONGOING -> {}
            case PREPARE_COMMIT, PREPARE_ABORT -> {
                if (isV2 || decided(end) != now.state()) {
                    throw invalidState(id, now, end);
                }
                requireNotPrepared(id, now);
            }
            case COMPLETE_COMMIT, COMPLETE_ABORT -> {
                if (!isV2 && completed(end) == now.state()) {
                    return CoordinatorResult.of(now.producer()); // asked again: the answer was lost
                }
                requireAbortOfNothing(id, now, end);
            }
            case EMPTY, DEAD, PREPARE_EPOCH_FENCE -> requireAbortOfNothing(id, now, end);
        }
        if (end.result() == TransactionResult.COMMIT && !forced.containsAll(now.partitions())) {
            throw error(ErrorCode.CONCURRENT_TRANSACTIONS, id, "partitions were added while it was being committed");
        }
        if (isV2 && now.isEpochExhausted() && freshProducerId < 0) {
            throw error(ErrorCode.CONCURRENT_TRANSACTIONS, id, "it was begun anew while it was being ended");
        }
        TransactionMetadata prepared = now.prepare(
                decided(end),
                isV2 ? Epoch.RAISED : Epoch.KEPT,
                isV2 && now.isEpochExhausted() ? freshProducerId : TransactionMetadata.NONE,
                end.version(),
                nowMs);
        return written(id, prepared, prepared.producerAfterwards());
    }

    /** Whether the producer does not know yet that its last transaction has ended, and its epoch was raised with it. */
    private static boolean isRepeated(TransactionMetadata now, ProducerIdAndEpoch producer) {
        if (now.version() != TransactionVersion.V2 || now.isOngoing() || now.state() == State.EMPTY) {
            return false;
        }
        boolean raised = producer.producerId() == now.producer().producerId()
                && producer.epoch() == now.producer().epoch() - 1;
        boolean rotated = producer.producerId() == now.previousProducerId()
                && producer.epoch() == TransactionMetadata.EPOCH_LAST
                && now.producer().epoch() == 0;
        return raised || rotated;
    }

    private static CoordinatorResult<ProducerIdAndEpoch> repeated(
            String id, TransactionMetadata now, EndTransaction end) {
        if (now.state() != decided(end) && now.state() != completed(end)) {
            if (now.state() == State.PREPARE_ABORT || now.state() == State.COMPLETE_ABORT) {
                throw fenced(id, now, end.producer()); // the broker has aborted what the producer wants to commit
            }
            throw invalidState(id, now, end);
        }
        if (now.producerAfterwards().epoch() > TransactionMetadata.EPOCH_LAST) {
            throw fenced(id, now, end.producer()); // no transaction could be ended with that epoch
        }
        return CoordinatorResult.of(now.producerAfterwards());
    }

    private static void requireAbortOfNothing(String id, TransactionMetadata now, EndTransaction end) {
        boolean allowed = end.version() == TransactionVersion.V2 && end.result() == TransactionResult.ABORT;
        if (!allowed) {
            throw invalidState(id, now, end);
        }
    }

    private static State decided(EndTransaction end) {
        return end.result() == TransactionResult.COMMIT ? State.PREPARE_COMMIT : State.PREPARE_ABORT;
    }

    private static State completed(EndTransaction end) {
        return end.result() == TransactionResult.COMMIT ? State.COMPLETE_COMMIT : State.COMPLETE_ABORT;
    }

    /** The transaction that is decided and whose partitions are to be told; empty: none is. */
    Optional<TransactionMetadata> prepared(String id) {
        return Optional.ofNullable(transactions.get(id)).filter(TransactionMetadata::isPrepared);
    }

    /** All partitions were told. */
    CoordinatorResult<Boolean> complete(String id, ProducerIdAndEpoch producer, long nowMs) {
        TransactionMetadata now = transactions.get(id);
        if (now == null || !now.isPrepared() || !now.producer().equals(producer)) {
            return CoordinatorResult.of(Boolean.FALSE);
        }
        return written(id, now.complete(nowMs), Boolean.TRUE);
    }

    /** Aborts what is open for too long and forgets ids that are not used. The response are the ids to be completed. */
    CoordinatorResult<List<String>> check(long nowMs) {
        List<CoordinatorRecord> records = new ArrayList<>();
        List<String> prepared = new ArrayList<>();
        for (Map.Entry<String, TransactionMetadata> entry : transactions.entrySet()) {
            if (records.size() >= CHECK_RECORDS_MAX) {
                break; // the next round has the rest
            }
            String id = entry.getKey();
            TransactionMetadata now = entry.getValue();
            if (now.isPrepared()) {
                prepared.add(id);
            } else if (now.isOngoing()) {
                if (nowMs - now.startMs() >= now.timeoutMs()) {
                    records.add(TransactionRecords.of(id, abort(now, nowMs)));
                    prepared.add(id);
                }
            } else if (nowMs - now.updatedMs() >= config.idExpiration().toMillis()) {
                records.add(TransactionRecords.tombstone(id));
            }
        }
        return new CoordinatorResult<>(records, prepared);
    }

    /** The broker aborts a transaction. Its producer is fenced: the markers carry the next epoch. */
    private static TransactionMetadata abort(TransactionMetadata now, long nowMs) {
        return now.prepare(State.PREPARE_ABORT, Epoch.RAISED, TransactionMetadata.NONE, now.version(), nowMs);
    }

    TransactionDescription describe(String id) {
        TransactionMetadata now = transactions.get(id);
        if (now == null) {
            throw error(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, id, "is not known");
        }
        return now.describe(id);
    }

    List<TransactionDescription> list() {
        List<TransactionDescription> all = new ArrayList<>();
        transactions.forEach((id, now) -> all.add(now.describe(id)));
        return all;
    }

    private static <R> CoordinatorResult<R> written(String id, TransactionMetadata next, R response) {
        return new CoordinatorResult<>(List.of(TransactionRecords.of(id, next)), response);
    }

    private static ProducerIdAndEpoch raised(ProducerIdAndEpoch producer) {
        return new ProducerIdAndEpoch(producer.producerId(), (short) (producer.epoch() + 1));
    }

    private TransactionMetadata requireKnown(String id) {
        TransactionMetadata now = transactions.get(requireId(id));
        if (now == null) {
            throw error(ErrorCode.INVALID_PRODUCER_ID_MAPPING, id, "has no producer: initialise one first");
        }
        return now;
    }

    private TransactionMetadata require(String id, ProducerIdAndEpoch producer) {
        TransactionMetadata now = requireKnown(id);
        require(id, now, producer);
        return now;
    }

    private static void require(String id, TransactionMetadata now, ProducerIdAndEpoch producer) {
        if (isNext(now, producer)) {
            throw stillEnding(id);
        }
        if (producer.producerId() != now.producer().producerId()) {
            throw error(
                    ErrorCode.INVALID_PRODUCER_ID_MAPPING,
                    id,
                    "producer id: expected " + now.producer().producerId() + ", actual " + producer.producerId());
        }
        if (producer.epoch() != now.producer().epoch()) {
            throw fenced(id, now, producer);
        }
    }

    /** Whether it says the new producer id, which it was told with the decision, and which is its own when all partitions know. */
    private static boolean isNext(TransactionMetadata now, ProducerIdAndEpoch producer) {
        return now.nextProducerId() != TransactionMetadata.NONE && producer.equals(now.producerAfterwards());
    }

    private static void requireNotPrepared(String id, TransactionMetadata now) {
        if (now.isPrepared()) {
            throw stillEnding(id);
        }
    }

    private static MqException stillEnding(String id) {
        return error(ErrorCode.CONCURRENT_TRANSACTIONS, id, "the former transaction is still being ended: ask again");
    }

    private static String requireId(String id) {
        int bytes = id.getBytes(StandardCharsets.UTF_8).length;
        if (bytes == 0 || bytes > ID_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.INVALID_REQUEST,
                    "a transactional id must have 1 to " + ID_BYTES_MAX + " bytes, has " + bytes);
        }
        return id;
    }

    private static MqException fenced(String id, TransactionMetadata now, ProducerIdAndEpoch producer) {
        return error(
                ErrorCode.PRODUCER_FENCED,
                id,
                "producer: expected " + now.producer() + ", actual " + producer
                        + ": a newer one has the id, or the broker has aborted its transaction");
    }

    private static MqException invalidState(String id, TransactionMetadata now, EndTransaction end) {
        return error(
                ErrorCode.INVALID_TXN_STATE,
                id,
                end.result() + " is not possible, its transaction is "
                        + now.state().text());
    }

    private static MqException error(ErrorCode code, String id, String what) {
        return new MqException(code, "transactional id " + id + ": " + what);
    }

    @Override
    public void replay(ByteBuffer key, @Nullable ByteBuffer value) {
        String id = TransactionRecords.readKey(key);
        if (id == null) {
            return;
        }
        if (value == null) {
            transactions.remove(id);
            wentOnFrom.remove(id);
        } else {
            transactions.put(id, TransactionRecords.readValue(value).after(transactions.get(id)));
        }
    }
}
