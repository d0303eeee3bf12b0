package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.GroupHeartbeat;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A member of a group of KIP-848. Mutable; it belongs to its {@link ConsumerGroup}.
 *
 * <p>Invariant: {@code assigned} and {@code revoking} are disjoint, and each partition in either has this member as its only
 * owner in the group.
 */
final class ConsumerMember {

    final String id;

    @Nullable String instanceId;

    @Nullable String rackId;

    String clientId = "";
    String host = "";
    Duration rebalanceTimeout = Duration.ofMinutes(5);
    Set<String> topics = Set.of();

    /** Empty where it subscribes by names only. */
    String regex = "";

    @Nullable String assignor;

    /** Where it speaks the classic protocol, as the group is being upgraded. */
    @Nullable Classic classic;

    int epoch;
    int previousEpoch;

    /** What the member may read. */
    final Set<TopicPartition> assigned = new TreeSet<>();

    /** What the member was told to release and has not reported as released. */
    final Set<TopicPartition> revoking = new TreeSet<>();

    /**
     * Of {@link #revoking}, what belongs to topics that were deleted, with the ids of those, by which it is recorded: the offsets that the member has of
     * them mean nothing in a topic that is made anew under the name.
     */
    final Map<TopicPartition, UUID> gone = new TreeMap<>();

    /**
     * Its record tells of partitions of topics that are not there any more: it has yet to release them, under names that another topic may have by now. So it
     * has to join anew. Known from records only.
     */
    boolean isLeftBehind;

    /** What it may read has changed other than by its own heartbeat, whose answer would say so. Not recorded. */
    boolean untold;

    Timers.@Nullable Timer session;

    /** Runs while it shall release partitions, or join again. */
    Timers.@Nullable Timer rebalance;

    ConsumerMember(String id) {
        this.id = id;
    }

    boolean isAway() {
        return epoch == GroupHeartbeat.LEAVE_FOR_A_WHILE;
    }

    void cancelTimers() {
        if (session != null) {
            session.cancel();
        }
        if (rebalance != null) {
            rebalance.cancel();
        }
    }

    /**
     * What the group knows of a member that speaks the classic protocol.
     *
     * @param sessionTimeout its own
     * @param protocols the assignors it can do, with its subscription in the format of each
     */
    record Classic(Duration sessionTimeout, List<ClassicJoin.Protocol> protocols) {
        Classic {
            protocols = List.copyOf(protocols);
        }
    }
}
