package io.reactivemq.broker;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Members leave a group (LeaveGroup), or are removed from it by an operator.
 *
 * @param groupId the group
 * @param members who leaves, at least one
 */
public record ClassicLeave(String groupId, List<Member> members) {

    public ClassicLeave {
        Objects.requireNonNull(groupId, "groupId");
        members = List.copyOf(members);
    }

    /** One dynamic member. */
    public static ClassicLeave of(String groupId, String memberId) {
        return new ClassicLeave(groupId, List.of(new Member(memberId, null, null)));
    }

    /**
     * Who leaves.
     *
     * @param memberId its id; may be empty where the instance says who it is
     * @param instanceId the id of a static member; null for a dynamic one
     * @param reason why, for the log; null where nobody says
     */
    public record Member(
            String memberId,
            @Nullable String instanceId,
            @Nullable String reason) {
        public Member {
            Objects.requireNonNull(memberId, "memberId");
        }
    }
}
