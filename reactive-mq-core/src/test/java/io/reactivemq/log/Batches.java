package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Batches as tests write them and read them back. */
final class Batches {

    private Batches() {}

    /** One batch of records without keys, all of one timestamp. */
    static ByteBuffer batch(long timestampMs, String... values) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 24);
        for (String value : values) {
            if (!builder.tryAppend(timestampMs, null, value.getBytes(UTF_8), Headers.empty())) {
                throw new IllegalArgumentException("too much for one batch");
            }
        }
        return builder.build();
    }

    static ByteBuffer batch(String... values) {
        return batch(1_000, values);
    }

    /** A batch of an idempotent producer. */
    static ByteBuffer produced(long id, int epoch, int sequence, String... values) {
        ByteBuffer batch = batch(values);
        RecordBatch.at(batch, 0).setProducer(id, (short) epoch, sequence, false);
        return batch;
    }

    /** A batch within a transaction. */
    static ByteBuffer transactional(long id, int epoch, int sequence, String... values) {
        ByteBuffer batch = batch(values);
        RecordBatch.at(batch, 0).setProducer(id, (short) epoch, sequence, true);
        return batch;
    }

    /** The end of a transaction, by the coordinator of epoch 0. */
    static ByteBuffer marker(long id, int epoch, Outcome outcome) {
        return new TransactionMarker(outcome, 0).toBatch(id, (short) epoch, 1_000);
    }

    /** Several batches one behind the other, as one append. */
    static ByteBuffer concat(ByteBuffer... batches) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(batches).mapToInt(ByteBuffer::remaining).sum());
        for (ByteBuffer batch : batches) {
            all.put(batch.duplicate());
        }
        return all.flip();
    }

    /** The records in the buffer as {@code offset:value}, the batches checked. */
    static List<String> decode(ByteBuffer bytes) {
        List<String> records = new ArrayList<>();
        for (RecordBatch batch : RecordBatches.of(bytes)) {
            batch.validate();
            RecordCursor cursor = batch.records();
            while (cursor.next()) {
                ByteBuffer value = cursor.value();
                records.add(cursor.offset() + ":" + (value == null ? null : UTF_8.decode(value.duplicate())));
            }
        }
        return records;
    }

    /** All records of the log from that offset on. */
    static List<String> readAll(PartitionLog log, long fromOffset) {
        List<String> records = new ArrayList<>();
        long offset = fromOffset;
        while (offset < log.logEndOffset()) {
            ByteBuffer bytes = log.read(offset, 1 << 16, log.logEndOffset());
            if (!bytes.hasRemaining()) {
                throw new AssertionError("nothing at " + offset + " of " + log);
            }
            for (RecordBatch batch : RecordBatches.of(bytes)) {
                batch.validate();
                RecordCursor cursor = batch.records();
                while (cursor.next()) {
                    if (cursor.offset() >= offset) {
                        ByteBuffer value = cursor.value();
                        records.add(cursor.offset() + ":" + (value == null ? null : UTF_8.decode(value.duplicate())));
                    }
                }
                offset = batch.nextOffset();
            }
        }
        return records;
    }

    static List<String> readAll(PartitionLog log) {
        return readAll(log, log.logStartOffset());
    }
}
