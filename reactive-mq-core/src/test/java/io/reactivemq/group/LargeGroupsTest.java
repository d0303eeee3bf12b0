package io.reactivemq.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupDescription.State;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import io.reactivemq.coordinator.CoordinatorResult;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("groups that are almost as large as a record may be")
class LargeGroupsTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final int MIB = 1024 * 1024;

    /** What one append to the broker's own topics may have. */
    private static final int BATCH_BYTES_MAX = 16 * MIB;

    private final TestTopics topics = new TestTopics();
    private final GroupShard groups = new GroupShard(
            GroupConfig.DEFAULT.withClassic(Duration.ZERO, Duration.ofSeconds(1), Duration.ofMinutes(5)),
            topics,
            new Random(1));
    private long now;

    LargeGroupsTest() {
        topics.put("many", 5_000);
        groups.loaded(0, 0);
    }

    @Test
    @DisplayName("K14 sessions that end all at once are written in pieces, and none is forgotten")
    void sessions_that_end_together() {
        int members = 6_000;
        topics.put("one", 1);
        for (int i = 0; i < members; i++) {
            GroupHeartbeat join = new GroupHeartbeat(
                    "group-" + i, "member", 0, null, null, Duration.ofMinutes(1), Set.of("one"), null, null, Set.of());
            apply(groups.heartbeat(CALLER, join, step()));
        }
        now += Duration.ofMinutes(10).toNanos();
        int rounds = 0;
        int written = 0;
        while (groups.nextDeadlineNanos() <= now) {
            List<CoordinatorRecord> records = groups.onDeadline(now, now / 1_000_000);
            assertThat(records).hasSizeLessThan(2_100);
            written += records.size();
            assertThat(++rounds).isLessThan(members);
        }
        assertThat(rounds).isGreaterThan(1);
        assertThat(written).isGreaterThanOrEqualTo(3 * members);
    }

    @Test
    void a_classic_group_rebalances_again_and_again() {
        List<ClassicJoin.Protocol> protocols = consumers(MIB, "range");
        List<String> members = new ArrayList<>();
        members.add(joined(join("", protocols)).memberId());
        List<CompletableFuture<ClassicJoinResult>> joins = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            joins.add(join("", protocols));
        }
        for (int round = 0; round < 3; round++) {
            for (String member : members) {
                joins.add(join(member, protocols));
            }
            int generation = 0;
            String leader = "";
            members.clear();
            for (CompletableFuture<ClassicJoinResult> join : joins) {
                ClassicJoinResult.Joined joined = joined(join);
                members.add(joined.memberId());
                generation = joined.generation();
                leader = joined.leaderId();
            }
            joins.clear();
            assertThat(members).hasSize(7);
            Map<String, ByteBuffer> assignments = new HashMap<>();
            members.forEach(member -> assignments.put(member, ByteBuffer.allocate(MIB / 8)));
            apply(groups.sync(new ClassicSync("g", leader, null, generation, null, null, assignments), step()));
            assertThat(groups.describe("g").state()).isEqualTo(State.STABLE);
            // the leader comes first, so that the next round begins
            members.remove(leader);
            members.add(0, leader);
        }
    }

    @Test
    void members_are_counted_with_their_ids() {
        Caller caller = Caller.embedded("\u20ac".repeat(249));
        int taken = 0;
        try {
            for (; taken < 10_000; taken++) {
                apply(groups.join(caller, classic("", consumers(4096, "range")), step()));
            }
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.GROUP_MAX_SIZE_REACHED);
        }
        assertThat(taken).isBetween(1_450, GroupConfig.RECORD_BYTES_MAX / (4096 + 747 + 784));
    }

    @Test
    @DisplayName(
            "K14 a group of KIP-848 takes no more members of the classic protocol than fit into one record when it is downgraded")
    void mixed() {
        heartbeat(GroupHeartbeat.JOIN);
        int taken = 0;
        try {
            for (; taken < 100; taken++) {
                assertThat(join("", consumers(MIB, "range"))).isNotCompletedExceptionally();
            }
        } catch (MqException e) {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.GROUP_MAX_SIZE_REACHED);
        }
        assertThat(taken).isEqualTo(7);
        heartbeat(GroupHeartbeat.LEAVE);
        assertThat(groups.describe("g").type()).isEqualTo(GroupType.CLASSIC);
        assertThat(groups.describe("g").members()).hasSize(7);
    }

    @Test
    @DisplayName("K14 a group whose downgrade would not fit into one record stays one of KIP-848, and goes on")
    void not_downgraded() {
        heartbeat(GroupHeartbeat.JOIN);
        List<ClassicJoin.Protocol> protocols = consumers(MIB - 200, "range");
        List<ClassicJoinResult.Joined> members = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            members.add(joined(join("", protocols)));
        }
        int epoch = groups.describe("g").groupEpoch();

        heartbeat(GroupHeartbeat.LEAVE);

        assertThat(groups.describe("g").type()).isEqualTo(GroupType.CONSUMER);
        assertThat(groups.describe("g").groupEpoch())
                .as("what was free is shared anew")
                .isGreaterThan(epoch);
        ClassicJoinResult.Joined first = members.get(0);
        ClassicHeartbeat heartbeat = new ClassicHeartbeat("g", first.memberId(), null, first.generation());
        assertError(ErrorCode.REBALANCE_IN_PROGRESS, () -> {
            apply(groups.heartbeat(heartbeat, step()));
            apply(groups.heartbeat(heartbeat, step()));
        });
        assertThat(joined(join(first.memberId(), protocols)).generation()).isGreaterThan(first.generation());

        apply(groups.leave(
                new ClassicLeave(
                        "g", List.of(new ClassicLeave.Member(members.get(1).memberId(), null, null))),
                step()));
        assertThat(groups.describe("g").type()).as("it fits now").isEqualTo(GroupType.CLASSIC);
        assertThat(groups.describe("g").members()).hasSize(7);
    }

    @Test
    @DisplayName("K14 a classic group whose members would not fit into one batch is not upgraded")
    void not_upgraded() {
        for (int i = 0; i < 12; i++) {
            assertThat(join("", consumers(MIB / 2, "range", "own"))).isNotCompletedExceptionally();
        }
        assertError(ErrorCode.GROUP_ID_NOT_FOUND, () -> heartbeat(GroupHeartbeat.JOIN));
        assertThat(groups.describe("g").type()).isEqualTo(GroupType.CLASSIC);
        assertThat(groups.describe("g").members()).hasSize(12);
    }

    @Test
    @DisplayName("the id of the group counts in a commit, in bytes")
    void commit() {
        String group = "\u20ac".repeat(Ids.GROUP_BYTES_MAX / 3);
        Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();
        for (int i = 0; i < 5_000; i++) {
            offsets.put(new TopicPartition("many", i), new CommittedOffset(1, -1, "x".repeat(1_200)));
        }
        assertError(
                ErrorCode.INVALID_COMMIT_OFFSET_SIZE, () -> groups.commit(OffsetCommit.admin(group, offsets), step()));
        apply(groups.commit(OffsetCommit.admin("g", offsets), step()));
    }

    private static List<ClassicJoin.Protocol> consumers(int bytes, String... assignors) {
        ByteBuffer metadata = ByteBuffer.allocate(bytes)
                .put(ConsumerProtocol.subscription(Set.of("many"), Set.of()))
                .rewind();
        return List.of(assignors).stream()
                .map(assignor -> new ClassicJoin.Protocol(assignor, metadata))
                .toList();
    }

    private static ClassicJoin classic(String memberId, List<ClassicJoin.Protocol> protocols) {
        return new ClassicJoin(
                "g",
                memberId,
                null,
                ConsumerProtocol.TYPE,
                protocols,
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                false,
                true,
                null);
    }

    private CompletableFuture<ClassicJoinResult> join(String memberId, List<ClassicJoin.Protocol> protocols) {
        CompletableFuture<ClassicJoinResult> answer = apply(groups.join(CALLER, classic(memberId, protocols), step()))
                .response()
                .toFuture();
        groups.takeAnswers().forEach(Answer::give);
        return answer;
    }

    private static ClassicJoinResult.Joined joined(CompletableFuture<ClassicJoinResult> join) {
        assertThat(join).isDone();
        return (ClassicJoinResult.Joined) join.join();
    }

    private void heartbeat(int epoch) {
        GroupHeartbeat join = GroupHeartbeat.join("g", "m", Duration.ofSeconds(10), Set.of("many"));
        apply(groups.heartbeat(CALLER, join.withEpoch(epoch), step()));
    }

    private Step step() {
        return new Step(now, now / 1_000_000);
    }

    private <R> R apply(CoordinatorResult<R> result) {
        now += 1_000_000_000;
        long bytes = 0;
        for (CoordinatorRecord r : result.records()) {
            byte[] value = r.value();
            bytes += r.key().length + (value == null ? 0 : value.length);
            groups.replay(ByteBuffer.wrap(r.key()), value == null ? null : ByteBuffer.wrap(value));
        }
        assertThat(bytes).isLessThan(BATCH_BYTES_MAX);
        return result.response();
    }

    private static void assertError(ErrorCode code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }
}
