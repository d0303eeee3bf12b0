package io.reactivemq;

import java.util.Comparator;
import java.util.Objects;

/**
 * A partition of a topic: the unit of order, of storage and of assignment.
 *
 * @param topic the topic's name, not blank
 * @param partition the partition's index, 0 or more
 */
public record TopicPartition(String topic, int partition) implements Comparable<TopicPartition> {

    private static final Comparator<TopicPartition> ORDER =
            Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition);

    public TopicPartition {
        Objects.requireNonNull(topic, "topic");
        if (topic.isBlank()) {
            throw new IllegalArgumentException("topic must not be blank");
        }
        if (partition < 0) {
            throw new IllegalArgumentException("partition of topic " + topic + " must be 0 or more, was " + partition);
        }
    }

    @Override
    public int compareTo(TopicPartition other) {
        return ORDER.compare(this, other);
    }

    /** {@code topic-partition}, which is also the name of the partition's folder on disk. */
    @Override
    public String toString() {
        return topic + "-" + partition;
    }
}
