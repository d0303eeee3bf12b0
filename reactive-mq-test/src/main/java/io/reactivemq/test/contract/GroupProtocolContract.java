package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.reactivemq.ErrorCode;
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
import io.reactivemq.broker.GroupDescription.State;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.GroupType;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Groups request by request, in both protocols, and their administration. The conversations are small here, where every engine must have them; the
 * coordinator's own transcripts have the long ones.
 */
@DisplayName("group protocols")
public abstract class GroupProtocolContract extends EngineContract {

    private static final String GROUP = "g";

    /** Members that live elsewhere: those in the broker's own JVM do not outlive it. */
    private static final Duration SESSION = Duration.ofSeconds(10);

    private static final Duration REBALANCE = Duration.ofSeconds(30);

    @Test
    @DisplayName("K14 a member joins with epoch 0, leaves with -1, and stays what it is through a restart")
    void members_survive_a_restart() {
        topic("t", 2);
        GroupHeartbeatResult joined = beat(GroupHeartbeat.join(GROUP, "m", REBALANCE, Set.of("t")));
        assertThat(joined.memberEpoch()).isPositive();
        assertThat(joined.assignment()).containsExactlyInAnyOrder(t(0), t(1));

        restartIfDurable();

        GroupHeartbeatResult stayed = beat(GroupHeartbeat.stay(GROUP, "m", joined.memberEpoch(), Set.of(t(0), t(1))));
        assertThat(stayed.memberEpoch()).isEqualTo(joined.memberEpoch());
        assertThat(stayed.assignment()).containsExactlyInAnyOrder(t(0), t(1));
        assertThat(beat(GroupHeartbeat.leave(GROUP, "m")).memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE);
        assertThat(describe().state()).isEqualTo(State.EMPTY);
    }

    @Test
    @DisplayName("K14 a half done hand-over goes on after a restart: given only when the former owner has released")
    void a_hand_over_survives_a_restart() {
        topic("t", 2);
        int a = beat(GroupHeartbeat.join(GROUP, "a", REBALANCE, Set.of("t"))).memberEpoch();
        int b = beat(GroupHeartbeat.join(GROUP, "b", REBALANCE, Set.of("t"))).memberEpoch();
        Set<TopicPartition> kept =
                beat(GroupHeartbeat.stay(GROUP, "a", a, null)).assignment();
        assertThat(kept).hasSize(1);

        restartIfDurable();

        assertThat(beat(GroupHeartbeat.stay(GROUP, "b", b, Set.of())).assignment())
                .as("a has not released yet")
                .isEmpty();
        assertThat(beat(GroupHeartbeat.stay(GROUP, "a", a, kept)).memberEpoch()).isEqualTo(b);
        assertThat(beat(GroupHeartbeat.stay(GROUP, "b", b, Set.of())).assignment())
                .hasSize(1)
                .doesNotContainAnyElementsOf(kept);
    }

    @Test
    @DisplayName(
            "K14 the assignors uniform and range; a subscription by regular expression takes topics that come later")
    void assignors_and_expressions() {
        topic("orders.eu", 2);
        topic("other", 2);
        GroupHeartbeatResult joined = beat(GroupHeartbeat.joinMatching(GROUP, "m", REBALANCE, "orders\\..*")
                .withAssignor("range"));
        assertThat(joined.assignment()).hasSize(2);
        assertThat(describe().assignor()).isEqualTo("range");

        topic("orders.us", 1);
        assertThat(beat(GroupHeartbeat.stay(GROUP, "m", joined.memberEpoch(), null))
                        .assignment())
                .extracting(TopicPartition::topic)
                .containsExactlyInAnyOrder("orders.eu", "orders.eu", "orders.us");
        assertFails(
                broker().heartbeat(REMOTE, GroupHeartbeat.joinMatching(GROUP, "n", REBALANCE, "(")),
                ErrorCode.INVALID_REGULAR_EXPRESSION);
    }

    @Test
    @DisplayName("K16 a static member that is back within its session keeps its partitions, after a restart too")
    void static_members_keep_their_partitions() {
        topic("t", 2);
        int a = beat(GroupHeartbeat.join(GROUP, "a", REBALANCE, Set.of("t")).withInstanceId("one"))
                .memberEpoch();
        int b = beat(GroupHeartbeat.join(GROUP, "b", REBALANCE, Set.of("t"))).memberEpoch();
        Set<TopicPartition> kept = beat(GroupHeartbeat.stay(GROUP, "a", a, null).withInstanceId("one"))
                .assignment();
        a = beat(GroupHeartbeat.stay(GROUP, "a", a, kept).withInstanceId("one")).memberEpoch();
        beat(GroupHeartbeat.stay(GROUP, "b", b, null));
        assertFails(
                broker().heartbeat(
                                REMOTE,
                                GroupHeartbeat.join(GROUP, "thief", REBALANCE, Set.of("t"))
                                        .withInstanceId("one")),
                ErrorCode.UNRELEASED_INSTANCE_ID);

        beat(GroupHeartbeat.stay(GROUP, "a", GroupHeartbeat.LEAVE_FOR_A_WHILE, null)
                .withInstanceId("one"));
        restartIfDurable();
        assertThat(beat(GroupHeartbeat.stay(GROUP, "b", b, null)).assignment()).isNull();
        GroupHeartbeatResult back =
                beat(GroupHeartbeat.join(GROUP, "a2", REBALANCE, Set.of("t")).withInstanceId("one"));

        assertThat(back.assignment()).isEqualTo(kept);
        assertThat(back.memberEpoch()).as("nobody else moved").isEqualTo(b);
        int old = a;
        assertFails(
                broker().heartbeat(
                                REMOTE,
                                GroupHeartbeat.stay(GROUP, "a", old, null).withInstanceId("one")),
                ErrorCode.FENCED_INSTANCE_ID);
    }

    @Test
    @DisplayName("K15 join, sync, heartbeat, leave: two members, a rebalance, and a restart in the stable generation")
    void the_classic_protocol() {
        topic("t", 2);
        ClassicJoinResult.Joined first = joinAlone("x");
        assertThat(first.isLeader()).isTrue();
        assertThat(sync(first, Map.of(first.memberId(), "all")).assignment()).isEqualTo(bytes("all"));
        await(broker().heartbeatClassic(REMOTE, beatOf(first)));

        String y = idFor("y");
        CompletableFuture<ClassicJoinResult> waiting =
                broker().joinClassic(REMOTE, join("y", y)).toFuture();
        assertFails(broker().heartbeatClassic(REMOTE, beatOf(first)), ErrorCode.REBALANCE_IN_PROGRESS);
        ClassicJoinResult.Joined again = joined(await(broker().joinClassic(REMOTE, join("x", first.memberId()))));
        engine().eventually(waiting::isDone);
        ClassicJoinResult.Joined second = joined(waiting.join());
        assertThat(second.generation()).isEqualTo(again.generation()).isGreaterThan(first.generation());
        assertThat(again.members())
                .extracting(ClassicJoinResult.Member::memberId)
                .contains(first.memberId(), y);
        CompletableFuture<ClassicSyncResult> follower =
                broker().syncClassic(REMOTE, syncOf(second, Map.of())).toFuture();
        assertThat(sync(again, Map.of(first.memberId(), "0", y, "1")).assignment())
                .isEqualTo(bytes("0"));
        engine().eventually(follower::isDone);
        assertThat(follower.join().assignment()).isEqualTo(bytes("1"));

        restartIfDurable();

        GroupDescription group = describe();
        assertThat(group.type()).isEqualTo(GroupType.CLASSIC);
        assertThat(group.state()).isEqualTo(State.STABLE);
        assertThat(group.members())
                .extracting(GroupDescription.Member::assignment)
                .containsExactlyInAnyOrder(bytes("0"), bytes("1"));
        await(broker().heartbeatClassic(REMOTE, beatOf(second)));
        assertFails(broker().heartbeatClassic(REMOTE, beatOf(first)), ErrorCode.ILLEGAL_GENERATION);
        await(broker().leaveClassic(REMOTE, ClassicLeave.of(GROUP, y)));
        assertFails(broker().heartbeatClassic(REMOTE, beatOf(again)), ErrorCode.REBALANCE_IN_PROGRESS);
        assertFails(broker().heartbeatClassic(REMOTE, beatOf(second)), ErrorCode.UNKNOWN_MEMBER_ID);
    }

    @Test
    @DisplayName("K15 a member of the classic protocol that is silent for its session is removed")
    void a_silent_classic_member_is_removed() {
        topic("t", 2);
        ClassicJoinResult.Joined member = joinAlone("x");
        sync(member, Map.of());

        engine().elapse(SESSION.multipliedBy(2));

        assertFails(broker().heartbeatClassic(REMOTE, beatOf(member)), ErrorCode.UNKNOWN_MEMBER_ID);
        assertThat(describe().state()).isEqualTo(State.EMPTY);
    }

    @Test
    @DisplayName("K17 a commit of an old generation is refused and harms nobody")
    void an_old_generation_is_refused() {
        topic("t", 2);
        ClassicJoinResult.Joined old = joinAlone("x");
        sync(old, Map.of());
        commit(old, 5);
        ClassicJoinResult.Joined next = joined(await(broker().joinClassic(REMOTE, join("x", old.memberId()))));
        sync(next, Map.of());
        commit(next, 6);

        assertFails(broker().commitOffsets(REMOTE, commitOf(old, 7)), ErrorCode.ILLEGAL_GENERATION);
        restartIfDurable();
        assertFails(broker().commitOffsets(REMOTE, commitOf(old, 7)), ErrorCode.ILLEGAL_GENERATION);
        assertThat(offsets()).isEqualTo(Map.of(t(0), CommittedOffset.of(6)));
    }

    @Test
    @DisplayName(
            "K14 K15 group ids are one name space: kinds do not mix but for consumers, and an empty group takes either")
    void one_name_space() {
        topic("t", 1);
        beat(GroupHeartbeat.join(GROUP, "m", REBALANCE, Set.of("t")));
        assertFails(
                broker().joinClassic(REMOTE, join("x", "")),
                ErrorCode.INCONSISTENT_GROUP_PROTOCOL); // its metadata is no subscription
        beat(GroupHeartbeat.leave(GROUP, "m"));
        ClassicJoinResult.Joined member = joinAlone("x");
        assertThat(member.generation()).isEqualTo(1);
        assertThat(await(broker().listGroups(CALLER)))
                .extracting(GroupListing::groupId, GroupListing::type)
                .containsExactly(tuple(GROUP, GroupType.CLASSIC));
    }

    @Test
    void a_group_is_deleted_with_its_offsets_when_its_members_have_left() {
        topic("t", 1);
        beat(GroupHeartbeat.join(GROUP, "m", REBALANCE, Set.of("t")));
        assertFails(broker().deleteGroup(REMOTE, GROUP), ErrorCode.NON_EMPTY_GROUP);
        assertThat(await(broker().deleteOffsets(REMOTE, GROUP, List.of(t(0)))))
                .containsExactly(Map.entry(t(0), ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC));
        beat(GroupHeartbeat.leave(GROUP, "m"));
        await(broker().commitOffsets(REMOTE, OffsetCommit.admin(GROUP, Map.of(t(0), CommittedOffset.of(0)))));

        await(broker().deleteGroup(REMOTE, GROUP));
        restartIfDurable();

        assertThat(await(broker().listGroups(CALLER))).isEmpty();
        assertThat(offsets()).isEmpty();
        assertFails(broker().deleteGroup(REMOTE, GROUP), ErrorCode.GROUP_ID_NOT_FOUND);
    }

    @Test
    @DisplayName(
            "K14 a member in the broker's own JVM is gone after a restart, and the next one has its partitions at once")
    void nobody_waits_for_a_member_that_died_with_the_broker() {
        topic("t", 2);
        Caller inside = Caller.embedded("inside");
        await(broker().heartbeat(inside, GroupHeartbeat.join(GROUP, "m", REBALANCE, Set.of("t"))));

        restart();

        GroupHeartbeatResult next =
                await(broker().heartbeat(inside, GroupHeartbeat.join(GROUP, "n", REBALANCE, Set.of("t"))));
        assertThat(next.assignment()).containsExactlyInAnyOrder(t(0), t(1));
    }

    // ---------------------------------------------------------------- shorthand

    private GroupHeartbeatResult beat(GroupHeartbeat heartbeat) {
        return await(broker().heartbeat(REMOTE, heartbeat));
    }

    private GroupDescription describe() {
        return await(broker().describeGroup(REMOTE, GROUP));
    }

    private Map<TopicPartition, CommittedOffset> offsets() {
        return await(broker().fetchOffsets(REMOTE, OffsetFetch.all(GROUP)));
    }

    private static TopicPartition t(int index) {
        return new TopicPartition("t", index);
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    private static ClassicJoin join(String client, String memberId) {
        return new ClassicJoin(
                GROUP,
                memberId,
                null,
                "test",
                List.of(new ClassicJoin.Protocol("plain", bytes(client))),
                SESSION,
                REBALANCE,
                true,
                true,
                null);
    }

    private String idFor(String client) {
        return await(broker().joinClassic(REMOTE, join(client, ""))).memberId();
    }

    private ClassicJoinResult.Joined joinAlone(String client) {
        return joined(await(broker().joinClassic(REMOTE, join(client, idFor(client)))));
    }

    private static ClassicJoinResult.Joined joined(ClassicJoinResult result) {
        assertThat(result).isInstanceOf(ClassicJoinResult.Joined.class);
        return (ClassicJoinResult.Joined) result;
    }

    private static ClassicHeartbeat beatOf(ClassicJoinResult.Joined member) {
        return new ClassicHeartbeat(GROUP, member.memberId(), null, member.generation());
    }

    private static ClassicSync syncOf(ClassicJoinResult.Joined member, Map<String, String> assignments) {
        Map<String, ByteBuffer> encoded = new HashMap<>();
        assignments.forEach((id, text) -> encoded.put(id, bytes(text)));
        return new ClassicSync(GROUP, member.memberId(), null, member.generation(), "test", "plain", encoded);
    }

    private ClassicSyncResult sync(ClassicJoinResult.Joined member, Map<String, String> assignments) {
        return await(broker().syncClassic(REMOTE, syncOf(member, assignments)));
    }

    private static OffsetCommit commitOf(ClassicJoinResult.Joined member, long offset) {
        return new OffsetCommit(
                GROUP, member.memberId(), member.generation(), Map.of(t(0), CommittedOffset.of(offset)));
    }

    private void commit(ClassicJoinResult.Joined member, long offset) {
        await(broker().commitOffsets(REMOTE, commitOf(member, offset)));
    }
}
