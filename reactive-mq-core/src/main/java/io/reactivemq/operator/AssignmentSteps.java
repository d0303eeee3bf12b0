package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Assignment;
import io.reactivemq.assign.Assignor;
import io.reactivemq.assign.Membership;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The assignments of one sequence of memberships. For one thread at a time. */
final class AssignmentSteps {

    private final Assignor assignor;
    private Map<String, Set<TopicPartition>> previous = Map.of();
    private long epoch;

    AssignmentSteps(Assignor assignor) {
        this.assignor = assignor;
    }

    /** One assignment, or the two steps of a cooperative one. */
    List<Assignment> next(Membership membership) {
        Map<String, Set<TopicPartition>> target = assignor.assign(membership, previous);
        Map<String, Set<TopicPartition>> first = assignor.isCooperative() ? withoutMoving(membership, target) : target;
        previous = target;
        Assignment last = new Assignment(++epoch, first);
        return first.equals(target) ? List.of(last) : List.of(last, new Assignment(++epoch, target));
    }

    /** The target without what a member that stays still has. */
    private Map<String, Set<TopicPartition>> withoutMoving(
            Membership membership, Map<String, Set<TopicPartition>> target) {
        Map<TopicPartition, String> holders = new HashMap<>();
        previous.forEach((id, partitions) -> {
            if (membership.members().containsKey(id)) {
                partitions.forEach(partition -> holders.put(partition, id));
            }
        });
        Map<String, Set<TopicPartition>> first = new TreeMap<>();
        target.forEach((id, partitions) -> {
            Set<TopicPartition> kept = new TreeSet<>(partitions);
            kept.removeIf(partition -> !id.equals(holders.getOrDefault(partition, id)));
            first.put(id, kept);
        });
        return first;
    }
}
