package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a {@link ClassicLeave}.
 *
 * @param members what became of each, in the order of the request
 */
public record ClassicLeaveResult(List<Member> members) {

    public ClassicLeaveResult {
        members = List.copyOf(members);
    }

    /**
     * What became of one.
     *
     * @param memberId as the request named it
     * @param instanceId as the request named it
     * @param error why it has not left: {@code UNKNOWN_MEMBER_ID}, {@code FENCED_INSTANCE_ID}; null where it has
     */
    public record Member(
            String memberId,
            @Nullable String instanceId,
            @Nullable ErrorCode error) {
        public Member {
            Objects.requireNonNull(memberId, "memberId");
        }
    }
}
