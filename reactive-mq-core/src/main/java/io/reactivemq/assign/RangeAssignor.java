package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The assignor behind {@link Assignors#range}. */
final class RangeAssignor implements Assignor {

    @Override
    public String name() {
        return "range";
    }

    @Override
    public Map<String, Set<TopicPartition>> assign(Membership membership, Map<String, Set<TopicPartition>> previous) {
        Map<String, Set<TopicPartition>> assignment = new TreeMap<>();
        Map<String, Set<String>> subscribers = new TreeMap<>();
        membership.members().forEach((id, member) -> {
            assignment.put(id, new TreeSet<>());
            member.topics()
                    .forEach(topic -> subscribers
                            .computeIfAbsent(topic, t -> new TreeSet<>())
                            .add(id));
        });
        subscribers.forEach((topic, members) -> {
            int count = membership.partitionCounts().getOrDefault(topic, 0);
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
