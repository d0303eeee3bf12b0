package io.reactivemq.produce;

import io.reactivemq.assign.Murmur2;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the partition of a record that names none. Called on the sender's worker, so it must not block; one instance
 * serves every subscription of its sender.
 */
@FunctionalInterface
public interface Partitioner {

    /**
     * Leaves the choice to the sender, which fills one partition's batch with such records and turns to another partition,
     * drawn at random, when that batch is sent.
     */
    int STICKY = -1;

    /**
     * The partition for a record.
     *
     * @param record the record
     * @param key its serialised key, not to be modified; null where it has none
     * @param partitions how many partitions the topic has, 1 or more
     * @return an index in {@code [0, partitions)}, or {@link #STICKY}; anything else ends the send with an error
     */
    int partition(SenderRecord<?, ?> record, byte @Nullable [] key, int partitions);

    /**
     * What Kafka's clients do: the same key always to the same partition, by {@link Murmur2}, as long as the topic keeps its
     * number of partitions; records without a key are {@link #STICKY}.
     */
    static Partitioner byKey() {
        return (record, key, partitions) -> key == null ? STICKY : Murmur2.partition(key, partitions);
    }
}
