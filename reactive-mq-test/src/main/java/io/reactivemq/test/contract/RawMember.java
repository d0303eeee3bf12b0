package io.reactivemq.test.contract;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.OffsetCommit;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A group member driven request by request, for what a Receiver would never do. */
final class RawMember {

    private final EngineFixture engine;
    private final Broker broker;
    private final String group;
    private final String id;

    private int epoch;
    private Set<TopicPartition> owned = Set.of();
    private Set<TopicPartition> target = Set.of();

    RawMember(EngineFixture engine, Broker broker, String group, String id) {
        this.engine = engine;
        this.broker = broker;
        this.group = group;
        this.id = id;
    }

    GroupHeartbeatResult join(String... topics) {
        owned = Set.of();
        target = Set.of();
        return take(GroupHeartbeat.join(group, id, engine.groupSessionTimeout().multipliedBy(2), Set.of(topics)));
    }

    GroupHeartbeatResult joinWith(String assignor, String... topics) {
        owned = Set.of();
        target = Set.of();
        return take(GroupHeartbeat.join(group, id, engine.groupSessionTimeout().multipliedBy(2), Set.of(topics))
                .withAssignor(assignor));
    }

    /** Says that nothing has changed on this side. */
    GroupHeartbeatResult beat() {
        return take(GroupHeartbeat.stay(group, id, epoch, null));
    }

    /** Releases what is no longer the member's, takes what is, and reports both. */
    GroupHeartbeatResult reconcile() {
        owned = target;
        return take(GroupHeartbeat.stay(group, id, epoch, owned));
    }

    void leave() {
        engine.await(broker.heartbeat(EngineContract.CALLER, GroupHeartbeat.leave(group, id)));
    }

    void commit(TopicPartition partition, long offset) {
        engine.await(broker.commitOffsets(
                EngineContract.CALLER,
                new OffsetCommit(group, id, epoch, Map.of(partition, CommittedOffset.of(offset)))));
    }

    private GroupHeartbeatResult take(GroupHeartbeat heartbeat) {
        GroupHeartbeatResult result = engine.await(broker.heartbeat(EngineContract.CALLER, heartbeat));
        epoch = result.memberEpoch();
        Set<TopicPartition> assignment = result.assignment();
        if (assignment != null) {
            target = assignment;
        }
        return result;
    }

    int epoch() {
        return epoch;
    }

    /** What the broker last said that the member shall own. */
    Set<TopicPartition> target() {
        return new TreeSet<>(target);
    }
}
