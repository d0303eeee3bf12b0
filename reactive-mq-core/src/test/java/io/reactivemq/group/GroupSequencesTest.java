package io.reactivemq.group;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.Deferred;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Random short sequences of what members do, against what they must never see. Members behave: they stop reading where the broker says so, and
 * when their session is over by their own clock. {@code -Dreactivemq.seed=S -Dreactivemq.sequences=1} repeats the one of a failure.
 */
class GroupSequencesTest {

    /** So that first generations have members that wait. */
    private static final GroupConfig WITH_DELAY = GroupConfig.DEFAULT.withClassic(
            Duration.ofSeconds(3),
            GroupConfig.DEFAULT.classicSessionTimeoutMin(),
            GroupConfig.DEFAULT.classicSessionTimeoutMax());

    private static final int STEPS = 12;

    /** One sequence in so many goes on until all is settled, which takes several times as long. */
    private static final int SETTLING = 25;

    @Test
    @DisplayName(
            "M04 K14 K17 random sequences of KIP-848: no partition has two readers, who is not in its epoch commits nothing")
    void consumers() {
        run(false, true);
    }

    @Test
    @DisplayName(
            "M04 K15 K17 random sequences of the classic protocol: one leader a generation, no partition has two readers")
    void classics() {
        run(true, false);
    }

    @Test
    @DisplayName("M04 K14 K15 random sequences of both in one group, which is upgraded and downgraded")
    void mixed() {
        run(true, true);
    }

    private static void run(boolean hasClassics, boolean hasConsumers) {
        long first = Long.getLong("reactivemq.seed", 1);
        int count = Integer.getInteger("reactivemq.sequences", 100_000);
        for (long seed = first; seed < first + count; seed++) {
            try {
                new Sequence(seed, hasClassics, hasConsumers, null).run();
            } catch (AssertionError | RuntimeException e) {
                StringBuilder trace = new StringBuilder();
                try {
                    new Sequence(seed, hasClassics, hasConsumers, trace).run();
                } catch (AssertionError | RuntimeException again) {
                    e.addSuppressed(again);
                }
                throw new AssertionError("seed " + seed + ": " + e.getMessage() + "\n" + trace, e);
            }
        }
    }

    private static final class Sequence {

        private static final Caller CALLER = Caller.embedded("c");
        private static final Duration SESSION = Duration.ofSeconds(45);
        private static final Duration NEVER_TOO_LATE = Duration.ofDays(1);

        private final SplittableRandom random;
        private final boolean hasClassics;
        private final boolean hasConsumers;
        private final TestTopics topics = new TestTopics();
        private final GroupShard shard = new GroupShard(WITH_DELAY, topics, new Random(1));
        private final List<CoordinatorRecord> written = new ArrayList<>();
        private final @Nullable StringBuilder trace;
        private final List<Member> members = new ArrayList<>();
        private final Map<Integer, String> leaders = new HashMap<>();
        private final int partitions;
        private long nanos;
        private int names;

        Sequence(long seed, boolean hasClassics, boolean hasConsumers, @Nullable StringBuilder trace) {
            this.trace = trace;
            this.random = new SplittableRandom(seed);
            this.hasClassics = hasClassics;
            this.hasConsumers = hasConsumers;
            this.partitions = 1 + random.nextInt(4);
            topics.put("t", partitions);
            shard.loaded(0, 0);
        }

        void run() {
            for (int i = 0; i < STEPS; i++) {
                pass(
                        random.nextInt(5) == 0
                                ? random.nextLong(SESSION.toNanos())
                                : random.nextLong(SESSION.toNanos() / 16));
                if (members.isEmpty() || (members.size() < 4 && random.nextInt(5) == 0)) {
                    boolean isClassic = hasClassics && (!hasConsumers || random.nextBoolean());
                    members.add(isClassic ? new ClassicClient() : new ConsumerClient());
                }
                Member member = members.get(random.nextInt(members.size()));
                switch (random.nextInt(12)) {
                    case 0 -> {
                        note(member, "leaves");
                        members.remove(member);
                        member.leave();
                    }
                    case 1 -> {
                        note(member, "is silent");
                        member.isSilent = true;
                    }
                    case 2 -> commit(member);
                    default -> act(member);
                }
                check();
            }
            if (random.nextInt(SETTLING) == 0) {
                settle();
            }
        }

        private void pass(long by) {
            long to = nanos + by;
            while (shard.nextDeadlineNanos() <= to) {
                nanos = Math.max(nanos, shard.nextDeadlineNanos());
                shard.onDeadline(nanos, millis()).forEach(this::applied);
                give();
            }
            nanos = to;
        }

        private void act(Member member) {
            if (!member.isSilent) {
                note(member, "acts ", member.state());
                member.act();
                give();
            }
        }

        /** The answers to requests that waited. */
        private void give() {
            for (List<Answer> all = shard.takeAnswers(); !all.isEmpty(); all = shard.takeAnswers()) {
                all.forEach(Answer::give);
            }
        }

        private <R> R apply(CoordinatorResult<R> result) {
            result.records().forEach(this::applied);
            return result.response();
        }

        private void applied(CoordinatorRecord record) {
            written.add(record);
            replay(shard, record);
        }

        private static void replay(GroupShard into, CoordinatorRecord record) {
            byte[] value = record.value();
            into.replay(ByteBuffer.wrap(record.key()), value == null ? null : ByteBuffer.wrap(value));
        }

        private long millis() {
            return nanos / 1_000_000;
        }

        private Step step() {
            return new Step(nanos, millis());
        }

        private void commit(Member member) {
            int epoch = member.epoch() + (random.nextBoolean() ? 0 : random.nextInt(3) - 1);
            note(member, "commits in ", epoch);
            boolean mayCommit =
                    describe().stream().anyMatch(m -> m.memberId().equals(member.id()) && epochOf(m) == epoch);
            try {
                apply(shard.commit(
                        new OffsetCommit(
                                "g", member.id(), epoch, Map.of(new TopicPartition("t", 0), CommittedOffset.of(1))),
                        step()));
            } catch (MqException e) {
                // a classic group refuses commits while it waits for all to join or sync
                verify(!mayCommit || member instanceof ClassicClient, "refused: ", e);
                return;
            }
            verify(mayCommit || (members.isEmpty() && epoch < 0) || epoch < 0, "taken of ", member.id(), " in ", epoch);
        }

        private int epochOf(GroupDescription.Member member) {
            GroupDescription group = shard.describe("g");
            return group.type() == GroupType.CLASSIC ? group.groupEpoch() : member.memberEpoch();
        }

        private List<GroupDescription.Member> describe() {
            try {
                return shard.describe("g").members();
            } catch (MqException e) {
                return List.of(); // there is no such group
            }
        }

        private void check() {
            Map<TopicPartition, String> readers = new HashMap<>();
            for (Member member : members) {
                if (nanos - member.lastHeard < SESSION.toNanos()) {
                    for (TopicPartition partition : member.owned) {
                        String other = readers.put(partition, member.id());
                        verify(other == null, partition, " is read by ", member.id(), " and ", other);
                    }
                }
            }
        }

        /** When all that are left go on for a while, all is assigned, and a replay gives the same. */
        private void settle() {
            if (members.stream().allMatch(member -> member.isSilent)) {
                members.add(hasConsumers ? new ConsumerClient() : new ClassicClient());
            }
            note(members.get(0), "and the others settle");
            for (int i = 0; i < 40; i++) {
                pass(SESSION.toNanos() / 8);
                members.forEach(this::act);
                check();
                if (i > 12 && isSettled()) {
                    break;
                }
            }
            GroupDescription now = shard.describe("g");
            verify(isSettled(), "not settled: ", now);
            GroupShard again = new GroupShard(WITH_DELAY, topics, new Random(1));
            written.forEach(record -> replay(again, record));
            again.loaded(nanos, millis());
            String replayed = text(again.describe("g"));
            verify(replayed.equals(text(now)), "a replay gives ", replayed, ", it was ", now);
        }

        private boolean isSettled() {
            Set<TopicPartition> read = new HashSet<>();
            members.stream().filter(member -> !member.isSilent).forEach(member -> read.addAll(member.owned));
            return read.size() == partitions && shard.describe("g").state() == GroupDescription.State.STABLE;
        }

        private static String text(GroupDescription group) {
            return group.type() + " " + group.state() + " " + group.groupEpoch()
                    + group.members().stream()
                            .map(m -> m.memberId() + " " + m.type() + " " + m.memberEpoch() + " "
                                    + new TreeSet<>(m.assigned()))
                            .sorted()
                            .collect(Collectors.toList());
        }

        private void note(Member member, @Nullable Object... what) {
            if (trace != null) {
                trace.append(millis())
                        .append(' ')
                        .append(member.name)
                        .append(' ')
                        .append(text(what))
                        .append('\n');
            }
        }

        private static String text(@Nullable Object... what) {
            return Arrays.stream(what).map(String::valueOf).collect(Collectors.joining());
        }

        private static void verify(boolean holds, @Nullable Object... what) {
            if (!holds) {
                throw new AssertionError(text(what));
            }
        }

        /** A client that behaves. */
        private abstract class Member {
            final String name = "m" + names++;
            boolean isSilent;
            long lastHeard = nanos;
            Set<TopicPartition> owned = new TreeSet<>();

            abstract String id();

            abstract int epoch();

            abstract void act();

            String state() {
                return "";
            }

            abstract void leave();
        }

        private final class ConsumerClient extends Member {
            private int epoch;

            @Override
            String id() {
                return name;
            }

            @Override
            int epoch() {
                return epoch;
            }

            @Override
            void act() {
                GroupHeartbeat heartbeat = epoch == 0
                        ? GroupHeartbeat.join("g", name, NEVER_TOO_LATE, Set.of("t"))
                        : GroupHeartbeat.stay("g", name, epoch, owned);
                try {
                    GroupHeartbeatResult answer = apply(shard.heartbeat(CALLER, heartbeat, step()));
                    if (epoch > 0 && random.nextInt(10) == 0) {
                        return; // the answer is lost
                    }
                    verify(answer.memberEpoch() >= epoch, "from epoch ", epoch, " to ", answer.memberEpoch());
                    epoch = answer.memberEpoch();
                    lastHeard = nanos;
                    if (answer.assignment() != null) {
                        owned = new TreeSet<>(answer.assignment());
                    }
                } catch (MqException e) {
                    epoch = 0;
                    owned = new TreeSet<>();
                }
            }

            @Override
            void leave() {
                if (!isSilent && epoch > 0 && nanos - lastHeard < SESSION.toNanos()) {
                    apply(shard.heartbeat(CALLER, GroupHeartbeat.leave("g", name), step()));
                }
            }
        }

        /** Eager: it gives up what it has before it joins again. */
        private final class ClassicClient extends Member {
            private String id = "";
            private int generation = -1;
            private boolean hasAsked;
            private boolean hasSynced;

            @Override
            String id() {
                return id;
            }

            @Override
            int epoch() {
                return generation;
            }

            @Override
            void act() {
                if (hasAsked) {
                    return; // for the answer
                }
                try {
                    if (hasSynced) {
                        apply(shard.heartbeat(new ClassicHeartbeat("g", id, null, generation), step()));
                        lastHeard = nanos;
                    } else {
                        join();
                    }
                } catch (MqException e) {
                    refused(e);
                }
            }

            @Override
            String state() {
                return hasAsked + " " + hasSynced + " " + generation;
            }

            private void join() {
                owned = new TreeSet<>();
                hasAsked = true;
                ClassicJoin.Protocol range =
                        new ClassicJoin.Protocol("range", ConsumerProtocol.subscription(Set.of("t"), Set.of()));
                Deferred<ClassicJoinResult> answer = apply(shard.join(
                        CALLER,
                        new ClassicJoin(
                                "g", id, null, "consumer", List.of(range), SESSION, NEVER_TOO_LATE, true, true, null),
                        step()));
                answer.response().subscribe(this::joined, this::refused);
            }

            private void joined(ClassicJoinResult result) {
                hasAsked = false;
                id = result.memberId();
                lastHeard = nanos;
                if (result instanceof ClassicJoinResult.Joined joined) {
                    note(this, "joins ", joined.generation(), ", led by ", joined.leaderId());
                    verify(
                            joined.generation() >= generation,
                            "from generation ",
                            generation,
                            " to ",
                            joined.generation());
                    generation = joined.generation();
                    // one of KIP-848 that has become empty makes room for a new group, which begins at 1
                    if (!hasConsumers) {
                        String leader = leaders.putIfAbsent(generation, joined.leaderId());
                        verify(
                                leader == null || leader.equals(joined.leaderId()),
                                "generation ",
                                generation,
                                " is led by ",
                                leader,
                                " and ",
                                joined.leaderId());
                    }
                    if (!isSilent) {
                        sync(joined);
                    }
                }
            }

            private void sync(ClassicJoinResult.Joined joined) {
                Map<String, ByteBuffer> assignments = new HashMap<>();
                if (joined.isLeader()) {
                    List<String> all = joined.members().stream()
                            .map(ClassicJoinResult.Member::memberId)
                            .toList();
                    for (int i = 0; i < all.size(); i++) {
                        Set<TopicPartition> share = new TreeSet<>();
                        for (int p = i; p < partitions; p += all.size()) {
                            share.add(new TopicPartition("t", p));
                        }
                        assignments.put(all.get(i), ConsumerProtocol.assignment(share));
                    }
                }
                hasAsked = true;
                try {
                    apply(shard.sync(
                                    new ClassicSync("g", id, null, generation, "consumer", "range", assignments),
                                    step()))
                            .response()
                            .subscribe(this::synced, this::refused);
                } catch (MqException e) {
                    refused(e);
                }
            }

            private void synced(ClassicSyncResult result) {
                note(this, "synced");
                hasAsked = false;
                hasSynced = true;
                lastHeard = nanos;
                owned = new TreeSet<>(ConsumerProtocol.readAssignment(result.assignment()));
            }

            private void refused(Throwable failure) {
                note(this, "is refused: ", failure.getMessage());
                hasAsked = false;
                hasSynced = false;
                owned = new TreeSet<>();
                if (!(failure instanceof MqException e)) {
                    throw new AssertionError(failure);
                }
                switch (e.errorCode()) {
                    case REBALANCE_IN_PROGRESS -> lastHeard = nanos;
                    case UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION -> {
                        id = "";
                        generation = -1;
                    }
                    default -> throw new AssertionError(name + " is refused: " + e, e);
                }
            }

            @Override
            void leave() {
                if (!isSilent && !id.isEmpty()) {
                    apply(shard.leave(new ClassicLeave("g", List.of(new ClassicLeave.Member(id, null, null))), step()));
                    give();
                }
            }
        }
    }
}
