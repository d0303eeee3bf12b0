package io.reactivemq.assign;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.internals.AbstractPartitionAssignor;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Beside the assignors of Apache Kafka's client, on random groups. */
@DisplayName("Beside Kafka's own assignors:")
class KafkaAssignorsTest {

    private static final int GROUPS = Integer.getInteger("reactivemq.groups", 10_000);

    @Test
    @DisplayName("range gives the same")
    void range() {
        forEachGroup((membership, random) -> assertThat(Assignors.range().assign(membership, Map.of()))
                .isEqualTo(kafka(new org.apache.kafka.clients.consumer.RangeAssignor(), membership, Map.of())));
    }

    @Test
    @DisplayName("round-robin gives the same")
    void roundRobin() {
        forEachGroup((membership, random) -> assertThat(Assignors.roundRobin().assign(membership, Map.of()))
                .isEqualTo(kafka(new org.apache.kafka.clients.consumer.RoundRobinAssignor(), membership, Map.of())));
    }

    /** Which one moves is a matter of taste; how many, and how even it gets, is not. */
    @Test
    @DisplayName("cooperative-sticky is as even, and moves as few, where all subscribe alike")
    void sticky() {
        forEachGroup((membership, random) -> {
            Set<String> topics = membership.partitionCounts().keySet();
            Map<String, Set<String>> alike = new TreeMap<>();
            membership.members().keySet().forEach(id -> alike.put(id, topics));
            Map<String, Set<TopicPartition>> before =
                    Assignors.sticky().assign(Membership.of(alike, membership.partitionCounts()), Map.of());
            for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
                String id = "m" + random.nextInt(8);
                if (alike.size() > 1 && alike.containsKey(id)) {
                    alike.remove(id);
                } else {
                    alike.put(id, topics);
                }
            }
            Membership after = Membership.of(alike, membership.partitionCounts());
            Map<String, Set<TopicPartition>> ours =
                    Assignors.cooperativeSticky().assign(after, before);
            // it leaves out what has to be released first; the second round gives that
            Map<String, Set<TopicPartition>> kept = kafka(new CooperativeStickyAssignor(), after, before);
            Map<String, Set<TopicPartition>> theirs = kafka(new CooperativeStickyAssignor(), after, kept);
            assertThat(sizes(ours)).isEqualTo(sizes(theirs));
            assertThat(stayed(before, ours)).isEqualTo(stayed(before, theirs));
        });
    }

    private static List<Integer> sizes(Map<String, Set<TopicPartition>> assignment) {
        return assignment.values().stream().map(Set::size).sorted().toList();
    }

    private static int stayed(Map<String, Set<TopicPartition>> before, Map<String, Set<TopicPartition>> after) {
        int stayed = 0;
        for (Map.Entry<String, Set<TopicPartition>> entry : after.entrySet()) {
            Set<TopicPartition> both = new HashSet<>(entry.getValue());
            both.retainAll(before.getOrDefault(entry.getKey(), Set.of()));
            stayed += both.size();
        }
        return stayed;
    }

    private interface Check {
        void accept(Membership membership, SplittableRandom random);
    }

    private static void forEachGroup(Check check) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? GROUPS : only); seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            TreeMap<String, Integer> counts = new TreeMap<>();
            for (int topic = random.nextInt(1, 5); topic > 0; topic--) {
                counts.put("t" + topic, random.nextInt(1, 12));
            }
            Map<String, Set<String>> subscriptions = new TreeMap<>();
            for (int member = random.nextInt(1, 8); member > 0; member--) {
                Set<String> topics = new TreeSet<>(counts.keySet());
                topics.removeIf(topic -> random.nextInt(4) == 0);
                subscriptions.put("m" + member, topics);
            }
            try {
                check.accept(Membership.of(subscriptions, counts), random);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this", e);
            }
        }
    }

    private static Map<String, Set<TopicPartition>> kafka(
            AbstractPartitionAssignor assignor, Membership membership, Map<String, Set<TopicPartition>> owned) {
        Map<String, Subscription> subscriptions = new TreeMap<>();
        membership.members().forEach((id, member) -> {
            List<org.apache.kafka.common.TopicPartition> partitions = new ArrayList<>();
            owned.getOrDefault(id, Set.of())
                    .forEach(partition -> partitions.add(
                            new org.apache.kafka.common.TopicPartition(partition.topic(), partition.partition())));
            subscriptions.put(
                    id, new Subscription(new ArrayList<>(member.topics()), null, partitions, 1, Optional.empty()));
        });
        Map<String, Set<TopicPartition>> result = new TreeMap<>();
        assignor.assign(membership.partitionCounts(), subscriptions).forEach((id, partitions) -> {
            Set<TopicPartition> mine = new TreeSet<>();
            partitions.forEach(partition -> mine.add(new TopicPartition(partition.topic(), partition.partition())));
            result.put(id, mine);
        });
        return result;
    }
}
