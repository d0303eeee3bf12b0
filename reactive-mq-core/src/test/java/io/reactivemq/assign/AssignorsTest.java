package io.reactivemq.assign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Membership.Member;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Assignors:")
class AssignorsTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 20_000);
    private static final int CHANGES = 4;

    enum Kind {
        RANGE(Assignors.range()),
        ROUND_ROBIN(Assignors.roundRobin()),
        STICKY(Assignors.sticky()),
        COOPERATIVE_STICKY(Assignors.cooperativeSticky()),
        WEIGHTED(Assignors.weighted());

        @SuppressWarnings("ImmutableEnumChecker") // assignors have no state
        final Assignor assignor;

        Kind(Assignor assignor) {
            this.assignor = assignor;
        }

        boolean isSticky() {
            return this != RANGE && this != ROUND_ROBIN;
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "M04 members that come and go: each partition has one member, who subscribes; balanced; moves no more than needed:")
    void sequences(Kind kind) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            try {
                sequence(kind, new SplittableRandom(seed));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this", e);
            }
        }
    }

    private static void sequence(Kind kind, SplittableRandom random) {
        boolean alike = random.nextInt(3) != 0;
        TreeMap<String, Member> members = new TreeMap<>();
        TreeMap<String, Integer> counts = new TreeMap<>();
        for (int topic = random.nextInt(1, 4); topic > 0; topic--) {
            counts.put("t" + topic, random.nextInt(0, 8));
        }
        Map<String, Set<TopicPartition>> previous = Map.of();
        for (int change = 0; change < CHANGES; change++) {
            change(random, members, counts, alike);
            Membership membership = new Membership(members, counts);
            Map<String, Set<TopicPartition>> assignment = kind.assignor.assign(membership, previous);
            checkEachPartitionHasOneMember(membership, assignment);
            checkBalance(kind, membership, assignment, alike);
            if (kind.isSticky() && alike) {
                int moves = moves(previous, assignment);
                int fewest = fewestMoves(kind, membership, previous);
                if (moves != fewest) {
                    throw new AssertionError(moves + " moves in place of " + fewest + " from " + previous + " to "
                            + assignment + " with " + membership);
                }
            }
            if (kind.isSticky() && !kind.assignor.assign(membership, assignment).equals(assignment)) {
                throw new AssertionError("not stable: " + assignment + " with " + membership);
            }
            previous = assignment;
        }
    }

    private static void change(
            SplittableRandom random, Map<String, Member> members, Map<String, Integer> counts, boolean alike) {
        for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
            String id = "m" + random.nextInt(6);
            if (random.nextInt(10) == 0) {
                counts.computeIfPresent("t1", (topic, count) -> count + 1);
            } else if (members.containsKey(id) && random.nextBoolean()) {
                members.remove(id);
            } else {
                Set<String> topics = new HashSet<>(counts.keySet());
                if (!alike) {
                    topics.removeIf(topic -> random.nextInt(3) == 0);
                    topics.add("t1");
                }
                members.put(id, new Member(topics, random.nextInt(1, 5)));
            }
        }
    }

    private static void checkEachPartitionHasOneMember(
            Membership membership, Map<String, Set<TopicPartition>> assignment) {
        assertThat(assignment.keySet()).isEqualTo(membership.members().keySet());
        Map<TopicPartition, String> owners = new HashMap<>();
        assignment.forEach((id, owned) -> owned.forEach(partition -> {
            if (owners.put(partition, id) != null || !topicsOf(membership, id).contains(partition.topic())) {
                throw new AssertionError(partition + " at " + id + " in " + assignment + " of " + membership);
            }
        }));
        Set<TopicPartition> expected = new HashSet<>();
        membership.partitionCounts().forEach((topic, count) -> {
            if (membership.members().values().stream()
                    .anyMatch(member -> member.topics().contains(topic))) {
                IntStream.range(0, count).forEach(i -> expected.add(new TopicPartition(topic, i)));
            }
        });
        assertThat(owners.keySet()).isEqualTo(expected);
    }

    private static Set<String> topicsOf(Membership membership, String id) {
        Member member = membership.members().get(id);
        return member == null ? Set.of() : member.topics();
    }

    private static void checkBalance(
            Kind kind, Membership membership, Map<String, Set<TopicPartition>> assignment, boolean alike) {
        if (membership.members().isEmpty()) {
            return;
        }
        int[] sizes = sizes(assignment);
        switch (kind) {
            case RANGE -> {
                for (String topic : membership.partitionCounts().keySet()) {
                    int[] perTopic = assignment.entrySet().stream()
                            .filter(entry ->
                                    topicsOf(membership, entry.getKey()).contains(topic))
                            .mapToInt(entry -> (int) entry.getValue().stream()
                                    .filter(partition -> partition.topic().equals(topic))
                                    .count())
                            .sorted()
                            .toArray();
                    if (perTopic.length > 0) {
                        assertThat(perTopic[perTopic.length - 1] - perTopic[0]).isBetween(0, 1);
                    }
                }
            }
            case ROUND_ROBIN -> {
                if (alike) {
                    assertThat(sizes[sizes.length - 1] - sizes[0]).isBetween(0, 1);
                }
            }
            case STICKY, COOPERATIVE_STICKY -> {
                if (alike) {
                    assertThat(sizes[sizes.length - 1] - sizes[0]).isBetween(0, 1);
                } else {
                    assertThat(cost(assignment, membership, false)).isEqualTo(cheapest(membership, false));
                }
            }
            case WEIGHTED -> assertThat(cost(assignment, membership, true)).isEqualTo(cheapest(membership, true));
        }
    }

    private static int[] sizes(Map<String, Set<TopicPartition>> assignment) {
        return assignment.values().stream().mapToInt(Set::size).sorted().toArray();
    }

    /** 12 is divisible by every weight there is, so this is exact. */
    private static long cost(Map<String, Set<TopicPartition>> assignment, Membership membership, boolean weighted) {
        long cost = 0;
        for (Map.Entry<String, Set<TopicPartition>> entry : assignment.entrySet()) {
            Member member = membership.members().get(entry.getKey());
            long size = entry.getValue().size();
            cost += 12 * size * size / (weighted && member != null ? member.weight() : 1);
        }
        return cost;
    }

    /**
     * The smallest cost there is, found by another way: partitions come one by one, and each time all assignments of one more are
     * looked at by an augmenting path to the cheapest place (successive shortest paths, which is exact for convex costs).
     */
    private static long cheapest(Membership membership, boolean weighted) {
        List<String> ids = List.copyOf(membership.members().keySet());
        int[] counts = new int[ids.size()];
        // how many of a topic's partitions a member has
        Map<String, int[]> held = new HashMap<>();
        long cost = 0;
        for (Map.Entry<String, Integer> topic : membership.partitionCounts().entrySet()) {
            held.put(topic.getKey(), new int[ids.size()]);
            for (int i = 0; i < topic.getValue(); i++) {
                cost += augment(membership, weighted, ids, counts, held, topic.getKey());
            }
        }
        return cost;
    }

    private static long augment(
            Membership membership,
            boolean weighted,
            List<String> ids,
            int[] counts,
            Map<String, int[]> held,
            String topic) {
        int[] from = new int[ids.size()];
        String[] by = new String[ids.size()];
        Arrays.fill(from, -2);
        List<Integer> front = new java.util.ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            if (topicsOf(membership, ids.get(i)).contains(topic)) {
                from[i] = -1;
                by[i] = topic;
                front.add(i);
            }
        }
        for (int at = 0; at < front.size(); at++) {
            int member = front.get(at);
            held.forEach((other, counted) -> {
                if (counted[member] > 0) {
                    for (int i = 0; i < ids.size(); i++) {
                        if (from[i] == -2 && topicsOf(membership, ids.get(i)).contains(other)) {
                            from[i] = member;
                            by[i] = other;
                            front.add(i);
                        }
                    }
                }
            });
        }
        long best = Long.MAX_VALUE;
        int end = -1;
        for (int i : front) {
            Member member = membership.members().get(ids.get(i));
            long more = 12 * (2L * counts[i] + 1) / (weighted && member != null ? member.weight() : 1);
            if (more < best) {
                best = more;
                end = i;
            }
        }
        if (end < 0) {
            return 0;
        }
        counts[end]++;
        for (int i = end; i != -1; i = from[i]) {
            int[] counted = held.getOrDefault(by[i], new int[0]);
            counted[i]++;
            if (from[i] >= 0) {
                counted[from[i]]--;
            }
        }
        return best;
    }

    private static int moves(Map<String, Set<TopicPartition>> previous, Map<String, Set<TopicPartition>> assignment) {
        Map<TopicPartition, String> owners = new HashMap<>();
        previous.forEach((id, owned) -> owned.forEach(partition -> owners.put(partition, id)));
        int moves = 0;
        for (Map.Entry<String, Set<TopicPartition>> entry : assignment.entrySet()) {
            for (TopicPartition partition : entry.getValue()) {
                String before = owners.get(partition);
                moves += before == null || before.equals(entry.getKey()) ? 0 : 1;
            }
        }
        return moves;
    }

    /** All sizes that are best, tried one by one: what a member keeps is the smaller of what it had and its size. */
    private static int fewestMoves(Kind kind, Membership membership, Map<String, Set<TopicPartition>> previous) {
        List<String> ids = List.copyOf(membership.members().keySet());
        int[] had = new int[ids.size()];
        Set<TopicPartition> known = new HashSet<>();
        int gone = 0;
        for (Map.Entry<String, Set<TopicPartition>> entry : previous.entrySet()) {
            int index = ids.indexOf(entry.getKey());
            if (index >= 0) {
                had[index] = entry.getValue().size();
            } else {
                gone += entry.getValue().size();
            }
            known.addAll(entry.getValue());
        }
        int total = ids.isEmpty()
                ? 0
                : membership.partitionCounts().values().stream()
                        .mapToInt(Integer::intValue)
                        .sum();
        long[] best = {Long.MAX_VALUE, 0};
        int[] weights = membership.members().values().stream()
                .mapToInt(member -> kind == Kind.WEIGHTED ? member.weight() : 1)
                .toArray();
        compose(weights, had, 0, total, 0, 0, best);
        // moved: had a member, and is not kept; of those whose member left, all
        int stillThere = known.size() - gone;
        return total == 0 ? 0 : gone + stillThere - (int) best[1];
    }

    private static void compose(int[] weights, int[] had, int index, int rest, long cost, int kept, long[] best) {
        if (cost > best[0]) {
            return;
        }
        if (index == weights.length) {
            if (rest == 0 && (cost < best[0] || kept > best[1])) {
                best[0] = cost;
                best[1] = kept;
            }
            return;
        }
        for (int size = 0; size <= rest; size++) {
            compose(
                    weights,
                    had,
                    index + 1,
                    rest - size,
                    cost + 12L * size * size / weights[index],
                    kept + Math.min(size, had[index]),
                    best);
        }
    }

    @Test
    @DisplayName("sticky: only what has to move moves")
    void stickyMoves() {
        Assignor sticky = Assignors.sticky();
        Map<String, Set<TopicPartition>> alone = sticky.assign(Membership.of(List.of("a"), "t", 4), Map.of());
        assertThat(alone).isEqualTo(Map.of("a", partitions(0, 1, 2, 3)));
        Map<String, Set<TopicPartition>> two = sticky.assign(Membership.of(List.of("a", "b"), "t", 4), alone);
        assertThat(two).isEqualTo(Map.of("a", partitions(0, 1), "b", partitions(2, 3)));
        Map<String, Set<TopicPartition>> three = sticky.assign(Membership.of(List.of("a", "b", "c"), "t", 4), two);
        assertThat(three).isEqualTo(Map.of("a", partitions(0), "b", partitions(2, 3), "c", partitions(1)));
        Map<String, Set<TopicPartition>> left = sticky.assign(Membership.of(List.of("a", "c"), "t", 4), three);
        assertThat(left).isEqualTo(Map.of("a", partitions(0, 2), "c", partitions(1, 3)));
    }

    @Test
    @DisplayName("sticky: where subscriptions differ, a chain of members passes partitions on")
    void chain() {
        // c can read only z; b reads y and z; a reads x and y
        Map<String, Set<TopicPartition>> assignment = Assignors.sticky()
                .assign(
                        Membership.of(
                                Map.of("a", Set.of("x", "y"), "b", Set.of("y", "z"), "c", Set.of("z")),
                                Map.of("x", 3, "y", 2, "z", 1)),
                        Map.of("a", Set.of(new TopicPartition("x", 0)), "b", Set.of(new TopicPartition("z", 0))));
        assertThat(assignment)
                .isEqualTo(Map.of(
                        "a",
                        Set.of(new TopicPartition("x", 0), new TopicPartition("x", 1), new TopicPartition("x", 2)),
                        "b",
                        Set.of(new TopicPartition("y", 0), new TopicPartition("y", 1)),
                        "c",
                        Set.of(new TopicPartition("z", 0))));
    }

    @Test
    @DisplayName("weighted: twice the weight, twice the partitions")
    void weights() {
        TreeMap<String, Member> members = new TreeMap<>();
        members.put("big", new Member(Set.of("t"), 4));
        members.put("mid", new Member(Set.of("t"), 2));
        members.put("small", new Member(Set.of("t"), 1));
        Map<String, Set<TopicPartition>> assignment =
                Assignors.weighted().assign(new Membership(members, new TreeMap<>(Map.of("t", 14))), Map.of());
        assertThat(assignment.get("big")).hasSize(8);
        assertThat(assignment.get("mid")).hasSize(4);
        assertThat(assignment.get("small")).hasSize(2);
    }

    @Test
    @DisplayName("a thousand members over a thousand partitions, one leaves: one partition moves")
    void large() {
        TreeSet<String> ids = new TreeSet<>();
        IntStream.range(0, 1000).forEach(i -> ids.add(String.format(java.util.Locale.ROOT, "m%03d", i)));
        Map<String, Set<TopicPartition>> all = Assignors.sticky().assign(Membership.of(ids, "t", 1000), Map.of());
        assertThat(sizes(all)).containsOnly(1);
        Collection<String> fewer = new TreeSet<>(ids);
        fewer.remove("m500");
        Map<String, Set<TopicPartition>> after = Assignors.sticky().assign(Membership.of(fewer, "t", 1000), all);
        assertThat(moves(all, after)).isEqualTo(1);
    }

    @Test
    @DisplayName(
            "a large group in which each subscribes to other topics: complete, as even as can be, and nothing moves for nothing")
    void largeAndMixed() {
        long seed = 7;
        SplittableRandom random = new SplittableRandom(seed);
        TreeMap<String, Integer> counts = new TreeMap<>();
        IntStream.range(0, 99).forEach(i -> counts.put("t" + i, 20));
        TreeMap<String, Member> members = new TreeMap<>();
        for (int i = 0; i < 500; i++) {
            Set<String> topics = new TreeSet<>();
            while (topics.size() < 50) {
                // most of them to the same few
                topics.add("t" + random.nextInt(100) * random.nextInt(100) / 100);
            }
            members.put(String.format(java.util.Locale.ROOT, "m%03d", i), new Member(topics, 1));
        }
        TreeMap<String, Member> fewer = new TreeMap<>(members);
        IntStream.range(0, 50).forEach(i -> fewer.remove(String.format(java.util.Locale.ROOT, "m%03d", i * 10)));
        Assignor sticky = Assignors.sticky();

        Map<String, Set<TopicPartition>> first = sticky.assign(new Membership(members, counts), Map.of());
        Map<String, Set<TopicPartition>> without = sticky.assign(new Membership(fewer, counts), first);
        Map<String, Set<TopicPartition>> again = sticky.assign(new Membership(members, counts), without);

        for (Map<String, Set<TopicPartition>> each : List.of(first, without, again)) {
            assertThat(each.values().stream().flatMap(Set::stream))
                    .as("seed %s", seed)
                    .hasSize(99 * 20)
                    .doesNotHaveDuplicates();
            each.forEach((member, mine) -> assertThat(mine)
                    .allMatch(partition ->
                            Objects.requireNonNull(members.get(member)).topics().contains(partition.topic())));
            assertThat(sizes(each))
                    .as("1,980 among %s", each.size())
                    .containsOnly(each == without ? new int[] {4, 5} : new int[] {3, 4});
        }
        assertThat(sticky.assign(new Membership(members, counts), again)).isEqualTo(again);
    }

    @Test
    @DisplayName("names are Kafka's, and only cooperative-sticky is cooperative")
    void names() {
        assertThat(Arrays.stream(Kind.values()).map(kind -> kind.assignor.name()))
                .containsExactly("range", "roundrobin", "sticky", "cooperative-sticky", "weighted");
        assertThat(Arrays.stream(Kind.values()).filter(kind -> kind.assignor.isCooperative()))
                .containsExactly(Kind.COOPERATIVE_STICKY);
        Assignor mine = (membership, previous) -> Map.of();
        assertThat(mine.name()).isEqualTo("custom");
        assertThat(mine.isCooperative()).isFalse();
    }

    @Test
    @DisplayName("values check themselves")
    void values() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Member(Set.of(), 0))
                .withMessage("weight must be between 1 and 1000000, but is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Membership.of(List.of("a"), "t", -1))
                .withMessage("topic t must have 0 partitions or more, was -1");
        Assignment assignment = new Assignment(3, Map.of("b", Set.of(), "a", partitions(1, 0)));
        assertThat(assignment).hasToString("epoch 3: a=[t-0, t-1] b=[]");
        assertThat(assignment.of("a")).isEqualTo(partitions(0, 1));
        assertThat(assignment.of("nobody")).isEmpty();
    }

    private static Set<TopicPartition> partitions(int... indexes) {
        Set<TopicPartition> set = new TreeSet<>();
        for (int index : indexes) {
            set.add(new TopicPartition("t", index));
        }
        return set;
    }
}
