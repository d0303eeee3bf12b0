package io.reactivemq.benchmarks;

import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Record batches of {@value #RECORDS} records with values of {@value #VALUE_BYTES} bytes and no key (Kafka's default
 * batch of 16 KiB), encoded and decoded, beside kafka-clients' own classes. A score is nanoseconds a record; value bytes
 * divided by it are GB/s.
 *
 * <p>Encoding copies the values into a batch and finishes it with its CRC: both into a buffer that
 * is used again, as the senders of both do. Decoding visits each record's offset,
 * timestamp and value, {@code Checked} after verifying the CRC.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 5,
        jvmArgs = {"-Xms512m", "-Xmx512m", "-XX:+UseG1GC"})
public class RecordCodecBenchmark {

    static final int RECORDS = 140;
    static final int VALUE_BYTES = 100;

    private static final int BATCH_BYTES = 16 * 1024;
    private static final long TIMESTAMP_MS = 1_700_000_000_000L;

    private final byte[][] values = new byte[RECORDS][VALUE_BYTES];
    private final RecordBatchBuilder builder = new RecordBatchBuilder(BATCH_BYTES, BATCH_BYTES);
    private final ByteBuffer kafkaBuffer = ByteBuffer.allocate(BATCH_BYTES);
    private ByteBuffer encoded = ByteBuffer.allocate(0);
    private ByteBuffer readOnly = encoded;

    @Setup
    public void setup() {
        Random random = new Random(1);
        for (byte[] value : values) {
            random.nextBytes(value);
        }
        ByteBuffer batch = encode();
        encoded = ByteBuffer.allocate(batch.limit()).put(batch).flip();
        readOnly = encoded.asReadOnlyBuffer();
        if (!encoded.equals(encodeKafka().buffer())) {
            throw new IllegalStateException("the two encodings differ, so their times can't be compared");
        }
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public ByteBuffer encodeOurs() {
        return encode();
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public ByteBuffer encodeKafkaClients() {
        return encodeKafka().buffer();
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void decodeOurs(Blackhole sink) {
        decode(RecordBatch.at(encoded, 0), sink);
    }

    /** What a broker in memory hands out. */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void decodeReadOnlyOurs(Blackhole sink) {
        decode(RecordBatch.at(readOnly, 0), sink);
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void decodeKafkaClients(Blackhole sink) {
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(encoded).batches()) {
            decodeKafka(batch, sink);
        }
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void decodeCheckedOurs(Blackhole sink) {
        RecordBatch batch = RecordBatch.at(encoded, 0);
        batch.validate();
        decode(batch, sink);
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void decodeCheckedKafkaClients(Blackhole sink) {
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(encoded).batches()) {
            batch.ensureValid();
            decodeKafka(batch, sink);
        }
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void encodeDecodeOurs(Blackhole sink) {
        decode(RecordBatch.at(encode(), 0), sink);
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void encodeDecodeKafkaClients(Blackhole sink) {
        for (MutableRecordBatch batch : encodeKafka().batches()) {
            decodeKafka(batch, sink);
        }
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void encodeDecodeCheckedOurs(Blackhole sink) {
        RecordBatch batch = RecordBatch.at(encode(), 0);
        batch.validate();
        decode(batch, sink);
    }

    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void encodeDecodeCheckedKafkaClients(Blackhole sink) {
        for (MutableRecordBatch batch : encodeKafka().batches()) {
            batch.ensureValid();
            decodeKafka(batch, sink);
        }
    }

    private ByteBuffer encode() {
        for (byte[] value : values) {
            if (!builder.tryAppend(TIMESTAMP_MS, null, value, Headers.empty())) {
                throw new IllegalStateException("the batch does not fit");
            }
        }
        ByteBuffer batch = builder.build();
        builder.reuse(batch);
        return batch;
    }

    private MemoryRecords encodeKafka() {
        kafkaBuffer.clear();
        MemoryRecordsBuilder kafka =
                MemoryRecords.builder(kafkaBuffer, Compression.NONE, TimestampType.CREATE_TIME, 0L);
        for (byte[] value : values) {
            kafka.append(TIMESTAMP_MS, null, value);
        }
        return kafka.build();
    }

    private static void decode(RecordBatch batch, Blackhole sink) {
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            sink.consume(cursor.offset());
            sink.consume(cursor.timestampMs());
            ByteBuffer value = cursor.value();
            if (value != null) {
                sink.consume(value.get(value.position()));
            }
        }
    }

    private static void decodeKafka(MutableRecordBatch batch, Blackhole sink) {
        for (Record record : batch) {
            sink.consume(record.offset());
            sink.consume(record.timestamp());
            ByteBuffer value = record.value();
            sink.consume(value.get(value.position()));
        }
    }
}
