package io.reactivemq.broker;

/** The kinds of groups. Ids are one name space: a group of one kind takes no member of another while it has members. */
public enum GroupType {
    /** Members join and sync, one of them computes the assignment. */
    CLASSIC("classic"),
    /** KIP-848: the broker computes the assignment, members learn theirs in heartbeats. */
    CONSUMER("consumer");

    private final String text;

    GroupType(String text) {
        this.text = text;
    }

    /** Kafka's text for it. */
    public String text() {
        return text;
    }
}
