package io.reactivemq.assign;

import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Who is in a group, and what there is to assign.
 *
 * @param members the members by id, in the order of their ids
 * @param partitionCounts how many partitions a topic has; a topic that does not exist is absent
 */
public record Membership(SortedMap<String, Member> members, SortedMap<String, Integer> partitionCounts) {

    public Membership {
        members = Collections.unmodifiableSortedMap(new TreeMap<>(members));
        partitionCounts = Collections.unmodifiableSortedMap(new TreeMap<>(partitionCounts));
        partitionCounts.forEach((topic, count) -> {
            if (count < 0) {
                throw new IllegalArgumentException("topic " + topic + " must have 0 partitions or more, was " + count);
            }
        });
    }

    /** Members of equal weight, each with its topics. */
    public static Membership of(Map<String, Set<String>> subscriptions, Map<String, Integer> partitionCounts) {
        TreeMap<String, Member> members = new TreeMap<>();
        subscriptions.forEach((id, topics) -> members.put(id, new Member(topics, 1)));
        return new Membership(members, new TreeMap<>(partitionCounts));
    }

    /** Members of equal weight that share the partitions of one topic. */
    public static Membership of(Collection<String> ids, String topic, int partitions) {
        TreeMap<String, Member> members = new TreeMap<>();
        ids.forEach(id -> members.put(id, new Member(Set.of(topic), 1)));
        return new Membership(members, new TreeMap<>(Map.of(topic, partitions)));
    }

    /**
     * A member.
     *
     * @param topics what it subscribes to
     * @param weight how much it can take beside others: with weight 2 twice as much as with 1; from 1 to
     *     {@link #WEIGHT_MAX}. Only the weighted assignor looks at it
     */
    public record Member(Set<String> topics, int weight) {

        /** Far beyond any real difference between machines; keeps products of counts and weights within a long. */
        public static final int WEIGHT_MAX = 1_000_000;

        public Member {
            topics = Set.copyOf(Objects.requireNonNull(topics, "topics"));
            if (weight < 1 || weight > WEIGHT_MAX) {
                throw new IllegalArgumentException("weight must be between 1 and " + WEIGHT_MAX + ", but is " + weight);
            }
        }
    }
}
