package io.reactivemq.test.contract;

import io.reactivemq.Compression;
import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A record as a log holds it, comparable by content.
 *
 * @param key in Latin-1, so that all bytes are told apart
 * @param value in Latin-1
 */
record StoredRecord(
        long offset,
        long timestampMs,
        @Nullable String key,
        @Nullable String value,
        Headers headers) {

    static StoredRecord of(long timestampMs, @Nullable String key, @Nullable String value) {
        return new StoredRecord(-1, timestampMs, key, value, Headers.empty());
    }

    StoredRecord withOffset(long newOffset) {
        return new StoredRecord(newOffset, timestampMs, key, value, headers);
    }

    /** One batch of the records; their offsets are not looked at. */
    static ByteBuffer batch(StoredRecord... records) {
        return batch(List.of(records));
    }

    static ByteBuffer batch(Collection<StoredRecord> records) {
        return batch(Compression.NONE, records);
    }

    static ByteBuffer batch(Compression compression, Collection<StoredRecord> records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, Integer.MAX_VALUE - 8, compression);
        for (StoredRecord record : records) {
            if (!builder.tryAppend(record.timestampMs, bytes(record.key), bytes(record.value), record.headers)) {
                throw new AssertionError("a batch without bound refused " + record);
            }
        }
        return builder.build();
    }

    /** One batch of records that are all the value, at timestamp 0. */
    static ByteBuffer values(String... values) {
        return values(Compression.NONE, values);
    }

    static ByteBuffer values(Compression compression, String... values) {
        List<StoredRecord> records = new ArrayList<>();
        for (String value : values) {
            records.add(of(0, null, value));
        }
        return batch(compression, records);
    }

    /** The batches one behind the other. */
    static ByteBuffer concat(ByteBuffer... batches) {
        int size = 0;
        for (ByteBuffer batch : batches) {
            size += batch.remaining();
        }
        ByteBuffer all = ByteBuffer.allocate(size);
        for (ByteBuffer batch : batches) {
            all.put(batch.duplicate());
        }
        return all.flip();
    }

    /** The records from an offset on, each batch validated. */
    static List<StoredRecord> allIn(ByteBuffer batches, long fromOffset) {
        List<StoredRecord> all = new ArrayList<>();
        for (RecordBatch batch : RecordBatches.of(batches)) {
            batch.validate();
            RecordCursor cursor = batch.records();
            while (cursor.next()) {
                if (cursor.offset() >= fromOffset) {
                    all.add(new StoredRecord(
                            cursor.offset(),
                            cursor.timestampMs(),
                            text(cursor.key()),
                            text(cursor.value()),
                            cursor.headers()));
                }
            }
        }
        return all;
    }

    private static byte @Nullable [] bytes(@Nullable String text) {
        return text == null ? null : text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static @Nullable String text(@Nullable ByteBuffer bytes) {
        return bytes == null
                ? null
                : StandardCharsets.ISO_8859_1.decode(bytes.duplicate()).toString();
    }
}
