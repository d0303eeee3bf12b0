package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Kafka's {@code range}: per topic, members in the order of their ids get consecutive partitions; where they do not divide
 * evenly the first members get one more. Partitions of the same index of topics with equal subscribers go to the same member,
 * which makes joins by key possible.
 */
public final class RangeAssignor implements Assignor {

    @Override
    public String name() {
        return "range";
    }

    @Override
    public Map<String, Set<TopicPartition>> assign(
            Map<String, Set<String>> subscriptions, Map<String, Integer> partitionCounts) {
        Map<String, Set<TopicPartition>> assignment = new LinkedHashMap<>();
        Map<String, Set<String>> subscribers = new TreeMap<>();
        subscriptions.forEach((member, topics) -> {
            assignment.put(member, new TreeSet<>());
            topics.forEach(topic ->
                    subscribers.computeIfAbsent(topic, t -> new TreeSet<>()).add(member));
        });
        subscribers.forEach((topic, members) -> {
            int count = partitionCounts.getOrDefault(topic, 0);
            List<String> ordered = List.copyOf(members);
            int each = count / ordered.size();
            int withOneMore = count % ordered.size();
            int next = 0;
            for (int i = 0; i < ordered.size(); i++) {
                Set<TopicPartition> mine = Objects.requireNonNull(assignment.get(ordered.get(i)));
                for (int end = next + each + (i < withOneMore ? 1 : 0); next < end; next++) {
                    mine.add(new TopicPartition(topic, next));
                }
            }
        });
        return assignment;
    }
}
