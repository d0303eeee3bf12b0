package io.reactivemq;

/** What the timestamps of a batch's records mean; a topic's {@code message.timestamp.type}. */
public enum TimestampType {
    /** The time the producer gave each record. */
    CREATE_TIME,
    /** The time the broker appended the batch, the same for all its records. */
    LOG_APPEND_TIME
}
