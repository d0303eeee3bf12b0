package io.reactivemq.produce;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * What became of a record: where it went, as durable as the topic's level and the sender's {@link io.reactivemq.broker.Acks} ask for, or why it was not sent. {@link #error}
 * tells which; of a record that failed the other methods throw that error, so that nobody takes it for a sent one.
 *
 * @param record the record as it was sent
 * @param partition the partition it is in
 * @param offset its offset there; -1 with {@link io.reactivemq.broker.Acks#NONE}
 * @param timestampMs its timestamp in the log: the time of the append where the topic says so, else its create time
 * @param error why it failed; null: it was sent
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public record SenderResult<K, V>(
        SenderRecord<K, V> record,
        @Nullable TopicPartition partition,
        long offset,
        long timestampMs,
        @Nullable MqException error) {

    /** Of a record that was sent. */
    static <K, V> SenderResult<K, V> sent(
            SenderRecord<K, V> record, TopicPartition partition, long offset, long timestampMs) {
        return new SenderResult<>(record, partition, offset, timestampMs, null);
    }

    /** Of a record that was not sent; or, after {@code REQUEST_TIMED_OUT}, of one that may be in the log or not. */
    static <K, V> SenderResult<K, V> failed(SenderRecord<K, V> record, MqException error) {
        return new SenderResult<>(record, null, -1, -1, error);
    }

    /** Whether the record failed. */
    public boolean isFailed() {
        return error != null;
    }

    @Override
    public TopicPartition partition() {
        TopicPartition there = partition;
        if (there == null) {
            throw error != null ? error : new IllegalStateException("a result without partition and without error");
        }
        return there;
    }

    @Override
    public long offset() {
        requireSent();
        return offset;
    }

    @Override
    public long timestampMs() {
        requireSent();
        return timestampMs;
    }

    private void requireSent() {
        if (error != null) {
            throw error;
        }
    }
}
