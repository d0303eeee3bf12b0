package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Set;

/**
 * Stable offsets were asked for ({@link OffsetFetch#requireStable}), and transactions that have not ended are about to change some of them: the same request
 * succeeds once those have ended. Tells what is stable, for who can use a part.
 */
public final class UnstableOffsetsException extends MqException {

    private static final long serialVersionUID = 1L;

    private final transient Set<TopicPartition> unstable;
    private final transient Map<TopicPartition, CommittedOffset> committed;

    /**
     * @param unstable of which partitions no offset is told
     * @param committed the offsets of the others that have one
     */
    public UnstableOffsetsException(
            String groupId, Set<TopicPartition> unstable, Map<TopicPartition, CommittedOffset> committed) {
        super(
                ErrorCode.UNSTABLE_OFFSET_COMMIT,
                "group " + groupId + ": transactions that have not ended have committed offsets of " + unstable.size()
                        + " partitions: ask again");
        this.unstable = Set.copyOf(unstable);
        this.committed = Map.copyOf(committed);
    }

    /** The partitions whose offsets are about to change. */
    public Set<TopicPartition> unstable() {
        return unstable;
    }

    /** What is committed of the others; a partition without a commit is not in the map. */
    public Map<TopicPartition, CommittedOffset> committed() {
        return committed;
    }
}
