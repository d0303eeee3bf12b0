package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.Iterator;
import java.util.List;

/**
 * Records of one partition that were received together, in order; at least one.
 *
 * @param topicPartition the partition
 * @param records the records
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public record ReceiverBatch<K, V>(TopicPartition topicPartition, List<ReceiverRecord<K, V>> records)
        implements Iterable<ReceiverRecord<K, V>> {

    public ReceiverBatch {
        records = List.copyOf(records);
        if (records.isEmpty()) {
            throw new IllegalArgumentException("a batch of " + topicPartition + " needs at least one record");
        }
    }

    /**
     * Acknowledges all records that are not acknowledged yet. From any thread.
     *
     * @return false if one of them came too late, see {@link ReceiverRecord#acknowledge}
     */
    public boolean acknowledge() {
        boolean inTime = true;
        for (ReceiverRecord<K, V> received : records) {
            inTime &= received.acknowledge();
        }
        return inTime;
    }

    public int size() {
        return records.size();
    }

    @Override
    public Iterator<ReceiverRecord<K, V>> iterator() {
        return records.iterator();
    }

    @Override
    public String toString() {
        return "ReceiverBatch[" + topicPartition + "@" + records.get(0).offset() + ".."
                + records.get(records.size() - 1).offset() + "]";
    }
}
