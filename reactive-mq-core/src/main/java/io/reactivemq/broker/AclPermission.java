package io.reactivemq.broker;

/** Whether an ACL allows or denies, with Kafka's numbers. One that denies counts more than all that allow. */
public enum AclPermission {
    DENY(2),
    ALLOW(3);

    private final byte code;

    AclPermission(int code) {
        this.code = (byte) code;
    }

    /** Kafka's number of it. */
    public byte code() {
        return code;
    }
}
