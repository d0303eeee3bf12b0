package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Committed offsets as records of {@code __consumer_offsets}, in Kafka's own format ({@code OffsetCommitKey} version 1, {@code
 * OffsetCommitValue} version 3), so that Kafka's tools read them. Big-endian; a string is its length in two bytes and UTF-8.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>version: int16 = 1, group: string, topic: string, partition: int32</td></tr>
 * <tr><td>value</td><td>version: int16 = 3, offset: int64, leader epoch: int32, metadata: string, commit time ms: int64</td></tr>
 * </table>
 */
final class OffsetRecords {

    private static final short KEY_VERSION = 1;
    private static final short VALUE_VERSION = 3;

    private OffsetRecords() {}

    static CoordinatorRecord commit(String group, TopicPartition partition, CommittedOffset offset, long nowMs) {
        byte[] metadata = offset.metadata().getBytes(StandardCharsets.UTF_8);
        ByteBuffer value = ByteBuffer.allocate(2 + 8 + 4 + 2 + metadata.length + 8);
        value.putShort(VALUE_VERSION).putLong(offset.offset()).putInt(offset.leaderEpoch());
        putString(value, metadata);
        value.putLong(nowMs);
        return new CoordinatorRecord(key(group, partition), value.array());
    }

    /** Removes what a group has committed of a partition. */
    static CoordinatorRecord tombstone(String group, TopicPartition partition) {
        return new CoordinatorRecord(key(group, partition), null);
    }

    private static byte[] key(String group, TopicPartition partition) {
        byte[] groupId = group.getBytes(StandardCharsets.UTF_8);
        byte[] topic = partition.topic().getBytes(StandardCharsets.UTF_8);
        ByteBuffer key = ByteBuffer.allocate(2 + 2 + groupId.length + 2 + topic.length + 4);
        key.putShort(KEY_VERSION);
        putString(key, groupId);
        putString(key, topic);
        return key.putInt(partition.partition()).array();
    }

    /** What a key is about; null where it is of another kind, which this version does not know. */
    static @Nullable Key readKey(ByteBuffer key) {
        if (key.getShort() > KEY_VERSION) {
            return null;
        }
        String group = readString(key);
        String topic = readString(key);
        return new Key(group, new TopicPartition(topic, key.getInt()));
    }

    static CommittedOffset readValue(ByteBuffer value) {
        short version = value.getShort();
        if (version != VALUE_VERSION) {
            throw new IllegalStateException(
                    "a committed offset of version " + version + " was found, this version reads " + VALUE_VERSION);
        }
        return new CommittedOffset(value.getLong(), value.getInt(), readString(value));
    }

    private static void putString(ByteBuffer to, byte[] text) {
        to.putShort((short) text.length).put(text);
    }

    private static String readString(ByteBuffer from) {
        byte[] text = new byte[from.getShort()];
        from.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }

    /**
     * The key of a committed offset.
     *
     * @param group the group
     * @param partition the partition
     */
    record Key(String group, TopicPartition partition) {}
}
