package io.reactivemq.broker;

/** What is done to a resource, with Kafka's numbers. */
public enum AclOperation {
    /** Each of the others. */
    ALL(2),
    READ(3),
    WRITE(4),
    CREATE(5),
    DELETE(6),
    ALTER(7),
    DESCRIBE(8),
    CLUSTER_ACTION(9),
    DESCRIBE_CONFIGS(10),
    ALTER_CONFIGS(11),
    IDEMPOTENT_WRITE(12),
    CREATE_TOKENS(13),
    DESCRIBE_TOKENS(14),
    TWO_PHASE_COMMIT(15);

    private final byte code;

    AclOperation(int code) {
        this.code = (byte) code;
    }

    /** Kafka's number of it. */
    public byte code() {
        return code;
    }

    /** Whether who is allowed this is allowed the other too: to read, write, delete or alter implies to describe. */
    public boolean implies(AclOperation other) {
        if (this == other || this == ALL) {
            return true;
        }
        return switch (other) {
            case DESCRIBE -> this == READ || this == WRITE || this == DELETE || this == ALTER;
            case DESCRIBE_CONFIGS -> this == ALTER_CONFIGS;
            default -> false;
        };
    }
}
