package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.List;
import java.util.Set;

/**
 * A group as it is.
 *
 * @param groupId its id
 * @param state its state
 * @param groupEpoch rises with each change of members, subscriptions or topics
 * @param members its members, by id
 */
public record GroupDescription(String groupId, State state, int groupEpoch, List<Member> members) {

    public GroupDescription {
        members = List.copyOf(members);
    }

    /** The states of KIP-848. */
    public enum State {
        /** No members; its committed offsets remain. */
        EMPTY,
        /** Members have not all reached the group's epoch. */
        RECONCILING,
        /** Every member owns what it shall own. */
        STABLE
    }

    /**
     * A member of the group.
     *
     * @param memberId its id
     * @param clientId the name its client gave itself
     * @param host where it is
     * @param memberEpoch the epoch it has reached
     * @param assigned what it owns
     */
    public record Member(String memberId, String clientId, String host, int memberEpoch, Set<TopicPartition> assigned) {
        public Member {
            assigned = Set.copyOf(assigned);
        }
    }
}
