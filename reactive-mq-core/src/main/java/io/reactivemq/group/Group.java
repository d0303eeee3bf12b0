package io.reactivemq.group;

import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupType;

/** A group that has members or had some; one that has committed offsets only is none. Ids are one name space for all kinds. */
sealed interface Group permits ClassicGroup, ConsumerGroup {

    String id();

    GroupType type();

    GroupDescription.State state();

    /** What its members are; empty where nobody has said. */
    String protocolType();

    boolean hasMembers();

    /** Whether a member subscribes to the topic, as far as anybody can know. */
    boolean hasSubscriber(String topic);

    /** Since when it has had no members, in milliseconds since 1970; 0 where that is not known. */
    long emptySinceMs();

    GroupDescription describe();

    /** Writes what removes it. */
    void writeTombstones(Step step);

    /** Its timers ring no more. */
    void cancelTimers();
}
