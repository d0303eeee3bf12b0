package io.reactivemq.metadata;

import io.reactivemq.coordinator.CoordinatorRecord;
import java.nio.ByteBuffer;

/**
 * How far producer ids are given out, as a record of {@code __cluster_metadata-0}. Big-endian.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>kind: int16 = 2</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, the first producer id that is not given out: int64</td></tr>
 * </table>
 */
final class ProducerIdRecords {

    static final short KIND = 2;
    private static final short VERSION = 0;

    private ProducerIdRecords() {}

    static CoordinatorRecord of(long nextProducerId) {
        return new CoordinatorRecord(
                ByteBuffer.allocate(2).putShort(KIND).array(),
                ByteBuffer.allocate(10)
                        .putShort(VERSION)
                        .putLong(nextProducerId)
                        .array());
    }

    static long readValue(ByteBuffer value) {
        short version = value.getShort();
        if (version != VERSION) {
            throw new IllegalStateException("cluster metadata: version of the producer ids is " + version
                    + ", this version reads " + VERSION + "; was the directory written by a newer one?");
        }
        return value.getLong();
    }
}
