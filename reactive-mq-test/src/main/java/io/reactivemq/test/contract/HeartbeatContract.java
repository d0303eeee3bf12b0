package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.OffsetCommit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Members of a group heartbeat by heartbeat: who gets what when, and who is refused. */
@DisplayName("heartbeats")
public abstract class HeartbeatContract extends GroupSupport {

    @Test
    void a_member_that_comes_back_after_its_session_joins_anew_and_goes_on() {
        topic("t", 1);
        RawMember lost = raw("lost");
        lost.join("t");
        lost.reconcile();
        engine().elapse(engine().groupSessionTimeout().multipliedBy(3).dividedBy(2));

        assertCode(catchThrowable(lost::beat), ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH);
        lost.join("t");
        assertThat(lost.target()).containsExactly(new TopicPartition("t", 0));
    }

    @Test
    @DisplayName("K17 a commit of a member whose session has passed is refused and harms nobody")
    void late_commit_is_refused() {
        topic("t", 1);
        TopicPartition p0 = new TopicPartition("t", 0);
        RawMember old = raw("old");
        old.join("t");
        old.reconcile();
        old.commit(p0, 3);
        engine().elapse(engine().groupSessionTimeout().multipliedBy(3).dividedBy(2));
        RawMember heir = raw("heir");
        heir.join("t");
        heir.reconcile();
        heir.commit(p0, 8);

        assertCode(
                catchThrowable(() -> old.commit(p0, 5)),
                ErrorCode.UNKNOWN_MEMBER_ID,
                ErrorCode.STALE_MEMBER_EPOCH,
                ErrorCode.FENCED_MEMBER_EPOCH);

        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(8);
        heir.commit(p0, 9);
        assertThat(sum(committed(GROUP, "t", 1))).isEqualTo(9);
    }

    @Test
    @DisplayName("K17 a commit with an older epoch of the member itself is refused")
    void stale_epoch_is_refused() {
        topic("t", 2);
        TopicPartition p0 = new TopicPartition("t", 0);
        RawMember member = raw("m");
        member.join("t");
        member.reconcile();
        int oldEpoch = member.epoch();
        RawMember other = raw("other");
        other.join("t");
        settle(member, other);
        assertThat(member.epoch()).isGreaterThan(oldEpoch);

        assertFails(
                broker().commitOffsets(
                                CALLER, new OffsetCommit(GROUP, "m", oldEpoch, Map.of(p0, CommittedOffset.of(5)))),
                ErrorCode.STALE_MEMBER_EPOCH);
        assertFails(
                broker().commitOffsets(CALLER, OffsetCommit.admin(GROUP, Map.of(p0, CommittedOffset.of(5)))),
                ErrorCode.UNKNOWN_MEMBER_ID,
                ErrorCode.STALE_MEMBER_EPOCH);
        assertThat(committed(GROUP, "t", 2)).isEmpty();
    }

    @Test
    void a_partition_is_given_away_only_after_its_owner_has_released_it() {
        topic("t", 4);
        RawMember owner = raw("owner");
        owner.join("t");
        owner.reconcile();
        assertThat(owner.target()).hasSize(4);

        RawMember heir = raw("heir");
        heir.join("t");
        heir.beat();
        assertThat(heir.target()).isEmpty();
        owner.beat();
        assertThat(owner.target()).hasSize(2);
        heir.beat();
        assertThat(heir.target())
                .as("the owner was told, and has not released yet")
                .isEmpty();
        settle(owner, heir);

        assertThat(heir.target()).hasSize(2).doesNotContainAnyElementsOf(owner.target());
    }

    @Test
    void an_owner_that_does_not_release_in_time_is_removed() {
        topic("t", 2);
        RawMember stubborn = raw("stubborn");
        stubborn.join("t");
        stubborn.reconcile();
        RawMember heir = raw("heir");
        heir.join("t");
        List<Throwable> errors = new ArrayList<>();

        Duration step = engine().groupSessionTimeout().dividedBy(4);
        for (int i = 0; i < 200 && heir.target().size() < 2; i++) {
            engine().elapse(step);
            heir.reconcile();
            Throwable error = catchThrowable(stubborn::beat);
            if (error != null) {
                errors.add(error);
            }
        }

        assertThat(heir.target()).hasSize(2);
        assertThat(errors).isNotEmpty();
        assertCode(errors.get(0), ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH);
    }

    @Test
    void the_range_assignment_gives_each_member_neighbours() {
        topic("t", 5);
        RawMember a = raw("a");
        RawMember b = raw("b");
        a.joinWith("range", "t");
        b.joinWith("range", "t");
        settle(a, b);

        assertThat(List.of(a.target(), b.target())).containsExactly(partitions("t", 0, 1, 2), partitions("t", 3, 4));
    }

    @Test
    void a_heartbeat_of_nobody_or_with_a_wrong_epoch_or_group_is_refused() {
        topic("t", 1);
        RawMember member = raw("m");
        member.join("t");

        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.stay(GROUP, "nobody", 1, null)), ErrorCode.UNKNOWN_MEMBER_ID);
        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.stay(GROUP, "m", member.epoch() + 7, null)),
                ErrorCode.FENCED_MEMBER_EPOCH);
        assertFails(
                broker().heartbeat(CALLER, GroupHeartbeat.join("", "m", Duration.ofSeconds(5), Set.of("t"))),
                ErrorCode.INVALID_GROUP_ID,
                ErrorCode.INVALID_REQUEST);
        assertFails(
                broker().heartbeat(
                                CALLER,
                                new GroupHeartbeat(
                                        GROUP,
                                        "n",
                                        GroupHeartbeat.JOIN,
                                        Duration.ofSeconds(5),
                                        Set.of("t"),
                                        "best",
                                        Set.of())),
                ErrorCode.UNSUPPORTED_ASSIGNOR);
        member.beat();
    }
}
