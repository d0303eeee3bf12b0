package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.testing.ScriptedBroker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** The broker's side of a group with one member: it assigns what the test says. */
final class ScriptedGroup {

    static final Duration INTERVAL = Duration.ofSeconds(3);

    private final ScriptedBroker broker;
    private final Deque<Mono<GroupHeartbeatResult>> planned = new ArrayDeque<>();
    private Set<TopicPartition> target;
    private @Nullable Set<TopicPartition> told;
    private int epoch;

    ScriptedGroup(ScriptedBroker broker, TopicPartition... target) {
        this.broker = broker;
        this.target = Set.of(target);
        broker.onHeartbeat(this::answer);
    }

    /** The member learns of it with its next heartbeat, under a new epoch. */
    void assign(TopicPartition... partitions) {
        target = Set.of(partitions);
        epoch++;
    }

    /** The next heartbeat fails like this. */
    void fail(ErrorCode code) {
        planned.add(Mono.error(new MqException(code, "as the test says")));
    }

    /** The next heartbeat is not answered. */
    void loseAnswer() {
        planned.add(Mono.never());
    }

    private Mono<GroupHeartbeatResult> answer(GroupHeartbeat heartbeat) {
        Mono<GroupHeartbeatResult> special = planned.poll();
        if (special != null) {
            return special;
        }
        if (heartbeat.memberEpoch() == GroupHeartbeat.LEAVE) {
            return Mono.just(new GroupHeartbeatResult(heartbeat.memberId(), GroupHeartbeat.LEAVE, INTERVAL, null));
        }
        if (heartbeat.memberEpoch() == GroupHeartbeat.JOIN) {
            epoch++;
            told = null;
        }
        Set<TopicPartition> news = target.equals(told) ? null : target;
        told = target;
        return Mono.just(new GroupHeartbeatResult(heartbeat.memberId(), epoch, INTERVAL, news));
    }

    GroupHeartbeat last() {
        List<GroupHeartbeat> all = broker.heartbeats();
        return all.get(all.size() - 1);
    }

    int epoch() {
        return epoch;
    }
}
