package io.reactivemq.broker;

/** What an ACL is about, with Kafka's numbers. */
public enum ResourceType {
    TOPIC(2),
    GROUP(3),
    CLUSTER(4),
    TRANSACTIONAL_ID(5),
    DELEGATION_TOKEN(6),
    USER(7);

    private final byte code;

    ResourceType(int code) {
        this.code = (byte) code;
    }

    /** Kafka's number of it. */
    public byte code() {
        return code;
    }
}
