package io.reactivemq.consume;

import org.jspecify.annotations.Nullable;

/**
 * One failure in the history of a record that was retried.
 *
 * @param number which attempt it was, from 1 on
 * @param timestampMs when it failed, in milliseconds since 1970
 * @param errorClass the class name of its error
 * @param message the error's message, cut at 256 characters; null where it had none
 */
public record FailedAttempt(
        int number,
        long timestampMs,
        String errorClass,
        @Nullable String message) {

    private static final int MESSAGE_CHARS_MAX = 256;

    public FailedAttempt {
        if (message != null && message.length() > MESSAGE_CHARS_MAX) {
            message = message.substring(0, MESSAGE_CHARS_MAX);
        }
    }

    static FailedAttempt of(int number, long timestampMs, Throwable error) {
        return new FailedAttempt(number, timestampMs, error.getClass().getName(), error.getMessage());
    }

    /** As one header holds it: number, time, class and message, a space between. */
    String toText() {
        String place = number + " " + timestampMs + " " + errorClass;
        return message == null ? place : place + " " + message;
    }

    /** The attempt that {@link #toText} wrote; null where it did not write that. */
    static @Nullable FailedAttempt parse(@Nullable String text) {
        String[] parts = text == null ? new String[0] : text.split(" ", 4);
        if (parts.length < 3) {
            return null;
        }
        try {
            return new FailedAttempt(
                    Integer.parseInt(parts[0]),
                    Long.parseLong(parts[1]),
                    parts[2],
                    parts.length == 3 ? null : parts[3]);
        } catch (NumberFormatException e) {
            return null;
        }
    }
}
