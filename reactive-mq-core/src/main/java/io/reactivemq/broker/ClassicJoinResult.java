package io.reactivemq.broker;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The answer to a {@link ClassicJoin}. */
public sealed interface ClassicJoinResult {

    /** The member's id. */
    String memberId();

    /**
     * The member is no member yet: it shall join again with this id ({@code MEMBER_ID_REQUIRED}).
     *
     * @param memberId the id it shall have
     */
    record MemberIdRequired(String memberId) implements ClassicJoinResult {
        public MemberIdRequired {
            Objects.requireNonNull(memberId, "memberId");
        }
    }

    /**
     * All members have joined, and a generation begins.
     *
     * @param memberId the member's id
     * @param generation the number of the generation
     * @param protocolType what the members are
     * @param protocolName the assignor that all can do and most prefer
     * @param leaderId the member that computes the assignment and brings it in its sync
     * @param skipAssignment whether the leader computes nothing, since the assignment stands
     * @param members for the leader all members, else empty
     */
    record Joined(
            String memberId,
            int generation,
            String protocolType,
            String protocolName,
            String leaderId,
            boolean skipAssignment,
            List<Member> members)
            implements ClassicJoinResult {

        public Joined {
            Objects.requireNonNull(memberId, "memberId");
            Objects.requireNonNull(protocolType, "protocolType");
            Objects.requireNonNull(protocolName, "protocolName");
            Objects.requireNonNull(leaderId, "leaderId");
            members = List.copyOf(members);
        }

        /** Whether the member leads the generation. */
        public boolean isLeader() {
            return memberId.equals(leaderId);
        }
    }

    /**
     * A member as the leader sees it.
     *
     * @param memberId its id
     * @param instanceId the id of a static member; null for a dynamic one
     * @param metadata its subscription, for the assignor that was chosen
     */
    record Member(String memberId, @Nullable String instanceId, ByteBuffer metadata) {
        public Member {
            Objects.requireNonNull(memberId, "memberId");
            metadata = Opaque.copyOf(metadata);
        }

        /** Read-only; a buffer of the caller's own each time. */
        @Override
        public ByteBuffer metadata() {
            return metadata.duplicate();
        }
    }
}
