package io.reactivemq.broker;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A sign of life of a member of the classic protocol (Heartbeat).
 *
 * @param groupId the group
 * @param memberId the member
 * @param instanceId the id of a static member; null for a dynamic one
 * @param generation the generation it is in
 */
public record ClassicHeartbeat(
        String groupId, String memberId, @Nullable String instanceId, int generation) {

    public ClassicHeartbeat {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
    }
}
