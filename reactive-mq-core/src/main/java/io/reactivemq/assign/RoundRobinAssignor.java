package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The assignor behind {@link Assignors#roundRobin}. */
final class RoundRobinAssignor implements Assignor {

    @Override
    public String name() {
        return "roundrobin";
    }

    @Override
    public Map<String, Set<TopicPartition>> assign(Membership membership, Map<String, Set<TopicPartition>> previous) {
        Map<String, Set<TopicPartition>> assignment = new TreeMap<>();
        Set<String> topics = new TreeSet<>();
        membership.members().forEach((id, member) -> {
            assignment.put(id, new TreeSet<>());
            topics.addAll(member.topics());
        });
        List<String> ids = List.copyOf(membership.members().keySet());
        int turn = 0;
        for (String topic : topics) {
            int count = membership.partitionCounts().getOrDefault(topic, 0);
            for (int partition = 0; partition < count; partition++) {
                while (!subscribes(membership, ids.get(turn), topic)) {
                    turn = (turn + 1) % ids.size();
                }
                Objects.requireNonNull(assignment.get(ids.get(turn))).add(new TopicPartition(topic, partition));
                turn = (turn + 1) % ids.size();
            }
        }
        return assignment;
    }

    private static boolean subscribes(Membership membership, String id, String topic) {
        return Objects.requireNonNull(membership.members().get(id)).topics().contains(topic);
    }
}
