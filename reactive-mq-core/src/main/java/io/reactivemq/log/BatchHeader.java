package io.reactivemq.log;

import io.reactivemq.record.RecordBatch;
import java.nio.ByteBuffer;

/** Fields of a batch of which perhaps only the header is there, read in place. See {@link RecordBatch} for the layout. */
final class BatchHeader {

    static final int BYTES = RecordBatch.HEADER_BYTES;

    private BatchHeader() {}

    static long baseOffset(ByteBuffer buffer, int at) {
        return buffer.getLong(at + RecordBatch.BASE_OFFSET_AT);
    }

    /** Bytes of the whole batch as its length field says; may be anything where the bytes are no batch. */
    static long size(ByteBuffer buffer, int at) {
        return (long) buffer.getInt(at + RecordBatch.LENGTH_AT) + RecordBatch.LENGTH_OVERHEAD_BYTES;
    }

    static int leaderEpoch(ByteBuffer buffer, int at) {
        return buffer.getInt(at + RecordBatch.LEADER_EPOCH_AT);
    }

    static byte magic(ByteBuffer buffer, int at) {
        return buffer.get(at + RecordBatch.MAGIC_AT);
    }

    static int crc(ByteBuffer buffer, int at) {
        return buffer.getInt(at + RecordBatch.CRC_AT);
    }

    static int lastOffsetDelta(ByteBuffer buffer, int at) {
        return buffer.getInt(at + RecordBatch.LAST_OFFSET_DELTA_AT);
    }

    static long lastOffset(ByteBuffer buffer, int at) {
        return baseOffset(buffer, at) + lastOffsetDelta(buffer, at);
    }

    static long maxTimestamp(ByteBuffer buffer, int at) {
        return buffer.getLong(at + RecordBatch.MAX_TIMESTAMP_AT);
    }

    static long producerId(ByteBuffer buffer, int at) {
        return buffer.getLong(at + RecordBatch.PRODUCER_ID_AT);
    }

    static short producerEpoch(ByteBuffer buffer, int at) {
        return buffer.getShort(at + RecordBatch.PRODUCER_EPOCH_AT);
    }

    static int baseSequence(ByteBuffer buffer, int at) {
        return buffer.getInt(at + RecordBatch.BASE_SEQUENCE_AT);
    }

    static int count(ByteBuffer buffer, int at) {
        return buffer.getInt(at + RecordBatch.COUNT_AT);
    }

    static boolean isControl(ByteBuffer buffer, int at) {
        return (buffer.getShort(at + RecordBatch.ATTRIBUTES_AT) & RecordBatch.CONTROL_MASK) != 0;
    }

    static boolean isTransactional(ByteBuffer buffer, int at) {
        return (buffer.getShort(at + RecordBatch.ATTRIBUTES_AT) & RecordBatch.TRANSACTIONAL_MASK) != 0;
    }
}
