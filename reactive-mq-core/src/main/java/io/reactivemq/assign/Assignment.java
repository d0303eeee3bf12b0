package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Who reads which partition, at one time.
 *
 * @param epoch counts the assignments of a group, from 1; a later one has a larger epoch
 * @param partitions the partitions of each member, by member id; a partition that is on its way from one member to another is
 *     nobody's
 */
public record Assignment(long epoch, SortedMap<String, SortedSet<TopicPartition>> partitions) {

    /** Before the first. */
    public static final Assignment NONE = new Assignment(0, Map.of());

    public Assignment {
        TreeMap<String, SortedSet<TopicPartition>> copy = new TreeMap<>();
        partitions.forEach(
                (member, owned) -> copy.put(member, Collections.unmodifiableSortedSet(new TreeSet<>(owned))));
        partitions = Collections.unmodifiableSortedMap(copy);
    }

    /** From what an {@link Assignor} answers. */
    public Assignment(long epoch, Map<String, ? extends Set<TopicPartition>> partitions) {
        this(epoch, sorted(partitions));
    }

    private static SortedMap<String, SortedSet<TopicPartition>> sorted(
            Map<String, ? extends Set<TopicPartition>> partitions) {
        TreeMap<String, SortedSet<TopicPartition>> sorted = new TreeMap<>();
        partitions.forEach((member, owned) -> sorted.put(member, new TreeSet<>(owned)));
        return sorted;
    }

    /** The partitions of a member, in order; none for one that is not there. */
    public SortedSet<TopicPartition> of(String member) {
        return partitions.getOrDefault(member, Collections.emptySortedSet());
    }

    /** {@code epoch 3: a=[orders-0, orders-1] b=[orders-2]}. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("epoch ").append(epoch).append(':');
        partitions.forEach(
                (member, owned) -> text.append(' ').append(member).append('=').append(owned));
        return text.toString();
    }
}
