package io.reactivemq.assign;

import io.reactivemq.TopicPartition;
import io.reactivemq.assign.Membership.Member;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The assignor behind {@link Assignors#sticky}, {@link Assignors#cooperativeSticky} and {@link Assignors#weighted}.
 *
 * <p><b>What is best.</b> Say member {@code i} of weight {@code w} has {@code n} partitions; the cost is the sum of {@code n * n / w}. One
 * more costs {@code (2n + 1) / w}, one less saves {@code (2n - 1) / w}. With equal weights the cheapest is the most even.
 *
 * <p><b>How it is reached.</b> First everybody keeps what it had and may keep. Then each partition without a member goes where it
 * costs least. Then, as long as it pays, a partition goes from one member to another: directly, or, where subscriptions differ, along a
 * chain of members, each of which passes one on. When no chain pays, the assignment is optimal (Harvey, Ladner, Lov&aacute;sz, Tamir:
 * Semi-matchings for bipartite graphs and load balancing, 2003). Each chain takes from the member that has too many, so where all
 * subscribe alike none is taken that need not be.
 *
 * <p>Topics with the same subscribers are one kind: the search walks kinds and members, not partitions. Ties fall to the smaller id and
 * the smaller partition, so the result depends on the input only.
 */
final class StickyAssignor implements Assignor {

    private final String name;
    private final boolean cooperative;
    private final boolean byWeight;

    StickyAssignor(String name, boolean cooperative, boolean byWeight) {
        this.name = name;
        this.cooperative = cooperative;
        this.byWeight = byWeight;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean isCooperative() {
        return cooperative;
    }

    @Override
    public Map<String, Set<TopicPartition>> assign(Membership membership, Map<String, Set<TopicPartition>> previous) {
        return new Balance(membership, byWeight).from(previous);
    }

    /** Topics with the same subscribers. */
    private static final class Kind {
        private final int index;

        /** In order. */
        private final int[] subscribers;

        Kind(int index, List<Integer> subscribers) {
            this.index = index;
            this.subscribers = subscribers.stream().mapToInt(Integer::intValue).toArray();
        }
    }

    /** A partition; {@code before} is the index of its previous member if that is still there and subscribes, else -1. */
    private record Piece(TopicPartition partition, Kind kind, int before) {}

    /** One computation. */
    private static final class Balance {

        private final String[] ids;
        private final long[] weights;
        private final int[] counts;
        private final Map<String, Integer> indexes = new HashMap<>();
        private final Map<String, Kind> kinds = new TreeMap<>();
        private final int kindCount;

        /** What a member has of each kind. What it had before comes first, so that what it got last is taken first. */
        private final List<Map<Integer, List<Piece>>> held = new ArrayList<>();

        private final Membership membership;

        Balance(Membership membership, boolean byWeight) {
            this.membership = membership;
            int size = membership.members().size();
            ids = membership.members().keySet().toArray(new String[0]);
            weights = new long[size];
            counts = new int[size];
            Map<String, List<Integer>> subscribers = new TreeMap<>();
            int index = 0;
            for (Map.Entry<String, Member> entry : membership.members().entrySet()) {
                weights[index] = byWeight ? entry.getValue().weight() : 1;
                indexes.put(entry.getKey(), index);
                held.add(new HashMap<>());
                for (String topic : entry.getValue().topics()) {
                    subscribers.computeIfAbsent(topic, t -> new ArrayList<>()).add(index);
                }
                index++;
            }
            Map<List<Integer>, Kind> byMembers = new HashMap<>();
            subscribers.forEach((topic, members) ->
                    kinds.put(topic, byMembers.computeIfAbsent(members, m -> new Kind(byMembers.size(), m))));
            kindCount = byMembers.size();
        }

        Map<String, Set<TopicPartition>> from(Map<String, Set<TopicPartition>> previous) {
            Map<TopicPartition, Integer> before = owners(previous);
            List<Piece> free = new ArrayList<>();
            kinds.forEach((topic, kind) -> {
                int count = membership.partitionCounts().getOrDefault(topic, 0);
                for (int i = 0; i < count; i++) {
                    TopicPartition partition = new TopicPartition(topic, i);
                    int owner = before.getOrDefault(partition, -1);
                    if (owner >= 0 && Arrays.binarySearch(kind.subscribers, owner) >= 0) {
                        give(new Piece(partition, kind, owner), owner);
                    } else {
                        free.add(new Piece(partition, kind, -1));
                    }
                }
            });
            // who can be read by few first: the others can still go elsewhere
            free.sort(Comparator.comparingInt(piece -> piece.kind.subscribers.length));
            for (Piece piece : free) {
                give(piece, cheapest(piece.kind.subscribers));
            }
            while (improve()) {
                // until nothing pays
            }
            return result();
        }

        private Map<TopicPartition, Integer> owners(Map<String, Set<TopicPartition>> previous) {
            Map<TopicPartition, Integer> owners = new HashMap<>();
            new TreeMap<>(previous).forEach((member, owned) -> {
                Integer index = indexes.get(member);
                if (index != null) {
                    // where two claim one, the first has it
                    owned.forEach(partition -> owners.putIfAbsent(partition, index));
                }
            });
            return owners;
        }

        private int cheapest(int[] members) {
            int best = members[0];
            for (int member : members) {
                if (isCheaper(member, best)) {
                    best = member;
                }
            }
            return best;
        }

        /** Whether one more costs less at {@code a} than at {@code b}. */
        private boolean isCheaper(int a, int b) {
            return (2L * counts[a] + 1) * weights[b] < (2L * counts[b] + 1) * weights[a];
        }

        /** Whether one less at {@code from} saves more than one more at {@code to} costs. */
        private boolean pays(int from, int to) {
            return (2L * counts[from] - 1) * weights[to] > (2L * counts[to] + 1) * weights[from];
        }

        /** Moves one partition from the member to whom it means most; false if nothing pays any more. */
        private boolean improve() {
            int[] order = IntStream.range(0, ids.length)
                    .boxed()
                    .sorted((a, b) -> {
                        long left = (2L * counts[a] - 1) * weights[b];
                        long right = (2L * counts[b] - 1) * weights[a];
                        return left == right ? Integer.compare(a, b) : Long.compare(right, left);
                    })
                    .mapToInt(Integer::intValue)
                    .toArray();
            for (int from : order) {
                if (counts[from] > 0 && improve(from)) {
                    return true;
                }
            }
            return false;
        }

        /** Breadth first, so the chain is as short as can be. */
        private boolean improve(int from) {
            int[] cameFrom = new int[ids.length];
            @Nullable Kind[] cameBy = new Kind[ids.length];
            Arrays.fill(cameFrom, -1);
            cameFrom[from] = from;
            boolean[] seen = new boolean[kindCount];
            Deque<Integer> front = new ArrayDeque<>(List.of(from));
            int best = -1;
            while (!front.isEmpty()) {
                int member = front.remove();
                for (List<Piece> pieces : held.get(member).values()) {
                    if (pieces.isEmpty() || seen[pieces.get(0).kind.index]) {
                        continue;
                    }
                    Kind kind = pieces.get(0).kind;
                    seen[kind.index] = true;
                    for (int next : kind.subscribers) {
                        if (cameFrom[next] < 0) {
                            cameFrom[next] = member;
                            cameBy[next] = kind;
                            front.add(next);
                            if (pays(from, next) && (best < 0 || isCheaper(next, best))) {
                                best = next;
                            }
                        }
                    }
                }
            }
            if (best < 0) {
                return false;
            }
            for (int to = best; to != from; to = cameFrom[to]) {
                Kind kind = cameBy[to];
                if (kind == null) {
                    throw new IllegalStateException("member " + ids[to] + " was reached by no kind of topic");
                }
                give(take(cameFrom[to], kind, to), to);
            }
            return true;
        }

        private void give(Piece piece, int member) {
            held.get(member)
                    .computeIfAbsent(piece.kind.index, k -> new ArrayList<>())
                    .add(piece);
            counts[member]++;
        }

        /** One that was the taker's before, or one that was not the giver's, or the last. */
        private Piece take(int giver, Kind kind, int taker) {
            List<Piece> pieces = held.get(giver).getOrDefault(kind.index, List.of());
            int choice = -1;
            for (int i = pieces.size() - 1; i >= 0; i--) {
                int before = pieces.get(i).before;
                if (before == taker) {
                    choice = i;
                    break;
                }
                if (choice < 0 && before != giver) {
                    choice = i;
                }
            }
            counts[giver]--;
            return pieces.remove(choice < 0 ? pieces.size() - 1 : choice);
        }

        private Map<String, Set<TopicPartition>> result() {
            Map<String, Set<TopicPartition>> result = new TreeMap<>();
            for (int i = 0; i < ids.length; i++) {
                Set<TopicPartition> mine = new TreeSet<>();
                held.get(i).values().forEach(pieces -> pieces.forEach(piece -> mine.add(piece.partition)));
                result.put(ids[i], mine);
            }
            return result;
        }
    }
}
