package io.reactivemq.produce;

import io.reactivemq.TopicPartition;

/**
 * Where a record went. It is as durable as the topic's level and the sender's {@link io.reactivemq.broker.Acks} ask for.
 *
 * @param record the record as it was sent
 * @param partition the partition it is in
 * @param offset its offset there; -1 with {@link io.reactivemq.broker.Acks#NONE}
 * @param timestampMs its timestamp in the log: the time of the append where the topic says so, else its create time
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public record SenderResult<K, V>(SenderRecord<K, V> record, TopicPartition partition, long offset, long timestampMs) {}
