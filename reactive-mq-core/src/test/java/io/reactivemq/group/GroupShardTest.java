package io.reactivemq.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.coordinator.CoordinatorShard;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class GroupShardTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration REBALANCE = Duration.ofSeconds(60);
    private static final long SESSION = GroupConfig.DEFAULT.sessionTimeout().toNanos();

    private final TestTopics topics = new TestTopics();
    private final GroupShard groups = new GroupShard(GroupConfig.DEFAULT, topics, new Random(1));
    private long now;

    @Test
    void theFirstMemberGetsEverythingAtOnce() {
        topics.put("t", 3);

        GroupHeartbeatResult joined = join("a");

        assertThat(joined.memberEpoch()).isPositive();
        assertThat(joined.assignment()).isEqualTo(partitions(0, 1, 2));
        assertThat(describe().state()).isEqualTo(GroupDescription.State.STABLE);
    }

    @Test
    @DisplayName("M04 a partition is given only after its former owner has released it")
    void givenAfterRelease() {
        topics.put("t", 2);
        int epoch = join("a").memberEpoch();

        GroupHeartbeatResult b = join("b");
        assertThat(b.assignment()).isEmpty();

        GroupHeartbeatResult told = stay("a", epoch, null);
        assertThat(told.assignment()).isEqualTo(partitions(0));
        assertThat(told.memberEpoch())
                .as("stays on its epoch until the release")
                .isEqualTo(epoch);
        assertThat(stay("b", b.memberEpoch(), null).assignment())
                .as("not yet released")
                .isNull();

        GroupHeartbeatResult released = stay("a", epoch, partitions(0));
        assertThat(released.memberEpoch()).isEqualTo(b.memberEpoch());
        assertThat(stay("b", b.memberEpoch(), null).assignment()).isEqualTo(partitions(1));
        assertThat(describe().state()).isEqualTo(GroupDescription.State.STABLE);
    }

    @Test
    @DisplayName("M05 an idle member takes over when another leaves")
    void idleTakesOver() {
        topics.put("t", 1);
        join("a");
        GroupHeartbeatResult idle = join("b");
        assertThat(idle.assignment()).isEmpty();

        beat(GroupHeartbeat.leave("g", "a"));

        assertThat(stay("b", idle.memberEpoch(), null).assignment()).isEqualTo(partitions(0));
    }

    @Test
    @DisplayName(
            "K14 an expression that no member has any more is forgotten, so that members may change theirs for ever")
    void expressions() {
        topics.put("t", 3);
        beat(GroupHeartbeat.joinMatching("g", "same", REBALANCE, "t.*"));
        int epoch = beat(GroupHeartbeat.joinMatching("g", "changing", REBALANCE, "u0.*"))
                .memberEpoch();
        epoch = beat(subscribing("changing", epoch, "u1.*")).memberEpoch();

        int before = topics.looks();
        epoch = beat(subscribing("changing", epoch, "u2.*")).memberEpoch();
        int looksForNew = topics.looks() - before;
        beat(subscribing("changing", epoch, "u0.*"));
        assertThat(topics.looks() - before - looksForNew)
                .as("one that was there before is looked for as a new one")
                .isEqualTo(looksForNew);
    }

    private static GroupHeartbeat subscribing(String member, int epoch, String regex) {
        return new GroupHeartbeat("g", member, epoch, null, null, null, Set.of(), regex, null, null);
    }

    @Test
    void aSilentMemberIsRemovedAfterTheSessionTimeoutAndNotBefore() {
        topics.put("t", 1);
        join("a");
        GroupHeartbeatResult b = join("b");

        now += SESSION - 1;
        b = stay("b", b.memberEpoch(), null);
        expire();
        assertThat(b.assignment()).isNull();
        assertThat(describe().members()).hasSize(2);

        now += 1;
        expire();
        assertThat(describe().members())
                .extracting(GroupDescription.Member::memberId)
                .containsExactly("b");
        assertThat(stay("b", b.memberEpoch(), null).assignment()).isEqualTo(partitions(0));
        assertError(ErrorCode.UNKNOWN_MEMBER_ID, () -> stay("a", 1, null));
    }

    @Test
    void aMemberThatDoesNotReleaseInTimeIsRemovedAlthoughItSendsHeartbeats() {
        topics.put("t", 2);
        int epoch = join("a").memberEpoch();
        GroupHeartbeatResult b = join("b");
        stay("a", epoch, null);

        for (long end = now + REBALANCE.toNanos(); now < end; now += SESSION / 3) {
            expire();
            stay("a", epoch, partitions(0, 1));
            stay("b", b.memberEpoch(), null);
        }
        now += SESSION / 3;
        expire();

        assertError(ErrorCode.UNKNOWN_MEMBER_ID, () -> stay("a", epoch, partitions(0, 1)));
        assertThat(stay("b", b.memberEpoch(), null).assignment()).isEqualTo(partitions(0, 1));
    }

    @Test
    void aHeartbeatOfAnotherEpochIsFenced() {
        topics.put("t", 1);
        int epoch = join("a").memberEpoch();

        assertError(ErrorCode.FENCED_MEMBER_EPOCH, () -> stay("a", epoch + 1, null));
        assertError(ErrorCode.FENCED_MEMBER_EPOCH, () -> stay("a", epoch + 7, Set.of()));
    }

    @Test
    void theEpochBeforeIsTakenWhereTheAnswerWasLost() {
        topics.put("t", 2);
        int old = join("a").memberEpoch();
        join("b");
        stay("a", old, null);
        GroupHeartbeatResult lost = stay("a", old, partitions(0));
        assertThat(lost.memberEpoch()).isGreaterThan(old);

        GroupHeartbeatResult again = stay("a", old, partitions(0));

        assertThat(again.memberEpoch()).isEqualTo(lost.memberEpoch());
        assertThat(again.assignment()).isEqualTo(partitions(0));
    }

    @Test
    void aMemberThatJoinsAgainStartsWithoutWhatItOwned() {
        topics.put("t", 1);
        join("a");
        GroupHeartbeatResult b = join("b");

        assertThat(join("a").assignment()).isEqualTo(partitions(0));
        assertThat(stay("b", b.memberEpoch(), null).assignment()).isNull();
    }

    @Test
    void aTopicThatAppearsIsAssigned() {
        GroupHeartbeatResult joined = join("a");
        assertThat(joined.assignment()).isEmpty();

        topics.put("t", 2);

        assertThat(stay("a", joined.memberEpoch(), null).assignment()).isEqualTo(partitions(0, 1));
    }

    @Test
    @DisplayName("K02 what is committed is found, and a later commit replaces it")
    void commitAndFetch() {
        topics.put("t", 2);
        int epoch = join("a").memberEpoch();

        commit("a", epoch, 0, 5);
        commit("a", epoch, 0, 9);

        assertThat(groups.offsets(OffsetFetch.of("g", partitions(0, 1))))
                .isEqualTo(Map.of(partition(0), CommittedOffset.of(9)));
    }

    @Test
    @DisplayName("K17 a commit of an old epoch or of a former member is refused and changes nothing")
    void staleCommits() {
        topics.put("t", 2);
        int epoch = join("a").memberEpoch();
        commit("a", epoch, 0, 5);
        join("b");
        stay("a", epoch, null);
        stay("a", epoch, partitions(0));

        assertError(ErrorCode.STALE_MEMBER_EPOCH, () -> commit("a", epoch, 0, 6));
        beat(GroupHeartbeat.leave("g", "a"));
        assertError(ErrorCode.UNKNOWN_MEMBER_ID, () -> commit("a", epoch + 1, 0, 7));
        assertThat(groups.offsets(OffsetFetch.of("g", partitions(0))))
                .containsEntry(partition(0), CommittedOffset.of(5));
    }

    @Test
    @DisplayName("K17 a member's commit to a group that is not there: Kafka's codes, and nothing is written")
    void commitToNoGroup() {
        topics.put("t", 1);

        assertError(ErrorCode.GROUP_ID_NOT_FOUND, () -> commit("a", 3, 0, 1));
        assertError(ErrorCode.ILLEGAL_GENERATION, () -> groups.commit(inTransaction("a", 3), new Step(now, 0)));
        assertError(ErrorCode.GROUP_ID_NOT_FOUND, this::describe);

        // who is in no generation says nothing that could be wrong
        commit("a", -1, 0, 1);
        assertThat(groups.offsets(OffsetFetch.of("g", partitions(0))))
                .containsEntry(partition(0), CommittedOffset.of(1));
        // it is there now, without members
        assertError(ErrorCode.UNKNOWN_MEMBER_ID, () -> commit("a", 3, 0, 2));
    }

    @Test
    void aCommitFromOutsideIsTakenOnlyWithoutMembers() {
        topics.put("t", 1);
        Map<TopicPartition, CommittedOffset> offsets = Map.of(partition(0), CommittedOffset.of(3));
        apply(groups.commit(OffsetCommit.admin("g", offsets), new Step(now, 0)));
        assertThat(groups.offsets(OffsetFetch.of("g", partitions(0)))).isEqualTo(offsets);

        join("a");
        assertError(
                ErrorCode.UNKNOWN_MEMBER_ID, () -> groups.commit(OffsetCommit.admin("g", offsets), new Step(now, 0)));
    }

    @Test
    void aCommitOfAPartitionThatDoesNotExistOrWithTooLongANoteIsRefused() {
        topics.put("t", 1);
        assertThat(groups.commit(OffsetCommit.admin("g", Map.of(partition(1), CommittedOffset.of(3))), new Step(now, 0))
                        .response())
                .containsOnly(Map.entry(partition(1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
        assertThat(groups.commit(
                                OffsetCommit.admin(
                                        "g", Map.of(partition(0), new CommittedOffset(3, -1, "x".repeat(4097)))),
                                new Step(now, 0))
                        .response())
                .containsOnly(Map.entry(partition(0), ErrorCode.OFFSET_METADATA_TOO_LARGE));
    }

    @Test
    void passedByAllIsTheLeastOfTheGroupsThatReadThePartition() {
        topics.put("t", 1);
        assertThat(groups.passedByAll(partition(0))).as("no group").isZero();

        apply(groups.commit(OffsetCommit.admin("g1", Map.of(partition(0), CommittedOffset.of(7))), new Step(now, 0)));
        apply(groups.commit(OffsetCommit.admin("g2", Map.of(partition(0), CommittedOffset.of(4))), new Step(now, 0)));
        assertThat(groups.passedByAll(partition(0))).isEqualTo(4);

        join("a");
        assertThat(groups.passedByAll(partition(0)))
                .as("a group that has not begun")
                .isZero();
    }

    @Test
    void aTopicThatIsGoneIsForgotten() {
        topics.put("t", 1);
        apply(groups.commit(OffsetCommit.admin("g", Map.of(partition(0), CommittedOffset.of(7))), new Step(now, 0)));

        apply(groups.forget("t", new UUID(0, 1), new Step(0, 0)));

        assertThat(groups.list()).isEmpty();
    }

    @Test
    @DisplayName("K12 an offset that a transaction is about to move does not expire under it")
    void pendingOffsetsDoNotExpire() {
        topics.put("t", 1);
        apply(groups.commit(OffsetCommit.admin("g", Map.of(partition(0), CommittedOffset.of(7))), new Step(0, 0)));
        long late = GroupConfig.DEFAULT.offsetsRetention().toMillis() + 1;
        commitInTransaction(9, late);

        apply(groups.expire(new Step(0, late)));
        groups.replayEnd(9, TransactionMarker.Outcome.COMMIT);

        assertThat(committed()).isEqualTo(Map.of(partition(0), CommittedOffset.of(20)));
    }

    @Test
    void whatATransactionHasCommittedOfATopicOrAGroupThatIsGoneNeverCounts() {
        topics.put("t", 1);
        commitInTransaction(9, 0);
        topics.remove("t");
        apply(groups.forget("t", new UUID(0, 1), new Step(0, 0)));
        groups.replayEnd(9, TransactionMarker.Outcome.COMMIT);
        assertThat(committed()).as("after the topic was deleted").isEmpty();

        topics.put("t", 1);
        commitInTransaction(9, 0);
        apply(groups.delete("g", new Step(0, 0)));
        groups.replayEnd(9, TransactionMarker.Outcome.COMMIT);
        assertThat(committed()).as("after the group was deleted").isEmpty();

        commitInTransaction(9, 0);
        apply(groups.deleteOffsets("g", Set.of(partition(0)), new Step(0, 0)));
        groups.replayEnd(9, TransactionMarker.Outcome.COMMIT);
        assertThat(committed()).as("after the offset was deleted").isEmpty();
    }

    @Test
    void offsetsOfATopicThatWasDeletedJustBeforeTheBrokerStoppedAreForgottenAsItOpens() {
        topics.put("t", 1);
        topics.put("other", 1);
        TopicPartition kept = new TopicPartition("other", 0);
        apply(groups.commit(
                OffsetCommit.admin("g", Map.of(partition(0), CommittedOffset.of(7), kept, CommittedOffset.of(8))),
                new Step(0, 0)));
        topics.remove("t");

        apply(groups.opened(new Step(0, 0)));

        assertThat(committed()).isEqualTo(Map.of(kept, CommittedOffset.of(8)));
    }

    private void commitInTransaction(long producerId, long nowMs) {
        TransactionalOffsetCommit commit = new TransactionalOffsetCommit(
                "id",
                new ProducerIdAndEpoch(producerId, (short) 0),
                TransactionVersion.V2,
                "g",
                "",
                -1,
                null,
                Map.of(partition(0), CommittedOffset.of(20)));
        for (CoordinatorRecord r : groups.commit(commit, new Step(0, nowMs)).records()) {
            groups.replayTransactional(
                    producerId, ByteBuffer.wrap(r.key()), ByteBuffer.wrap(Objects.requireNonNull(r.value())));
        }
    }

    private Map<TopicPartition, CommittedOffset> committed() {
        return groups.offsets(new OffsetFetch("g", null, "", -1, true));
    }

    /**
     * Members come, go, fall silent and send heartbeats as a correct client would, at random. At no moment do two members hold a
     * partition, and when it is quiet the group is complete.
     */
    @Test
    @DisplayName(
            "M04 under random joins, leaves and silences no partition ever has two readers, and the end is complete")
    void randomMembership() {
        long seed = Long.getLong("reactivemq.seed", 20010101L);
        for (int round = 0; round < 300; round++) {
            new Simulation(seed + round).run();
        }
    }

    private final class Simulation {
        /** A client whose answers are lost does not know that it shall release, and would be removed while it reads. */
        private static final Duration NEVER_TOO_LATE = Duration.ofHours(1);

        private final long seed;
        private final RandomGenerator random;
        private final TestTopics catalog = new TestTopics();
        private final GroupShard shard = new GroupShard(GroupConfig.DEFAULT, catalog, new Random(1));
        private final Map<String, Client> clients = new TreeMap<>();
        private long nanos;
        private int names;

        Simulation(long seed) {
            this.seed = seed;
            this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        }

        void run() {
            catalog.put("t", 1 + random.nextInt(8));
            for (int step = 0; step < 120; step++) {
                nanos += random.nextLong(SESSION / 4);
                shard.onDeadline(nanos, 0);
                switch (random.nextInt(8)) {
                    case 0 -> add();
                    case 1 -> any(this::leave);
                    case 2 -> any(client -> client.silent = true);
                    default -> any(this::beat);
                }
                check();
            }
            if (clients.values().stream().allMatch(client -> client.silent)) {
                add();
            }
            for (int i = 0; i < 40; i++) {
                nanos += SESSION / 8;
                shard.onDeadline(nanos, 0);
                clients.values().forEach(this::beat);
                check();
            }
            Set<TopicPartition> held = clients.values().stream()
                    .filter(client -> !client.silent)
                    .flatMap(client -> client.owned.stream())
                    .collect(Collectors.toSet());
            assertThat(held).as("seed %s", seed).hasSize(catalog.list().get(0).partitions());
            assertThat(shard.describe("g").state()).as("seed %s", seed).isEqualTo(GroupDescription.State.STABLE);
        }

        private void add() {
            Client client = new Client("m" + names++);
            clients.put(client.id, client);
            beat(client);
        }

        private void any(Consumer<Client> action) {
            if (!clients.isEmpty()) {
                clients.values().stream()
                        .skip(random.nextInt(clients.size()))
                        .findFirst()
                        .ifPresent(action);
            }
        }

        private void leave(Client client) {
            clients.remove(client.id);
            boolean expired = nanos - client.lastBeat >= SESSION;
            if (!client.silent && !expired && client.epoch > 0) {
                shard.heartbeat(CALLER, GroupHeartbeat.leave("g", client.id), new Step(nanos, 0));
            }
        }

        private void beat(Client client) {
            if (client.silent) {
                return;
            }
            GroupHeartbeat heartbeat = client.epoch == 0
                    ? GroupHeartbeat.join("g", client.id, NEVER_TOO_LATE, Set.of("t"))
                    : GroupHeartbeat.stay("g", client.id, client.epoch, client.owned);
            try {
                GroupHeartbeatResult answer =
                        shard.heartbeat(CALLER, heartbeat, new Step(nanos, 0)).response();
                if (random.nextInt(10) == 0 && client.epoch > 0) {
                    return; // the answer is lost
                }
                client.epoch = answer.memberEpoch();
                client.lastBeat = nanos;
                if (answer.assignment() != null) {
                    client.owned = new TreeSet<>(answer.assignment());
                }
            } catch (MqException e) {
                client.epoch = 0;
                client.owned = new TreeSet<>();
            }
        }

        /** A client stops reading when its session is over by its own clock, whatever it holds. */
        private void check() {
            Map<TopicPartition, String> readers = new HashMap<>();
            for (Client client : clients.values()) {
                if (nanos - client.lastBeat < SESSION) {
                    client.owned.forEach(partition -> assertThat(readers.put(partition, client.id))
                            .as("seed %s: two readers", seed)
                            .isNull());
                }
            }
        }

        private final class Client {
            final String id;
            int epoch;
            long lastBeat = nanos;
            boolean silent;
            Set<TopicPartition> owned = new TreeSet<>();

            Client(String id) {
                this.id = id;
            }
        }
    }

    private GroupHeartbeatResult join(String member) {
        return beat(GroupHeartbeat.join("g", member, REBALANCE, Set.of("t")));
    }

    private GroupHeartbeatResult stay(String member, int epoch, @Nullable Set<TopicPartition> owned) {
        return beat(GroupHeartbeat.stay("g", member, epoch, owned));
    }

    private GroupHeartbeatResult beat(GroupHeartbeat heartbeat) {
        return groups.heartbeat(CALLER, heartbeat, new Step(now, 0)).response();
    }

    private GroupDescription describe() {
        return groups.describe("g");
    }

    private void commit(String member, int epoch, int partition, long offset) {
        apply(groups.commit(
                new OffsetCommit("g", member, epoch, Map.of(partition(partition), CommittedOffset.of(offset))),
                new Step(now, 0)));
    }

    private static TransactionalOffsetCommit inTransaction(String member, int epoch) {
        return new TransactionalOffsetCommit(
                "id",
                new ProducerIdAndEpoch(1, (short) 0),
                TransactionVersion.V2,
                "g",
                member,
                epoch,
                null,
                Map.of(partition(0), CommittedOffset.of(1)));
    }

    private void apply(CoordinatorResult<?> result) {
        for (CoordinatorRecord r : result.records()) {
            byte[] value = r.value();
            groups.replay(ByteBuffer.wrap(r.key()), value == null ? null : ByteBuffer.wrap(value));
        }
    }

    private void expire() {
        if (groups.nextDeadlineNanos() <= now) {
            groups.onDeadline(now, 0);
        }
        assertThat(groups.nextDeadlineNanos()).isNotEqualTo(CoordinatorShard.NEVER);
    }

    private static void assertError(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }

    private static TopicPartition partition(int index) {
        return new TopicPartition("t", index);
    }

    private static Set<TopicPartition> partitions(int... indexes) {
        return IntStream.of(indexes).mapToObj(GroupShardTest::partition).collect(Collectors.toSet());
    }
}
