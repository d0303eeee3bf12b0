package io.reactivemq.consume;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The headers of a record in a retry topic, besides its failures so far ({@link DeadLetterHeaders#FAILED_ATTEMPT}): when it is due, and
 * where it was first.
 */
final class RetryHeaders {

    /** Milliseconds since 1970, a decimal number. */
    static final String DUE = "__retry.due";

    static final String TOPIC = "__retry.topic";
    static final String PARTITION = "__retry.partition";
    static final String OFFSET = "__retry.offset";
    static final String TIMESTAMP = "__retry.timestamp";

    /** How often it was attempted so far, a decimal number. */
    static final String ATTEMPTS = "__retry.attempts";

    /** More is nobody's retry. */
    private static final int ATTEMPTS_MAX = 1_000_000;

    /** Of a record's way through retry topics; they don't go on into the dead-letter topic. */
    private static final String PREFIX = "__retry.";

    private RetryHeaders() {}

    /**
     * Where and when a record was first.
     *
     * @param partition its partition
     * @param offset its offset there
     * @param timestampMs its timestamp there
     */
    record Origin(TopicPartition partition, long offset, long timestampMs) {}

    /** Where the record was first, if it has come through a retry topic; else null. Anybody can write such headers: what is no partition is none. */
    static @Nullable Origin origin(Headers headers) {
        String topic = headers.lastAsString(TOPIC);
        long partition = number(headers, PARTITION);
        return topic == null || topic.isBlank() || partition < 0 || partition > Integer.MAX_VALUE
                ? null
                : new Origin(
                        new TopicPartition(topic, (int) partition),
                        number(headers, OFFSET),
                        number(headers, TIMESTAMP));
    }

    /** When the record is due, in milliseconds since 1970; 0 for one that is in no retry topic. */
    static long due(Headers headers) {
        return headers.isEmpty() ? 0 : number(headers, DUE);
    }

    private static long number(Headers headers, String name) {
        String text = headers.lastAsString(name);
        if (text == null) {
            return 0;
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** How often it was attempted in the topics it comes from. */
    static int attempts(Headers headers) {
        return (int) Math.max(0, Math.min(ATTEMPTS_MAX, number(headers, ATTEMPTS)));
    }

    /** The headers without those of the way through retry topics. */
    static List<Header> withoutWay(Headers headers) {
        List<Header> own = new ArrayList<>(headers.size() + 16);
        for (Header header : headers) {
            if (!header.key().startsWith(PREFIX)) {
                own.add(header);
            }
        }
        return own;
    }
}
