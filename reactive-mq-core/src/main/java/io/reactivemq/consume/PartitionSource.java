package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.Collection;
import org.jspecify.annotations.Nullable;

/** Where a subscription's partitions come from, and where its acknowledgements go. Runs on the worker. */
interface PartitionSource {

    /** What the source tells the loop. */
    interface Assignee {

        /** These partitions are its own from now on. */
        void assign(Collection<TopicPartition> partitions);

        /** The same, of a topic that was made anew: from the begin of their logs on, wherever new subscriptions begin. */
        void assignAnew(Collection<TopicPartition> partitions);

        /** To be given back in good order; {@link PartitionSource#released} says when. */
        void revoke(Collection<TopicPartition> partitions);

        /** All are gone, without a commit: somebody else may have them already. */
        void loseAll();

        /** The lanes of which is committed now what is acknowledged. */
        Collection<PartitionLane> lanesToCommit();

        /** No retry can help. */
        void fail(Throwable error);
    }

    /** Begins. */
    void start();

    /** Nothing moves any more: whoever shares the partitions gives them up for a while. */
    default void stalled() {}

    /** There is demand again after {@link #stalled}. */
    default void askedAgain() {}

    /** Commits what is acknowledged in the lanes, then runs {@code then}; also where that has failed for good. */
    void commit(Runnable then);

    /** Whether a commit is under way. */
    default boolean isCommitting() {
        return false;
    }

    /** A revoked partition has been given up by the loop. */
    void released(TopicPartition partition);

    /** Commits what is acknowledged and gives back everything, then runs {@code then}; also where that has failed. */
    void close(Runnable then);

    /** The member that the subscription is now; null where it is none. */
    default @Nullable Membership membership() {
        return null;
    }

    /**
     * A member of a group as its commits name it.
     *
     * @param groupId the group
     * @param memberId the member
     * @param memberEpoch its epoch
     */
    record Membership(String groupId, String memberId, int memberEpoch) {}
}
