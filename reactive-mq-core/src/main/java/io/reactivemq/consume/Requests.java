package io.reactivemq.consume;

import io.reactivemq.MqException;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/** What is done about requests that failed. */
final class Requests {

    private Requests() {}

    /** Whether the same request may succeed later. An answer that did not come in time may come the next time. */
    static boolean isRetriable(Throwable error) {
        return error instanceof TimeoutException || (error instanceof MqException mq && mq.isRetriable());
    }

    /** The first failure of a row is a warning; those that follow it are details. */
    static void logRetry(Logger log, String what, int failures, Duration wait, @Nullable Throwable error) {
        String why = error == null ? "not all of the answer" : error.toString();
        if (failures == 1) {
            log.warn("{} failed, trying again in {}: {}", what, wait, why);
        } else {
            log.debug("{} failed {} times, trying again in {}: {}", what, failures, wait, why);
        }
    }

    /** The error of a subscriber that asks for nothing or less. */
    static IllegalArgumentException notPositive(long n) {
        return new IllegalArgumentException(
                "request(" + n + "): demand must be positive (Reactive Streams 1.0.4, rule 3.9)");
    }
}
