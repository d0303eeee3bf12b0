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
 * Semi-matchings for bipartite graphs and load balancing, 2003). Of chains that mean as much the one is taken that takes the fewest partitions from whose
 * they were before. Where all subscribe alike none is taken that need not be; where subscriptions differ that is so in every small case there is (a test tries
 * them all), and is not promised for large ones: of members that have too many alike a bounded number is looked at.
 *
 * <p>Topics with the same subscribers are one kind: the search walks kinds and members, not partitions. Ties fall to the smaller id and
 * the smaller partition, so the result depends on the input only.
 */
final class StickyAssignor implements Assignor {

    /** Members that have as much too many as the first of whom one can be taken, and are looked at besides. */
    private static final int EQUALS_MAX = 64;

    /** Of them in one computation, which a large group of many kinds would take for most of a second. */
    private static final int LOOKS_MAX = 1_024;

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
        private int looksLeft;

        /** What a member has of each kind. Invariant: what it had before comes first, so that what it has got is taken first. */
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
            // where all are of one kind no way is better than another
            looksLeft = kindCount == 1 ? 0 : LOOKS_MAX;
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
                        int bySaving = Long.compare(savingOf(b, a), savingOf(a, b));
                        return bySaving == 0 ? Integer.compare(a, b) : bySaving;
                    })
                    .mapToInt(Integer::intValue)
                    .toArray();
            int looks = Math.min(EQUALS_MAX, looksLeft);
            Chain best = null;
            for (int from : order) {
                if (best != null && (looks == 0 || best.moves == 0 || isLess(from, best.from))) {
                    break;
                }
                if (best != null) {
                    looks--;
                    looksLeft--;
                }
                Chain found = counts[from] == 0 ? null : chainFrom(from);
                if (found != null && (best == null || isBetter(found, best))) {
                    best = found;
                }
            }
            if (best == null) {
                return false;
            }
            move(best);
            return true;
        }

        private boolean isLess(int a, int b) {
            return savingOf(a, b) < savingOf(b, a);
        }

        /** What one less at {@code a} saves, in a measure in which it compares with {@code savingOf(b, a)}. */
        private long savingOf(int a, int b) {
            return (2L * counts[a] - 1) * weights[b];
        }

        /**
         * The way to the member to whom one more costs least, and of those ways one with the fewest partitions taken from whose they were before; null
         * if none pays. Looks at ways in the order of that number.
         */
        private @Nullable Chain chainFrom(int from) {
            int[] cameFrom = new int[ids.length];
            @Nullable Kind[] cameBy = new Kind[ids.length];
            int[] moves = new int[ids.length];
            Arrays.fill(moves, Integer.MAX_VALUE);
            moves[from] = 0;
            int[] kindMoves = new int[kindCount];
            Arrays.fill(kindMoves, Integer.MAX_VALUE);
            boolean[] done = new boolean[ids.length];
            Deque<Integer> front = new ArrayDeque<>(List.of(from));
            int best = -1;
            while (!front.isEmpty()) {
                int member = front.remove();
                if (done[member]) {
                    continue;
                }
                done[member] = true;
                if (member != from && pays(from, member) && (best < 0 || isCheaper(member, best))) {
                    best = member;
                }
                for (List<Piece> pieces : held.get(member).values()) {
                    if (pieces.isEmpty()) {
                        continue;
                    }
                    Kind kind = pieces.get(0).kind;
                    boolean isFree = hasAnothers(pieces, member);
                    int taken = moves[member] + (isFree ? 0 : 1);
                    if (taken >= kindMoves[kind.index]) {
                        continue;
                    }
                    kindMoves[kind.index] = taken;
                    for (int next : kind.subscribers) {
                        if (taken < moves[next]) {
                            moves[next] = taken;
                            cameFrom[next] = member;
                            cameBy[next] = kind;
                            if (isFree) {
                                front.addFirst(next);
                            } else {
                                front.addLast(next);
                            }
                        }
                    }
                }
            }
            return best < 0 ? null : new Chain(from, best, moves[best], cameFrom, cameBy);
        }

        /** Whether the member has one of these that was not its own before. */
        private static boolean hasAnothers(List<Piece> pieces, int member) {
            return !pieces.isEmpty() && pieces.get(pieces.size() - 1).before != member;
        }

        /** Members of whom each passes one partition on to the next; {@code moves} of them are taken from whose they were before. */
        private static final class Chain {
            private final int from;
            private final int to;
            private final int moves;
            private final int[] cameFrom;
            private final @Nullable Kind[] cameBy;

            Chain(int from, int to, int moves, int[] cameFrom, @Nullable Kind[] cameBy) {
                this.from = from;
                this.to = to;
                this.moves = moves;
                this.cameFrom = cameFrom;
                this.cameBy = cameBy;
            }
        }

        private boolean isBetter(Chain one, Chain other) {
            return isCheaper(one.to, other.to) || (!isCheaper(other.to, one.to) && one.moves < other.moves);
        }

        private void move(Chain chain) {
            for (int at = chain.to; at != chain.from; at = chain.cameFrom[at]) {
                Kind kind = chain.cameBy[at];
                if (kind == null) {
                    throw new IllegalStateException("member " + ids[at] + " was reached by no kind of topic");
                }
                give(take(chain.cameFrom[at], kind, at), at);
            }
        }

        private void give(Piece piece, int member) {
            List<Piece> pieces = held.get(member).computeIfAbsent(piece.kind.index, k -> new ArrayList<>());
            if (piece.before == member && hasAnothers(pieces, member)) {
                pieces.add(0, piece);
            } else {
                pieces.add(piece);
            }
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
