package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.nio.ByteBuffer;
import reactor.core.publisher.Mono;

/** Writing and reading the logs of partitions. */
public interface DataApi {

    /**
     * Appends record batches to a partition; the Mono completes when they are as durable as the topic's level and {@code
     * acks} ask for. Appends to one partition that are subscribed one after the other are written in that order.
     *
     * <p>The buffer's remaining bytes are one or more whole batches of Kafka's format v2. They belong to the broker from
     * the subscription until the Mono has ended; it may patch base offset and leader epoch in place. Cancelling does not
     * undo the append.
     *
     * <p>A batch with a producer id comes alone. If it repeats one of the last that the producer has appended there, by epoch and sequence
     * numbers, nothing is written, and the answer is where that one went: so it can be sent again after an error that leaves its fate open.
     *
     * @return the place of the first record; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}, {@code CORRUPT_MESSAGE},
     *     {@code INVALID_RECORD}, {@code MESSAGE_TOO_LARGE}, {@code KAFKA_STORAGE_ERROR}, and for a producer's batches {@code
     *     OUT_OF_ORDER_SEQUENCE_NUMBER}, {@code INVALID_PRODUCER_EPOCH}, {@code INVALID_TXN_STATE}
     */
    Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks);

    /**
     * Reads batches of several partitions, each from its offset on. With nothing to read the answer waits for the next
     * append, {@code maxWait} at most, and is then empty. Errors of a partition are in its part of the result, so that they
     * hold up no other. Cancelling ends the wait.
     */
    Mono<FetchResult> fetch(Caller caller, FetchRequest request);

    /** The offset of the first record, of the log's end, of the first record at or after a timestamp, or of the largest timestamp. */
    Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec);

    /** Where the records of a leader epoch end; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}. */
    Mono<EpochEnd> epochEnd(Caller caller, TopicPartition partition, int leaderEpoch);
}
