package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.Collection;

/**
 * Is told when partitions come and go. Runs on the receiver's worker, so that it must not block; what it throws ends the subscription.
 */
public interface RebalanceListener {

    /** These partitions are the receiver's from now on; nothing of them was emitted yet. */
    default void assigned(Collection<TopicPartition> partitions) {}

    /**
     * These partitions are to be given back: nothing more of them is emitted, what is in flight is waited for, and what is acknowledged is
     * committed before another member gets them.
     */
    default void revoked(Collection<TopicPartition> partitions) {}

    /** These partitions are gone, without a commit: another member may have them already. */
    default void lost(Collection<TopicPartition> partitions) {}
}
