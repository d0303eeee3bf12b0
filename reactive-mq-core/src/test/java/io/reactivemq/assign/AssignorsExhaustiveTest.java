package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Membership.Member;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every small group there is, from every assignment it may have had, beside all the assignments it could get. */
@DisplayName("assignors, all small cases")
class AssignorsExhaustiveTest {

    private static final int MEMBERS_MAX = 4;
    private static final int PARTITIONS_MAX = 6;

    /** All cases of two topics whose members subscribe as they like. */
    private static final int MIXED_MEMBERS_MAX = 3;

    private static final int MIXED_PARTITIONS_MAX = 2;

    enum Kind {
        RANGE(Assignors.range(), false, 1),
        ROUND_ROBIN(Assignors.roundRobin(), false, 1),
        STICKY(Assignors.sticky(), true, 1),
        COOPERATIVE_STICKY(Assignors.cooperativeSticky(), true, 1),
        WEIGHTED_ALIKE(Assignors.weighted(), true, 1),
        WEIGHTED(Assignors.weighted(), true, 2);

        @SuppressWarnings("ImmutableEnumChecker") // assignors have no state
        private final Assignor assignor;

        private final boolean sticky;

        /** Of the second and fourth member. */
        private final int weight;

        Kind(Assignor assignor, boolean sticky, int weight) {
            this.assignor = assignor;
            this.sticky = sticky;
            this.weight = weight;
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "M04 one topic: complete, no partition twice, balanced, sticky with the least moves; from everything it had")
    void one_topic(Kind kind) {
        for (int members = 1; members <= MEMBERS_MAX; members++) {
            int[] all = new int[members];
            Arrays.fill(all, 1);
            for (int partitions = 0; partitions <= PARTITIONS_MAX; partitions++) {
                new Case(kind, all, new int[] {partitions}).fromEverything();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "M04 two topics, every subscription: complete, no partition twice, nobody gets what it does not read, balanced, sticky with the least moves")
    void two_topics(Kind kind) {
        for (int members = 1; members <= MIXED_MEMBERS_MAX; members++) {
            for (int a = 0; a <= MIXED_PARTITIONS_MAX; a++) {
                for (int b = 0; b <= MIXED_PARTITIONS_MAX; b++) {
                    everySubscription(kind, members, a, b);
                }
            }
        }
    }

    @Test
    @DisplayName("M04 two topics, four members that all read something: balanced, sticky with the least moves")
    void two_topics_of_four_members() {
        for (int subscriptions = 0; subscriptions < 81; subscriptions++) {
            int[] topics = {
                1 + subscriptions % 3, 1 + subscriptions / 3 % 3, 1 + subscriptions / 9 % 3, 1 + subscriptions / 27
            };
            new Case(Kind.STICKY, topics, new int[] {2, 2}).fromEverything();
        }
    }

    private static void everySubscription(Kind kind, int members, int a, int b) {
        for (int subscriptions = 0; subscriptions < (1 << (2 * members)); subscriptions++) {
            int[] topics = new int[members];
            for (int m = 0; m < members; m++) {
                topics[m] = (subscriptions >> (2 * m)) & 3;
            }
            new Case(kind, topics, new int[] {a, b}).fromEverything();
        }
    }

    /** One group; an assignment is the member of each partition, -1 for none. */
    private static final class Case {
        private final Kind kind;

        /** By member, a bit for each topic. */
        private final int[] topics;

        private final List<TopicPartition> partitions = new ArrayList<>();
        private final List<Integer> topicOf = new ArrayList<>();
        private final Membership membership;
        private final boolean alike;

        /** All that cost the least. */
        private final List<int[]> best = new ArrayList<>();

        private long leastCost = Long.MAX_VALUE;

        Case(Kind kind, int[] topics, int[] counts) {
            this.kind = kind;
            this.topics = topics;
            this.alike = Arrays.stream(topics).distinct().count() == 1;
            TreeMap<String, Integer> partitionCounts = new TreeMap<>();
            for (int t = 0; t < counts.length; t++) {
                partitionCounts.put("t" + t, counts[t]);
                for (int p = 0; p < counts[t]; p++) {
                    partitions.add(new TopicPartition("t" + t, p));
                    topicOf.add(t);
                }
            }
            TreeMap<String, Member> members = new TreeMap<>();
            for (int m = 0; m < topics.length; m++) {
                Set<String> names = new TreeSet<>();
                for (int t = 0; t < counts.length; t++) {
                    if (((topics[m] >> t) & 1) != 0) {
                        names.add("t" + t);
                    }
                }
                members.put("m" + m, new Member(names, weight(m)));
            }
            this.membership = new Membership(members, partitionCounts);
            if (kind.sticky) {
                search(new int[partitions.size()], 0);
            }
        }

        private int weight(int member) {
            return member % 2 == 1 ? kind.weight : 1;
        }

        private boolean reads(int member, int partition) {
            return member >= 0 && member < topics.length && ((topics[member] >> topicOf.get(partition)) & 1) != 0;
        }

        private boolean isRead(int partition) {
            for (int m = 0; m < topics.length; m++) {
                if (reads(m, partition)) {
                    return true;
                }
            }
            return false;
        }

        private void search(int[] assignment, int from) {
            if (from == assignment.length) {
                long cost = cost(assignment);
                if (cost < leastCost) {
                    leastCost = cost;
                    best.clear();
                }
                if (cost == leastCost) {
                    best.add(assignment.clone());
                }
                return;
            }
            if (!isRead(from)) {
                assignment[from] = -1;
                search(assignment, from + 1);
            }
            for (int m = 0; m < topics.length; m++) {
                if (reads(m, from)) {
                    assignment[from] = m;
                    search(assignment, from + 1);
                }
            }
        }

        /** The sum of squares by weight, times two: weights are 1 and 2. */
        private long cost(int[] assignment) {
            long cost = 0;
            for (int m = 0; m < topics.length; m++) {
                long count = count(assignment, m);
                cost += count * count * 2 / weight(m);
            }
            return cost;
        }

        private static long count(int[] assignment, int member) {
            return Arrays.stream(assignment).filter(owner -> owner == member).count();
        }

        /** From every assignment: of each partition to a member, to one that has gone, to nobody. */
        void fromEverything() {
            int[] previous = new int[partitions.size()];
            Arrays.fill(previous, -1);
            while (true) {
                check(previous);
                int i = 0;
                while (i < previous.length && ++previous[i] > topics.length) {
                    previous[i++] = -1;
                }
                if (i == previous.length) {
                    return;
                }
            }
        }

        private void check(int[] previous) {
            Map<String, Set<TopicPartition>> assigned = kind.assignor.assign(membership, asMap(previous));
            int[] next = new int[previous.length];
            Arrays.fill(next, -1);
            int given = 0;
            for (int m = 0; m < topics.length; m++) {
                for (TopicPartition partition : assigned.getOrDefault("m" + m, Set.of())) {
                    int p = partitions.indexOf(partition);
                    require(p >= 0 && next[p] < 0 && reads(m, p), "given to one, who reads it", previous, assigned);
                    next[p] = m;
                    given++;
                }
            }
            int expected = 0;
            for (int p = 0; p < next.length; p++) {
                expected += isRead(p) ? 1 : 0;
            }
            require(given == expected, "complete", previous, assigned);
            require(assigned.keySet().equals(membership.members().keySet()), "for the members", previous, assigned);
            if (kind.sticky) {
                require(cost(next) == leastCost, "balanced", previous, assigned);
                require(moves(previous, next) == leastMoves(previous), "least moves", previous, assigned);
                require(assigned.equals(kind.assignor.assign(membership, assigned)), "stable", previous, assigned);
            } else if (alike && kind == Kind.ROUND_ROBIN) {
                requireEven(next, -1, previous, assigned);
            } else if (kind == Kind.RANGE) {
                for (int t = 0; t < 2; t++) {
                    requireEven(next, t, previous, assigned);
                }
            }
        }

        /** Within one, of a topic's partitions or all, between those who read it. */
        private void requireEven(int[] next, int topic, int[] previous, Map<String, Set<TopicPartition>> assigned) {
            long least = Long.MAX_VALUE;
            long most = 0;
            for (int m = 0; m < topics.length; m++) {
                if (topic < 0 || ((topics[m] >> topic) & 1) != 0) {
                    long count = 0;
                    for (int p = 0; p < next.length; p++) {
                        count += next[p] == m && (topic < 0 || topicOf.get(p) == topic) ? 1 : 0;
                    }
                    least = Math.min(least, count);
                    most = Math.max(most, count);
                }
            }
            require(most == 0 || most - least <= 1, "even", previous, assigned);
        }

        private int moves(int[] previous, int[] next) {
            int moves = 0;
            for (int p = 0; p < next.length; p++) {
                moves += reads(previous[p], p) && next[p] != previous[p] ? 1 : 0;
            }
            return moves;
        }

        private int leastMoves(int[] previous) {
            int least = Integer.MAX_VALUE;
            for (int[] candidate : best) {
                least = Math.min(least, moves(previous, candidate));
            }
            return least;
        }

        private Map<String, Set<TopicPartition>> asMap(int[] previous) {
            Map<String, Set<TopicPartition>> map = new HashMap<>();
            for (int p = 0; p < previous.length; p++) {
                if (previous[p] >= 0) {
                    map.computeIfAbsent("m" + previous[p], m -> new TreeSet<>()).add(partitions.get(p));
                }
            }
            return map;
        }

        private void require(
                boolean condition, String what, int[] previous, Map<String, Set<TopicPartition>> assigned) {
            if (!condition) {
                throw new AssertionError(
                        "not " + what + ": " + assigned + " of " + membership + " from " + asMap(previous));
            }
        }
    }
}
