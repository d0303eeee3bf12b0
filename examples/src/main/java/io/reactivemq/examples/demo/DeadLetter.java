package io.reactivemq.examples.demo;

import io.reactivemq.Headers;
import io.reactivemq.consume.DeadLetterHeaders;
import io.reactivemq.consume.ReceiverRecord;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the dead-letter topic.
 *
 * @param source where the record came from, as {@code topic-partition@offset}
 * @param text its value, as it was sent
 * @param error the class and message of the last attempt's error
 * @param attempts how often it was attempted
 */
record DeadLetter(String source, String text, String error, int attempts) {

    static DeadLetter of(ReceiverRecord<String, String> record) {
        Headers headers = record.headers();
        String error = header(headers, DeadLetterHeaders.EXCEPTION_CLASS);
        String message = headers.lastAsString(DeadLetterHeaders.MESSAGE);
        return new DeadLetter(
                header(headers, DeadLetterHeaders.TOPIC) + "-" + header(headers, DeadLetterHeaders.PARTITION) + "@"
                        + header(headers, DeadLetterHeaders.OFFSET),
                Member.textOf(record),
                error.substring(error.lastIndexOf('.') + 1) + (message == null ? "" : ": " + message),
                Integer.parseInt(header(headers, DeadLetterHeaders.ATTEMPTS)));
    }

    private static String header(Headers headers, String name) {
        @Nullable String value = headers.lastAsString(name);
        if (value == null) {
            throw new IllegalStateException("a dead letter has no header " + name + ": " + headers);
        }
        return value;
    }
}
