package io.reactivemq.assign;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class RangeAssignorTest {

    private final Assignor assignor = Assignors.range();

    @Test
    void consecutivePartitionsInTheOrderOfIdsAndTheFirstMembersGetOneMore() {
        Map<String, Set<TopicPartition>> assignment =
                assign(Map.of("b", Set.of("t"), "a", Set.of("t"), "c", Set.of("t")), Map.of("t", 7));

        assertThat(assignment)
                .containsEntry("a", partitions("t", 0, 1, 2))
                .containsEntry("b", partitions("t", 3, 4))
                .containsEntry("c", partitions("t", 5, 6));
    }

    @Test
    @DisplayName("M05 with more members than partitions, those left over are idle")
    void idleMembers() {
        Map<String, Set<TopicPartition>> assignment =
                assign(Map.of("a", Set.of("t"), "b", Set.of("t"), "c", Set.of("t")), Map.of("t", 2));

        assertThat(assignment).containsEntry("c", Set.of());
        assertThat(assignment.values().stream().mapToInt(Set::size).sum()).isEqualTo(2);
    }

    @Test
    void aTopicThatDoesNotExistGivesNothing() {
        assertThat(assign(Map.of("a", Set.of("nowhere")), Map.of())).containsEntry("a", Set.of());
    }

    @Test
    void everySmallCaseIsCompleteDisjointAndBalancedPerTopic() {
        List<Set<String>> choices = List.of(Set.of("x"), Set.of("y"), Set.of("x", "y"));
        for (int members = 1; members <= 4; members++) {
            for (int code = 0; code < Math.pow(choices.size(), members); code++) {
                Map<String, Set<String>> subscriptions = new TreeMap<>();
                int rest = code;
                for (int m = 0; m < members; m++) {
                    subscriptions.put("m" + m, choices.get(rest % choices.size()));
                    rest /= choices.size();
                }
                for (int x = 0; x <= 5; x++) {
                    check(subscriptions, Map.of("x", x, "y", 3));
                }
            }
        }
    }

    private void check(Map<String, Set<String>> subscriptions, Map<String, Integer> counts) {
        Map<String, Set<TopicPartition>> assignment = assign(subscriptions, counts);
        assertThat(assignment.keySet()).isEqualTo(subscriptions.keySet());
        for (String topic : List.of("x", "y")) {
            Map<TopicPartition, String> owners = new HashMap<>();
            TreeSet<Integer> sizes = new TreeSet<>();
            assignment.forEach((member, owned) -> {
                long size = owned.stream().filter(p -> p.topic().equals(topic)).count();
                if (subscriptions.getOrDefault(member, Set.of()).contains(topic)) {
                    sizes.add((int) size);
                } else {
                    assertThat(size).isZero();
                }
                owned.stream()
                        .filter(p -> p.topic().equals(topic))
                        .forEach(p -> assertThat(owners.put(p, member)).isNull());
            });
            if (!sizes.isEmpty()) {
                assertThat(owners).hasSize(counts.getOrDefault(topic, 0));
                assertThat(sizes.last() - sizes.first()).isLessThanOrEqualTo(1);
            }
        }
    }

    private Map<String, Set<TopicPartition>> assign(
            Map<String, Set<String>> subscriptions, Map<String, Integer> partitionCounts) {
        return assignor.assign(Membership.of(subscriptions, partitionCounts), Map.of());
    }

    private static Set<TopicPartition> partitions(String topic, int... indexes) {
        Set<TopicPartition> set = new TreeSet<>();
        for (int index : indexes) {
            set.add(new TopicPartition(topic, index));
        }
        return set;
    }
}
