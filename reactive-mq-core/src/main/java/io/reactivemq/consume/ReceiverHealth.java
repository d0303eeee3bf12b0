package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How the partitions of a Receiver are getting on at one moment.
 *
 * @param partitions each of them that has a position, in order
 */
public record ReceiverHealth(List<Partition> partitions) {

    /** Without a subscription. */
    static final ReceiverHealth NONE = new ReceiverHealth(List.of());

    public ReceiverHealth {
        partitions = List.copyOf(partitions);
    }

    /** Whether a partition or a record is stalled. */
    public boolean isStalled() {
        return partitions.stream()
                .anyMatch(p -> p.stalled() || !p.stalledRecords().isEmpty());
    }

    /**
     * One partition.
     *
     * @param partition the partition
     * @param position the next offset to emit
     * @param committed what the group has committed; -1 for nothing, or without a group
     * @param unacknowledged how many emitted records are not acknowledged
     * @param oldestUnacknowledged the oldest of them; -1 where there is none
     * @param oldestFor for how long, at least, that one has been the oldest; zero where there is none
     * @param stalled whether records are in work and nothing of the partition has moved for {@code stallAfter}, or lie ready without demand and no partition has
     * @param pausedBy why it is not read; empty where it is
     * @param stalledRecords for {@link Receiver#process}: the records whose present attempt takes longer than {@code stallAfter}
     */
    public record Partition(
            TopicPartition partition,
            long position,
            long committed,
            long unacknowledged,
            long oldestUnacknowledged,
            Duration oldestFor,
            boolean stalled,
            Set<PauseReason> pausedBy,
            List<StalledRecord> stalledRecords) {

        public Partition {
            pausedBy = Set.copyOf(pausedBy);
            stalledRecords = List.copyOf(stalledRecords);
        }
    }

    /**
     * A record whose handler does not end.
     *
     * @param offset its offset
     * @param key its key; null for none
     * @param attempt which attempt it is
     * @param runningFor how long that takes already
     */
    public record StalledRecord(long offset, @Nullable Object key, int attempt, Duration runningFor) {}
}
