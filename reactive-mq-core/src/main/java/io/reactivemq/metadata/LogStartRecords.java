package io.reactivemq.metadata;

import io.reactivemq.coordinator.CoordinatorRecord;
import java.nio.ByteBuffer;
import java.util.UUID;

/**
 * The offset that the records of a partition were deleted up to, as a record of {@code __cluster_metadata-0}. Big-endian.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>kind: int16 = 6, id of the topic: 16 bytes, partition: int32</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, log start offset: int64</td></tr>
 * </table>
 *
 * A tombstone comes with the end of the topic.
 */
final class LogStartRecords {

    static final short KIND = 6;
    private static final short VERSION = 0;

    private LogStartRecords() {}

    static CoordinatorRecord of(UUID topicId, int partition, long logStartOffset) {
        return new CoordinatorRecord(
                key(topicId, partition),
                ByteBuffer.allocate(10)
                        .putShort(VERSION)
                        .putLong(logStartOffset)
                        .array());
    }

    static CoordinatorRecord tombstone(UUID topicId, int partition) {
        return new CoordinatorRecord(key(topicId, partition), null);
    }

    private static byte[] key(UUID topicId, int partition) {
        return ByteBuffer.allocate(2 + 16 + 4)
                .putShort(KIND)
                .putLong(topicId.getMostSignificantBits())
                .putLong(topicId.getLeastSignificantBits())
                .putInt(partition)
                .array();
    }

    /** The topic's id; the partition's number is what the key has left. */
    static UUID readTopicId(ByteBuffer key) {
        key.getShort();
        return new UUID(key.getLong(), key.getLong());
    }

    static long readValue(ByteBuffer value) {
        short version = value.getShort();
        if (version != VERSION) {
            throw new IllegalStateException("cluster metadata: version of a log start offset is " + version
                    + ", this version reads " + VERSION + "; was the directory written by a newer one?");
        }
        return value.getLong();
    }
}
