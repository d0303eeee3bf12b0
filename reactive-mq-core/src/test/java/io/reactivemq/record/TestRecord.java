package io.reactivemq.record;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.jspecify.annotations.Nullable;

/** A record as a value, its bytes in hexadecimal: what goes into a batch and must come out, with its offset. */
record TestRecord(
        long offset,
        long timestampMs,
        @Nullable String key,
        @Nullable String value,
        Headers headers) {

    static TestRecord of(long timestampMs, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        return new TestRecord(0, timestampMs, hex(key), hex(value), headers);
    }

    TestRecord at(long offset) {
        return new TestRecord(offset, timestampMs, key, value, headers);
    }

    TestRecord withTimestamp(long timestampMs) {
        return new TestRecord(offset, timestampMs, key, value, headers);
    }

    byte @Nullable [] keyBytes() {
        return key == null ? null : HexFormat.of().parseHex(key);
    }

    byte @Nullable [] valueBytes() {
        return value == null ? null : HexFormat.of().parseHex(value);
    }

    boolean appendTo(RecordBatchBuilder builder) {
        return builder.tryAppend(timestampMs, keyBytes(), valueBytes(), headers);
    }

    SimpleRecord toKafka() {
        return new SimpleRecord(
                timestampMs,
                keyBytes(),
                valueBytes(),
                headers.asList().stream()
                        .map(header -> new RecordHeader(header.key(), header.value()))
                        .toArray(RecordHeader[]::new));
    }

    static TestRecord fromKafka(Record record) {
        List<Header> headers = new ArrayList<>();
        for (var header : record.headers()) {
            headers.add(Header.of(header.key(), header.value()));
        }
        return new TestRecord(
                record.offset(), record.timestamp(), hex(record.key()), hex(record.value()), Headers.of(headers));
    }

    /** Everything the batch holds, through its cursor. */
    static List<TestRecord> readAll(RecordBatch batch) {
        List<TestRecord> records = new ArrayList<>();
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            records.add(new TestRecord(
                    cursor.offset(), cursor.timestampMs(), hex(cursor.key()), hex(cursor.value()), cursor.headers()));
        }
        return records;
    }

    /** Everything the batches hold, through kafka-clients, which checks them first. */
    static List<TestRecord> readWithKafka(ByteBuffer buffer) {
        List<TestRecord> records = new ArrayList<>();
        for (MutableRecordBatch batch :
                MemoryRecords.readableRecords(buffer.duplicate()).batches()) {
            batch.ensureValid();
            for (Record record : batch) {
                record.ensureValid();
                records.add(fromKafka(record));
            }
        }
        return records;
    }

    private static @Nullable String hex(byte @Nullable [] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }

    private static @Nullable String hex(@Nullable ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return hex(bytes);
    }
}
