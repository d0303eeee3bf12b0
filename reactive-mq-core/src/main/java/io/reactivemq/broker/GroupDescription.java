package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A group as it is.
 *
 * @param groupId its id
 * @param type its kind
 * @param state its state
 * @param protocolType what its members are: {@code consumer} for consumers; empty where nobody has said
 * @param assignor the assignor in use, the protocol of a classic group; empty where none is chosen
 * @param groupEpoch rises with each change of members, subscriptions or topics; the generation of a classic group
 * @param assignmentEpoch the group epoch for which the target was computed; the generation of a classic group
 * @param members its members, by id
 */
public record GroupDescription(
        String groupId,
        GroupType type,
        State state,
        String protocolType,
        String assignor,
        int groupEpoch,
        int assignmentEpoch,
        List<Member> members) {

    public GroupDescription {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(protocolType, "protocolType");
        Objects.requireNonNull(assignor, "assignor");
        members = List.copyOf(members);
    }

    /** The states of both protocols. */
    public enum State {
        /** No members; its committed offsets remain. */
        EMPTY("Empty"),
        /** Classic: members are awaited that shall join the next generation. */
        PREPARING_REBALANCE("PreparingRebalance"),
        /** Classic: the generation has begun and the leader's assignment is awaited. */
        COMPLETING_REBALANCE("CompletingRebalance"),
        /** KIP-848: the target for the group's epoch is not there yet. */
        ASSIGNING("Assigning"),
        /** KIP-848: members have not all reached the group's epoch. */
        RECONCILING("Reconciling"),
        /** Every member owns what it shall own. */
        STABLE("Stable"),
        /** Not there any more. */
        DEAD("Dead");

        private final String text;

        State(String text) {
            this.text = text;
        }

        /** Kafka's text for it. */
        public String text() {
            return text;
        }
    }

    /**
     * A member of the group.
     *
     * @param memberId its id
     * @param type the protocol it speaks; in a group of KIP-848 members of the classic protocol may still be, as it is upgraded
     * @param instanceId the id of a static member; null for a dynamic one
     * @param rackId where it is; null where it does not say
     * @param clientId the name its client gave itself
     * @param host where it comes from
     * @param memberEpoch the epoch it has reached; the generation of a classic group
     * @param subscribedTopics what it subscribes to by name
     * @param subscribedTopicRegex what it subscribes to by a regular expression; null where it does not
     * @param assigned what it owns; empty in a classic group, where only the members can read it
     * @param target what it shall own; empty in a classic group
     * @param metadata its subscription in the assignor's format, in a classic group
     * @param assignment its assignment in the assignor's format, in a classic group
     */
    public record Member(
            String memberId,
            GroupType type,
            @Nullable String instanceId,
            @Nullable String rackId,
            String clientId,
            String host,
            int memberEpoch,
            Set<String> subscribedTopics,
            @Nullable String subscribedTopicRegex,
            Set<TopicPartition> assigned,
            Set<TopicPartition> target,
            ByteBuffer metadata,
            ByteBuffer assignment) {

        public Member {
            Objects.requireNonNull(memberId, "memberId");
            Objects.requireNonNull(type, "type");
            Objects.requireNonNull(clientId, "clientId");
            Objects.requireNonNull(host, "host");
            subscribedTopics = Set.copyOf(subscribedTopics);
            assigned = Set.copyOf(assigned);
            target = Set.copyOf(target);
            metadata = Opaque.copyOf(metadata);
            assignment = Opaque.copyOf(assignment);
        }

        /** Read-only; a buffer of the caller's own each time. */
        @Override
        public ByteBuffer metadata() {
            return metadata.duplicate();
        }

        /** Read-only; a buffer of the caller's own each time. */
        @Override
        public ByteBuffer assignment() {
            return assignment.duplicate();
        }
    }
}
