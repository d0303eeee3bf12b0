package io.reactivemq.produce;

import io.reactivemq.Headers;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A record to be sent.
 *
 * @param topic the topic's name, not blank
 * @param partition the partition it must go to, 0 or more; null: the {@link Partitioner} decides
 * @param timestampMs its create time in milliseconds since 1970, 0 or more; null: the time at which it is sent
 * @param key its key; null for none
 * @param value its value; null is a tombstone where the topic is compacted
 * @param headers its headers
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public record SenderRecord<K, V>(
        String topic,
        @Nullable Integer partition,
        @Nullable Long timestampMs,
        @Nullable K key,
        @Nullable V value,
        Headers headers) {

    public SenderRecord {
        Objects.requireNonNull(topic, "topic");
        Objects.requireNonNull(headers, "headers");
        if (topic.isBlank()) {
            throw new IllegalArgumentException("the topic of a record must not be blank");
        }
        if (partition != null && partition < 0) {
            throw new IllegalArgumentException(
                    "the partition of a record to " + topic + " must be 0 or more, was " + partition);
        }
        if (timestampMs != null && timestampMs < 0) {
            throw new IllegalArgumentException(
                    "the timestamp of a record to " + topic + " must be 0 or more, was " + timestampMs);
        }
    }

    /** A record with a key. */
    public static <K, V> SenderRecord<K, V> of(String topic, @Nullable K key, @Nullable V value) {
        return new SenderRecord<>(topic, null, null, key, value, Headers.empty());
    }

    /** A record without a key: it may go to any partition. */
    public static <K, V> SenderRecord<K, V> of(String topic, @Nullable V value) {
        return new SenderRecord<>(topic, null, null, null, value, Headers.empty());
    }

    /** This record with these headers and no others. */
    public SenderRecord<K, V> withHeaders(Headers newHeaders) {
        return new SenderRecord<>(topic, partition, timestampMs, key, value, newHeaders);
    }

    /** This record, to that partition. */
    public SenderRecord<K, V> withPartition(int newPartition) {
        return new SenderRecord<>(topic, newPartition, timestampMs, key, value, headers);
    }

    /** This record with that create time, in milliseconds since 1970. */
    public SenderRecord<K, V> withTimestamp(long newTimestampMs) {
        return new SenderRecord<>(topic, partition, newTimestampMs, key, value, headers);
    }
}
