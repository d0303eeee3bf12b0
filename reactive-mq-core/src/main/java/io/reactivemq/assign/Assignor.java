package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Set;

/**
 * Computes who in a group reads which partition. A pure function: the same input gives the same answer.
 *
 * <p>In every answer each partition of a topic that at least one member subscribes to has exactly one member, who subscribes
 * to it, and every member is a key. {@link Assignors} has those that come with this library; an application may bring its own.
 */
@FunctionalInterface
public interface Assignor {

    /**
     * The assignment.
     *
     * @param membership who is there, and how many partitions there are
     * @param previous the assignment up to now, by member id; empty at first. It may name members and partitions that are no
     *     more
     */
    Map<String, Set<TopicPartition>> assign(Membership membership, Map<String, Set<TopicPartition>> previous);

    /** The name by which members ask for it, as Kafka names it. */
    default String name() {
        return "custom";
    }

    /**
     * Whether a partition that moves is nobody's for a while: first it is taken from the old member, and given to the new one when
     * the old one has released it (KIP-429). Where not, the assignment names the new member at once.
     */
    default boolean isCooperative() {
        return false;
    }
}
