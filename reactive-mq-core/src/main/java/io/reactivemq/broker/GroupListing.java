package io.reactivemq.broker;

import java.util.Objects;

/**
 * A group in a list of groups.
 *
 * @param groupId its id
 * @param type its kind
 * @param state its state
 * @param protocolType what its members are: {@code consumer} for consumers; empty where nobody has said
 */
public record GroupListing(String groupId, GroupType type, GroupDescription.State state, String protocolType) {

    public GroupListing {
        Objects.requireNonNull(groupId, "groupId");
        Objects.requireNonNull(type, "type");
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(protocolType, "protocolType");
    }
}
