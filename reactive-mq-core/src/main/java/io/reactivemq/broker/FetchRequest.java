package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What to read.
 *
 * @param partitions the partitions, each with the offset to begin at; at least one
 * @param minBytes the answer waits until that many bytes are there, or {@code maxWait} has passed; 0 never waits
 * @param maxBytes the bound on the whole answer, more than 0; a first batch that is larger is returned all the same
 * @param maxWait the bound on the wait
 * @param isolation which records of transactions are wanted
 * @param lease where records may be lent: a broker may then answer with {@link LentRecords} instead of a copy; null where they may not
 */
public record FetchRequest(
        List<Partition> partitions,
        int minBytes,
        int maxBytes,
        Duration maxWait,
        IsolationLevel isolation,
        @Nullable FetchLease lease) {

    public FetchRequest {
        partitions = List.copyOf(partitions);
        Objects.requireNonNull(isolation, "isolation");
        if (partitions.isEmpty()) {
            throw new IllegalArgumentException("a fetch needs at least one partition");
        }
        if (minBytes < 0 || maxBytes <= 0 || maxWait.isNegative()) {
            throw new IllegalArgumentException(
                    "minBytes must be 0 or more, maxBytes more than 0, maxWait not negative; were " + minBytes + ", "
                            + maxBytes + ", " + maxWait);
        }
    }

    /** A fetch whose records are the caller's own. */
    public FetchRequest(
            List<Partition> partitions, int minBytes, int maxBytes, Duration maxWait, IsolationLevel isolation) {
        this(partitions, minBytes, maxBytes, maxWait, isolation, null);
    }

    /** A fetch that sees all records of transactions. */
    public FetchRequest(List<Partition> partitions, int minBytes, int maxBytes, Duration maxWait) {
        this(partitions, minBytes, maxBytes, maxWait, IsolationLevel.READ_UNCOMMITTED);
    }

    /**
     * One partition's share of a fetch.
     *
     * @param partition the partition
     * @param offset the first offset wanted
     * @param maxBytes the bound for this partition; a first batch that is larger is returned all the same
     * @param topicId of the topic that is meant: one of that name that was made later is not; null: whichever has the name
     */
    public record Partition(
            TopicPartition partition,
            long offset,
            int maxBytes,
            @Nullable UUID topicId) {
        public Partition {
            if (offset < 0 || maxBytes <= 0) {
                throw new IllegalArgumentException("fetch of " + partition
                        + ": offset must be 0 or more and maxBytes more than 0; were " + offset + ", " + maxBytes);
            }
        }

        /** Of whichever topic has the name. */
        public Partition(TopicPartition partition, long offset, int maxBytes) {
            this(partition, offset, maxBytes, null);
        }
    }
}
