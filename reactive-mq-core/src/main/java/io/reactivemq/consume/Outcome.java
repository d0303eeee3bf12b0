package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * How the processing of one record ended. Either way the record is acknowledged.
 *
 * @param partition the record's partition
 * @param offset its offset
 * @param status how it ended
 * @param attempts how often the handler ran, for a record from a retry topic since its first attempt; 0 where the record's bytes could not be deserialized
 * @param error the last attempt's error; null where it was processed
 */
public record Outcome(
        TopicPartition partition,
        long offset,
        Status status,
        int attempts,
        @Nullable Throwable error) {

    /** The ends that a record can come to. */
    public enum Status {
        /** The handler's publisher completed. */
        PROCESSED,
        /** Every attempt failed, or one with an error that is not worth another, and the record is durable in the dead-letter topic. */
        DEAD_LETTERED,
        /** Every attempt in place failed, and the record is durable in a retry topic, where it is attempted again later. */
        RETRY_LATER
    }
}
