package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Committed offsets as records of {@code __consumer_offsets}, in Kafka's own format ({@code OffsetCommitKey} version 1, {@code
 * OffsetCommitValue} version 3), so that Kafka's tools read them. Big-endian; a string is its length in two bytes and UTF-8.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>version: int16 = 1, group: string, topic: string, partition: int32</td></tr>
 * <tr><td>value</td><td>version: int16 = 3, offset: int64, leader epoch: int32, metadata: string, commit time ms: int64</td></tr>
 * <tr><td>value that expires</td><td>version: int16 = 1, offset: int64, metadata: string, commit time ms: int64, expire time ms: int64</td></tr>
 * </table>
 */
final class OffsetRecords {

    private static final short KEY_VERSION = 1;
    private static final short VALUE_VERSION = 3;

    /** The version of an offset that says itself until when it is kept; it has no leader epoch. */
    private static final short EXPIRING_VERSION = 1;

    /** Read only: Kafka writes it where it knows topic ids. */
    private static final short COMPACT_VERSION = 4;

    private OffsetRecords() {}

    static CoordinatorRecord commit(String group, TopicPartition partition, StoredOffset stored) {
        CommittedOffset offset = stored.offset();
        boolean expires = stored.expireMs() != StoredOffset.UNTIL_RETENTION;
        Encoder value =
                new Encoder().int16(expires ? EXPIRING_VERSION : VALUE_VERSION).int64(offset.offset());
        if (!expires) {
            value.int32(offset.leaderEpoch());
        }
        value.string(offset.metadata()).int64(stored.commitMs());
        if (expires) {
            value.int64(stored.expireMs());
        }
        return new CoordinatorRecord(key(group, partition), value.toByteArray());
    }

    /** Removes what a group has committed of a partition. */
    static CoordinatorRecord tombstone(String group, TopicPartition partition) {
        return new CoordinatorRecord(key(group, partition), null);
    }

    private static byte[] key(String group, TopicPartition partition) {
        return new Encoder()
                .int16(KEY_VERSION)
                .string(group)
                .string(partition.topic())
                .int32(partition.partition())
                .toByteArray();
    }

    /** What a key is about; null where it is of another kind. */
    static @Nullable Key readKey(ByteBuffer key) {
        Decoder from = new Decoder(key);
        if (from.int16() > KEY_VERSION) {
            return null;
        }
        return new Key(from.string(), new TopicPartition(from.string(), from.int32()));
    }

    static StoredOffset readValue(ByteBuffer value) {
        Decoder from = new Decoder(value);
        int version = from.int16();
        if (version < 0 || version > COMPACT_VERSION) {
            throw new IllegalStateException("a committed offset of version " + version
                    + " was found, this broker reads versions up to " + COMPACT_VERSION);
        }
        long offset = from.int64();
        int leaderEpoch = version >= VALUE_VERSION ? from.int32() : -1;
        String metadata = version >= COMPACT_VERSION ? from.compactString() : from.string();
        long commitMs = from.int64();
        long expireMs = version == EXPIRING_VERSION ? from.int64() : StoredOffset.UNTIL_RETENTION;
        return new StoredOffset(new CommittedOffset(offset, leaderEpoch, metadata), commitMs, expireMs);
    }

    /**
     * The key of a committed offset.
     *
     * @param group the group
     * @param partition the partition
     */
    record Key(String group, TopicPartition partition) {}
}
