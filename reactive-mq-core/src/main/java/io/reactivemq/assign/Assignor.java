package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Set;

/**
 * Computes who in a group reads which partition. A pure function: the same input gives the same answer.
 *
 * <p>In every answer each partition of a topic that at least one member subscribes to has exactly one member, who subscribes
 * to it, and every member is a key.
 */
public interface Assignor {

    /** The name by which members ask for it, as Kafka names it. */
    String name();

    /**
     * The assignment.
     *
     * @param subscriptions the topics of each member, by member id
     * @param partitionCounts how many partitions a topic has; a topic that does not exist is absent
     */
    Map<String, Set<TopicPartition>> assign(
            Map<String, Set<String>> subscriptions, Map<String, Integer> partitionCounts);
}
