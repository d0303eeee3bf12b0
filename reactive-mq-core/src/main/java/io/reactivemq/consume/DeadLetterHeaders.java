package io.reactivemq.consume;

/**
 * The headers that a record carries in a dead-letter topic, behind its own. All values are text in UTF-8. The names are
 * those of KIP-1191 where it has one; {@link #EXCEPTION_CLASS} and {@link #TIMESTAMP} are ours. A record that
 * was dead-lettered more than once carries them more than once, and the last one counts ({@link
 * io.reactivemq.Headers#lastAsString}).
 */
public final class DeadLetterHeaders {

    /** The topic it comes from. */
    public static final String TOPIC = "__dlq.errors.topic";

    /** The partition it comes from, a decimal number. */
    public static final String PARTITION = "__dlq.errors.partition";

    /** Its offset there, a decimal number. */
    public static final String OFFSET = "__dlq.errors.offset";

    /** Its timestamp there in milliseconds since 1970; in the dead-letter topic it has the time of its move. */
    public static final String TIMESTAMP = "__dlq.errors.timestamp";

    /** The group whose member failed; absent without a group. */
    public static final String GROUP = "__dlq.errors.group";

    /** How often it was attempted, a decimal number from 1 on. */
    public static final String ATTEMPTS = "__dlq.errors.delivery.count";

    /** The class name of the last attempt's error. */
    public static final String EXCEPTION_CLASS = "__dlq.errors.exception.class.name";

    /** The message of the last attempt's error, cut at 1,024 characters; absent where it had none. */
    public static final String MESSAGE = "__dlq.errors.message";

    private DeadLetterHeaders() {}
}
