package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GroupMembershipTest {

    private static final TopicPartition A = new TopicPartition("t", 0);
    private static final TopicPartition B = new TopicPartition("t", 1);
    private static final TopicPartition C = new TopicPartition("t", 2);
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final long SEED = Long.getLong("membership.seed", 20_260_101);
    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final List<Set<TopicPartition>> ASSIGNMENTS = List.of(
            Set.of(), Set.of(A), Set.of(B), Set.of(C), Set.of(A, B), Set.of(A, C), Set.of(B, C), Set.of(A, B, C));

    private final GroupMembership membership = new GroupMembership("g", "m", Set.of("t"), TIMEOUT);

    private static GroupHeartbeatResult answer(int epoch, @Nullable Set<TopicPartition> assignment) {
        return new GroupHeartbeatResult("m", epoch, Duration.ofSeconds(3), assignment);
    }

    /** Joins, takes those partitions and reports them. */
    private void joinAndTake(TopicPartition... partitions) {
        membership.next();
        membership.answered(answer(1, Set.of(partitions)));
        membership.next();
        membership.answered(answer(1, null));
    }

    @Test
    void theFirstHeartbeatJoins() {
        assertThat(membership.hasNews()).isTrue();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.join("g", "m", TIMEOUT, Set.of("t")));
        assertThat(membership.state()).isEqualTo(GroupMembership.State.JOINING);
    }

    @Test
    void whatIsAssignedIsTakenAndReportedAtOnceAndThenNoMore() {
        membership.next();
        GroupMembership.Change change = membership.answered(answer(4, Set.of(A, B)));

        assertThat(change.assigned()).containsExactlyInAnyOrder(A, B);
        assertThat(change.revoked()).isEmpty();
        assertThat(membership.state()).isEqualTo(GroupMembership.State.MEMBER);
        assertThat(membership.epoch()).isEqualTo(4);
        assertThat(membership.hasNews()).isTrue();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.stay("g", "m", 4, Set.of(A, B)));
        membership.answered(answer(4, null));
        assertThat(membership.hasNews()).isFalse();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.stay("g", "m", 4, null));
    }

    @Test
    void whatIsRevokedIsOwnedUntilItIsReleased() {
        joinAndTake(A, B);

        membership.next();
        GroupMembership.Change change = membership.answered(answer(1, Set.of(B)));
        assertThat(change.revoked()).containsExactly(A);
        assertThat(membership.hasNews()).isFalse();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.stay("g", "m", 1, null));
        membership.answered(answer(1, Set.of(B)));

        assertThat(membership.released(A)).isEqualTo(GroupMembership.Change.NONE);
        assertThat(membership.hasNews()).isTrue();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.stay("g", "m", 1, Set.of(B)));
        membership.answered(answer(2, Set.of(B)));
        assertThat(membership.epoch()).isEqualTo(2);
        assertThat(membership.hasNews()).isFalse();
    }

    @Test
    void aRevocationIsToldOnce() {
        joinAndTake(A, B);
        membership.next();
        membership.answered(answer(1, Set.of(B)));

        membership.next();
        assertThat(membership.answered(answer(1, Set.of(B)))).isEqualTo(GroupMembership.Change.NONE);
    }

    @Test
    void whatIsAssignedAgainWhileItIsReleasedIsTakenAnewAfterwards() {
        joinAndTake(A, B);
        membership.next();
        membership.answered(answer(1, Set.of(B)));
        membership.next();
        assertThat(membership.answered(answer(2, Set.of(A, B)))).isEqualTo(GroupMembership.Change.NONE);

        GroupMembership.Change change = membership.released(A);

        assertThat(change.assigned()).containsExactly(A);
        assertThat(membership.owned()).containsExactlyInAnyOrder(A, B);
    }

    @Test
    void aChangeWhileAHeartbeatIsUnderWayIsReportedWithTheNext() {
        joinAndTake(A, B);
        membership.next();
        membership.answered(answer(1, Set.of(B)));

        GroupHeartbeat underWay = membership.next();
        membership.released(A);
        membership.answered(answer(1, null));

        assertThat(underWay.owned()).isNull();
        assertThat(membership.hasNews()).isTrue();
        assertThat(membership.next().owned()).containsExactly(B);
    }

    @Test
    void afterALostHeartbeatTheOwnedSetIsReportedAgain() {
        joinAndTake(A);
        membership.next();
        membership.failed();

        assertThat(membership.next()).isEqualTo(GroupHeartbeat.stay("g", "m", 1, Set.of(A)));
    }

    @Test
    void whoIsFencedOwnsNothingAndJoinsAnewUnderItsId() {
        joinAndTake(A, B);
        membership.next();
        membership.fenced();

        assertThat(membership.owned()).isEmpty();
        assertThat(membership.state()).isEqualTo(GroupMembership.State.JOINING);
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.join("g", "m", TIMEOUT, Set.of("t")));
        assertThat(membership.answered(answer(9, Set.of(A))).assigned()).containsExactly(A);
        assertThat(membership.released(B)).as("of the former life").isEqualTo(GroupMembership.Change.NONE);
        assertThat(membership.owned()).containsExactly(A);
    }

    @Test
    void whoLeavesSaysSoAndTakesNothingMore() {
        joinAndTake(A);
        membership.leaving();

        assertThat(membership.hasNews()).isFalse();
        assertThat(membership.next()).isEqualTo(GroupHeartbeat.leave("g", "m"));
        assertThat(membership.answered(answer(-1, Set.of(A, B)))).isEqualTo(GroupMembership.Change.NONE);
    }

    /** Answers get lost, targets change, releases take their time; in the end everybody agrees. */
    @Test
    void endsWithItsAssignmentAfterAnyHistory() {
        for (int i = 0; i < SEQUENCES; i++) {
            long seed = SEED + i;
            try {
                randomHistory(new SplittableRandom(seed));
            } catch (AssertionError e) {
                throw new AssertionError("replay with -Dreactivemq.sequences=1 -Dmembership.seed=" + seed, e);
            }
        }
    }

    private static void randomHistory(SplittableRandom random) {
        GroupMembership member = new GroupMembership("g", "m", Set.of("t"), TIMEOUT);
        Set<TopicPartition> target = Set.of();
        Set<TopicPartition> held = new HashSet<>();
        List<TopicPartition> releasing = new ArrayList<>();
        Set<TopicPartition> brokersView = Set.of();
        int epoch = 0;
        int trouble = 5 + random.nextInt(30);
        for (int step = 0; step < trouble + 5 || member.hasNews() || !releasing.isEmpty(); step++) {
            check(step < 1_000, "comes to rest");
            boolean quiet = step >= trouble;
            if (!quiet && random.nextInt(4) == 0) {
                target = ASSIGNMENTS.get(random.nextInt(ASSIGNMENTS.size()));
            }
            if (!releasing.isEmpty() && random.nextInt(3) == 0) {
                TopicPartition released = releasing.remove(random.nextInt(releasing.size()));
                held.remove(released);
                take(member.released(released), held, releasing);
            }
            GroupHeartbeat heartbeat = member.next();
            if (heartbeat.memberEpoch() == GroupHeartbeat.JOIN) {
                epoch++;
            }
            if (heartbeat.owned() != null) {
                brokersView = heartbeat.owned();
                check(brokersView.equals(held), "reports what it holds");
            }
            switch (quiet ? 9 : random.nextInt(10)) {
                case 0 -> {
                    member.fenced();
                    held.clear();
                    releasing.clear();
                    brokersView = Set.of();
                }
                case 1, 2 -> member.failed();
                case 3 -> take(member.answered(answer(epoch, null)), held, releasing);
                default -> take(member.answered(answer(epoch, target)), held, releasing);
            }
            check(member.owned().equals(held), "owns what it was given and has not released");
        }
        check(member.owned().equals(target), "ends with its assignment");
        check(brokersView.equals(target), "and the broker knows");
    }

    private static void take(GroupMembership.Change change, Set<TopicPartition> held, List<TopicPartition> releasing) {
        check(Collections.disjoint(held, change.assigned()), "takes nothing twice");
        held.addAll(change.assigned());
        check(held.containsAll(change.revoked()), "gives back what it has");
        check(Collections.disjoint(releasing, change.revoked()), "gives nothing back twice");
        releasing.addAll(change.revoked());
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("does not hold: " + what);
        }
    }
}
