package io.reactivemq.broker;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A member joins a group of the classic protocol, or joins again as the group rebalances (JoinGroup).
 *
 * @param groupId the group
 * @param memberId the member's id as the broker gave it; empty where it has none yet
 * @param instanceId the id of a static member, {@code group.instance.id}; null for a dynamic one
 * @param protocolType what the members are, the same for all: {@code consumer} for consumers
 * @param protocols the assignors the member can do, the one it prefers first, each with the member's subscription in that assignor's
 *     own format
 * @param sessionTimeout the member is removed when it sends no heartbeat for that long
 * @param rebalanceTimeout how long a rebalance waits for it to join again
 * @param requiresMemberId whether a new dynamic member is first told its id and joins with that (JoinGroup from version 4 on), so that
 *     one that repeats itself leaves no ghosts behind
 * @param maySkipAssignment whether it understands that it leads and computes nothing, since the assignment stands (from version 9 on)
 * @param reason why it joins, for the log; null where it does not say
 */
public record ClassicJoin(
        String groupId,
        String memberId,
        @Nullable String instanceId,
        String protocolType,
        List<Protocol> protocols,
        Duration sessionTimeout,
        Duration rebalanceTimeout,
        boolean requiresMemberId,
        boolean maySkipAssignment,
        @Nullable String reason) {

    public ClassicJoin {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        Objects.requireNonNull(protocolType, "protocolType");
        Objects.requireNonNull(sessionTimeout, "sessionTimeout");
        Objects.requireNonNull(rebalanceTimeout, "rebalanceTimeout");
        protocols = List.copyOf(protocols);
    }

    /** A dynamic member of consumers that joins by what today's clients send. */
    public static ClassicJoin of(String groupId, String memberId, List<Protocol> protocols) {
        return new ClassicJoin(
                groupId,
                memberId,
                null,
                "consumer",
                protocols,
                Duration.ofSeconds(45),
                Duration.ofMinutes(5),
                true,
                true,
                null);
    }

    /** The same of a static member. */
    public ClassicJoin withInstanceId(String instance) {
        return new ClassicJoin(
                groupId,
                memberId,
                instance,
                protocolType,
                protocols,
                sessionTimeout,
                rebalanceTimeout,
                requiresMemberId,
                maySkipAssignment,
                reason);
    }

    /**
     * An assignor that the member can do.
     *
     * @param name its name
     * @param metadata the member's subscription in its format; copied
     */
    public record Protocol(String name, ByteBuffer metadata) {
        public Protocol {
            Objects.requireNonNull(name, "name");
            metadata = Opaque.copyOf(metadata);
        }

        /** Read-only; a buffer of the caller's own each time. */
        @Override
        public ByteBuffer metadata() {
            return metadata.duplicate();
        }
    }
}
