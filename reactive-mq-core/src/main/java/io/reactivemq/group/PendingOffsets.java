package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Offsets that were committed in transactions which have not ended. They count from the end of the transaction on, if it commits, and
 * unless a later record of the same group and partition counts already: what compaction leaves of the log is then the same.
 */
final class PendingOffsets {

    private final Map<Long, Map<OffsetRecords.Key, Pending>> byProducer = new HashMap<>();

    /** How many transactions hold an offset of a key back. */
    private final Map<OffsetRecords.Key, Integer> unstable = new HashMap<>();

    private long records;

    /**
     * An offset that does not count yet.
     *
     * @param offset the offset
     * @param record the place of its record among all of them
     */
    private record Pending(StoredOffset offset, long record) {}

    /** A transaction of that producer has committed an offset. */
    void add(long producerId, OffsetRecords.Key key, StoredOffset offset) {
        Pending before =
                byProducer.computeIfAbsent(producerId, id -> new HashMap<>()).put(key, new Pending(offset, records++));
        if (before == null) {
            unstable.merge(key, 1, Integer::sum);
        }
    }

    /** An offset was committed outside of any transaction: what is pending of it is older. */
    void superseded(OffsetRecords.Key key) {
        if (unstable.containsKey(key)) {
            byProducer.values().forEach(pending -> forget(pending, key, Long.MAX_VALUE));
        }
    }

    /** The producer's transaction has ended; those of its offsets that count now are given on. */
    void end(long producerId, Outcome outcome, BiConsumer<OffsetRecords.Key, StoredOffset> counting) {
        Map<OffsetRecords.Key, Pending> ended = byProducer.remove(producerId);
        if (ended == null) {
            return;
        }
        ended.forEach((key, pending) -> {
            release(key);
            if (outcome == Outcome.COMMIT) {
                byProducer.values().forEach(other -> forget(other, key, pending.record));
                counting.accept(key, pending.offset);
            }
        });
    }

    /** Of which of the partitions that are asked for a transaction that has not ended has committed an offset. */
    Set<TopicPartition> unstable(OffsetFetch fetch) {
        Set<TopicPartition> partitions = fetch.partitions();
        return unstable.isEmpty()
                ? Set.of()
                : unstable.keySet().stream()
                        .filter(key -> key.group().equals(fetch.groupId())
                                && (partitions == null || partitions.contains(key.partition())))
                        .map(OffsetRecords.Key::partition)
                        .collect(Collectors.toSet());
    }

    /** Whether a transaction that has not ended has committed an offset of that key. */
    boolean has(OffsetRecords.Key key) {
        return unstable.containsKey(key);
    }

    /** The keys of which transactions that have not ended have committed an offset. */
    List<OffsetRecords.Key> keys(Predicate<OffsetRecords.Key> which) {
        return unstable.keySet().stream().filter(which).toList();
    }

    private void forget(Map<OffsetRecords.Key, Pending> pending, OffsetRecords.Key key, long before) {
        Pending there = pending.get(key);
        if (there != null && there.record < before) {
            pending.remove(key);
            release(key);
        }
    }

    private void release(OffsetRecords.Key key) {
        unstable.computeIfPresent(key, (k, count) -> count == 1 ? null : count - 1);
    }
}
