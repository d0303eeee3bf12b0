package io.reactivemq.test.crash;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.zip.CRC32C;

/**
 * A batch as it was handed to a log, and when.
 *
 * @param baseOffset the offset it has, or would have, in the log
 * @param bytes all of it, from 0 to the limit; what the log writes over is not compared
 * @param from it may be in the log from that many changes of the store on
 * @param until and no longer is from that many on, since the log said so
 */
record SentBatch(long baseOffset, ByteBuffer bytes, int from, int until) {

    private static final int PRODUCER_ID_AT = 43;
    private static final int PRODUCER_EPOCH_AT = 51;
    private static final int BASE_SEQUENCE_AT = 53;
    private static final int TRANSACTIONAL = 16;

    static final int STILL = Integer.MAX_VALUE;

    /** Records whose values are of that seed alone. */
    static byte[] batch(Random random, int count, int valueBytesMax, long timestampMs) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 20);
        for (int i = 0; i < count; i++) {
            byte[] value = new byte[random.nextInt(valueBytesMax + 1)];
            random.nextBytes(value);
            byte[] key = ("k" + random.nextInt(5)).getBytes(UTF_8);
            if (!builder.tryAppend(timestampMs + i, key, value, Headers.empty())) {
                throw new IllegalArgumentException("too much for one batch");
            }
        }
        return array(builder.build());
    }

    /** Gives a batch the marks of a producer. */
    static byte[] produced(byte[] batch, long producerId, int sequence, boolean transactional) {
        ByteBuffer bytes = ByteBuffer.wrap(batch);
        bytes.putShort(RecordBatch.ATTRIBUTES_AT, (short) (transactional ? TRANSACTIONAL : 0));
        bytes.putLong(PRODUCER_ID_AT, producerId);
        bytes.putShort(PRODUCER_EPOCH_AT, (short) 0);
        bytes.putInt(BASE_SEQUENCE_AT, sequence);
        CRC32C crc = new CRC32C();
        crc.update(batch, RecordBatch.ATTRIBUTES_AT, batch.length - RecordBatch.ATTRIBUTES_AT);
        bytes.putInt(RecordBatch.CRC_AT, (int) crc.getValue());
        return batch;
    }

    static byte[] marker(long producerId, Outcome outcome, long timestampMs) {
        return array(new TransactionMarker(outcome, 0).toBatch(producerId, (short) 0, timestampMs));
    }

    private static byte[] array(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    RecordBatch header() {
        return RecordBatch.at(bytes, 0);
    }

    long nextOffset() {
        return baseOffset + header().lastOffsetDelta() + 1;
    }

    long maxTimestamp() {
        return header().maxTimestamp();
    }

    SentBatch gone(int at) {
        return new SentBatch(baseOffset, bytes, from, at);
    }

    boolean isThere(int changes) {
        return from <= changes && changes < until;
    }

    int size() {
        return bytes.limit();
    }

    /** Whether what was read is this batch, but for what the log may write over: base offset and leader epoch. */
    boolean isReadAs(ByteBuffer read) {
        return read.remaining() >= size()
                && read.getLong(read.position()) == baseOffset
                && read.getInt(read.position() + RecordBatch.LENGTH_AT) == size() - RecordBatch.LENGTH_OVERHEAD_BYTES
                && read.slice(read.position() + RecordBatch.MAGIC_AT, size() - RecordBatch.MAGIC_AT)
                        .equals(bytes.slice(RecordBatch.MAGIC_AT, size() - RecordBatch.MAGIC_AT));
    }
}
