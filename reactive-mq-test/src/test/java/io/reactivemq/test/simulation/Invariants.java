package io.reactivemq.test.simulation;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.test.SimulatedRuntime;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import reactor.core.publisher.Mono;

/**
 * Rules that a broker keeps at every moment, whatever is killed. What it has told once stays: none of the numbers that are looked at goes back, in any of its lives.
 */
final class Invariants {

    private static final Caller CALLER = Caller.embedded("world");

    private final SimulatedRuntime runtime;
    private final List<TopicPartition> partitions;
    private final boolean offsetsRise;
    private final Map<TopicPartition, Watermarks> watermarks = new HashMap<>();
    private final Map<String, Integer> epochs = new HashMap<>();
    private final Map<String, Map<TopicPartition, Long>> committed = new HashMap<>();

    /** @param offsetsRise whether no member goes back to an earlier record, so that no group's committed offset does */
    Invariants(SimulatedRuntime runtime, List<TopicPartition> partitions, boolean offsetsRise) {
        this.runtime = runtime;
        this.partitions = partitions;
        this.offsetsRise = offsetsRise;
    }

    /** Throws {@link World.Broken} where one does not hold. */
    void check(Broker broker, Collection<String> groups) {
        checkWatermarks(broker);
        for (String group : groups) {
            GroupDescription description = runtime.await(broker.describeGroup(CALLER, group)
                    .onErrorResume(
                            MqException.class,
                            failure -> failure.errorCode() == ErrorCode.GROUP_ID_NOT_FOUND
                                    ? Mono.empty()
                                    : Mono.error(failure)));
            if (description != null) {
                checkMembers(description);
                checkOffsets(broker, group);
            }
        }
    }

    /**
     * Of a partition, in their order.
     *
     * @param begin the log start offset
     * @param stable the last stable offset
     * @param end the high watermark
     */
    private record Watermarks(long begin, long stable, long end) {}

    private void checkWatermarks(Broker broker) {
        for (TopicPartition partition : partitions) {
            long end = offset(broker, partition, OffsetSpec.latest());
            long stable = offset(broker, partition, OffsetSpec.latestStable());
            long begin = offset(broker, partition, OffsetSpec.earliest());
            Watermarks now = new Watermarks(begin, stable, end);
            Watermarks before = watermarks.getOrDefault(partition, new Watermarks(0, 0, 0));
            if (begin > stable || stable > end || begin < before.begin || stable < before.stable || end < before.end) {
                throw new World.Broken(partition + ": " + now + ", before " + before);
            }
            watermarks.put(partition, now);
        }
    }

    private long offset(Broker broker, TopicPartition partition, OffsetSpec spec) {
        return runtime.<Long>await(broker.listOffset(CALLER, partition, spec));
    }

    private void checkMembers(GroupDescription group) {
        int epoch = group.groupEpoch();
        if (epoch < epochs.getOrDefault(group.groupId(), 0)) {
            throw new World.Broken(group.groupId() + ": epoch " + epoch + ", before " + epochs.get(group.groupId()));
        }
        epochs.put(group.groupId(), epoch);
        for (GroupDescription.Member member : group.members()) {
            if (member.memberEpoch() > epoch) {
                throw new World.Broken(group.groupId() + ": its epoch is " + epoch + ", " + member.clientId()
                        + " has reached " + member.memberEpoch());
            }
        }
        checkOneOwner(group, "owned", GroupDescription.Member::assigned);
        checkOneOwner(group, "meant", GroupDescription.Member::target);
    }

    private static void checkOneOwner(
            GroupDescription group, String how, Function<GroupDescription.Member, Set<TopicPartition>> partitionsOf) {
        Map<TopicPartition, String> owners = new HashMap<>();
        for (GroupDescription.Member member : group.members()) {
            for (TopicPartition partition : partitionsOf.apply(member)) {
                String other = owners.put(partition, member.clientId());
                if (other != null) {
                    throw new World.Broken(group.groupId() + ": " + partition + " is " + how + " by " + other
                            + " and by " + member.clientId());
                }
            }
        }
    }

    private void checkOffsets(Broker broker, String group) {
        Map<TopicPartition, Long> now = new TreeMap<>();
        runtime.await(broker.fetchOffsets(CALLER, OffsetFetch.all(group)))
                .forEach((partition, offset) -> now.put(partition, offset.offset()));
        now.keySet().retainAll(partitions);
        Map<TopicPartition, Long> before = committed.put(group, now);
        now.forEach((partition, offset) -> {
            // looked up behind the commit: the world goes on while it is asked
            long end = offset(broker, partition, OffsetSpec.latest());
            if (offset > end) {
                throw new World.Broken(
                        group + " has committed " + offset + " of " + partition + ", whose end is " + end);
            }
        });
        if (before != null && offsetsRise) {
            before.forEach((partition, offset) -> {
                long then = now.getOrDefault(partition, -1L);
                if (then < offset) {
                    throw new World.Broken(
                            group + " has committed " + then + " of " + partition + ", before " + offset);
                }
            });
        }
    }
}
