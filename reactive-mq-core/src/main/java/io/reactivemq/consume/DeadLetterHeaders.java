package io.reactivemq.consume;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import java.util.ArrayList;
import java.util.List;

/**
 * The headers that a record carries in a dead-letter topic, behind its own. All values are text in UTF-8. The names are
 * those of KIP-1191 where it has one; {@link #EXCEPTION_CLASS}, {@link #TIMESTAMP} and {@link
 * #FAILED_ATTEMPT} are ours. A record that
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

    /**
     * One failed attempt: its number, its time in milliseconds since 1970, the class of its error and the message, cut at 256 characters,
     * with a space between. There is one for each, in order; {@link #history} reads them.
     */
    public static final String FAILED_ATTEMPT = "__dlq.errors.failed.attempt";

    /** How often the record was replayed ({@code DeadLetters.replay}), a decimal number; it stays with the record from then on. */
    public static final String REPLAYS = "__dlq.replays";

    private static final String OF_FAILURE = "__dlq.errors.";

    private DeadLetterHeaders() {}

    /** Whether a header of that name tells of a failure, and is not the record's own. */
    public static boolean isOfFailure(String name) {
        return name.startsWith(OF_FAILURE);
    }

    /** The failed attempts of a record in a dead-letter topic, in order. */
    public static List<FailedAttempt> history(Headers headers) {
        List<FailedAttempt> history = new ArrayList<>();
        for (Header header : headers) {
            FailedAttempt failed =
                    header.key().equals(FAILED_ATTEMPT) ? FailedAttempt.parse(header.valueAsString()) : null;
            if (failed != null) {
                history.add(failed);
            }
        }
        return history;
    }
}
