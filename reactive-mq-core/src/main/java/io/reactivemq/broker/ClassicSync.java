package io.reactivemq.broker;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A member asks for its assignment in a new generation; the leader brings those of all (SyncGroup).
 *
 * @param groupId the group
 * @param memberId the member
 * @param instanceId the id of a static member; null for a dynamic one
 * @param generation the generation as the join was answered
 * @param protocolType as the join was answered; null where the client does not say
 * @param protocolName as the join was answered; null where the client does not say
 * @param assignments from the leader: the assignment of each member by its id, in the assignor's own format; copied
 */
public record ClassicSync(
        String groupId,
        String memberId,
        @Nullable String instanceId,
        int generation,
        @Nullable String protocolType,
        @Nullable String protocolName,
        Map<String, ByteBuffer> assignments) {

    public ClassicSync {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(memberId, "memberId");
        Map<String, ByteBuffer> copies = new HashMap<>();
        assignments.forEach((member, assignment) -> copies.put(member, Opaque.copyOf(assignment)));
        assignments = Map.copyOf(copies);
    }
}
