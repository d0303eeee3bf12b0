package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.record.StoredCompression;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * An append that was looked at and may be written.
 *
 * @param records the batches
 * @param offsetSpan how many offsets they take
 * @param maxTimestampMs the largest timestamp in them, as it is going to be in the log
 * @param fromProducer whether it is the batch of a producer with an id
 * @param repeated the batch it repeats, which was appended before, so that nothing is to be written; null: it is new
 * @param marker the end of a transaction that it is; null: it is data
 */
record Incoming(
        ByteBuffer records,
        long offsetSpan,
        long maxTimestampMs,
        boolean fromProducer,
        ProducerState.@Nullable Batch repeated,
        @Nullable TransactionMarker marker) {

    /**
     * Looks at batches of a client.
     *
     * @throws MqException CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE for batches that can't be taken; and
     *     those of {@link ProducerStates#check}
     */
    static Incoming ofClient(
            ByteBuffer records, LogConfig settings, TopicPartition partition, ProducerStates producers, long nowMs) {
        return of(records, settings, partition, nowMs, producers::check);
    }

    /** Looks at a batch that a coordinator writes in the name of a producer, as part of its transaction. */
    static Incoming ofCoordinatorInTransaction(
            ByteBuffer records, LogConfig settings, TopicPartition partition, ProducerStates producers, long nowMs) {
        return of(records, settings, partition, nowMs, batch -> {
            producers.checkEpoch(batch);
            return null;
        });
    }

    private static Incoming of(
            ByteBuffer records,
            LogConfig settings,
            TopicPartition partition,
            long nowMs,
            Function<RecordBatch, ProducerState.@Nullable Batch> check) {
        if (!records.hasRemaining()) {
            throw new MqException(ErrorCode.INVALID_RECORD, partition + ": an append of no batches");
        }
        String where = partition.toString();
        long offsetSpan = 0;
        long maxTimestampMs = -1;
        int batches = 0;
        RecordBatch fromProducer = null;
        for (RecordBatch batch : RecordBatches.of(records)) {
            checkSize(batch.sizeInBytes(), settings, where, "");
            batch.validateProduced(where);
            if (settings.recordCheck() != RecordCheck.BATCH) {
                batch.validateRecords(where);
            }
            if (settings.recordCheck() == RecordCheck.RECORDS_WITH_KEYS) {
                batch.validateKeys(where);
            }
            if (settings.timestampType() == TimestampType.CREATE_TIME) {
                checkTimestamps(batch, settings, where, nowMs);
            }
            offsetSpan += batch.count();
            maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestamp());
            batches++;
            if (batch.producerId() >= 0) {
                fromProducer = batch;
            }
        }
        if (offsetSpan > Integer.MAX_VALUE) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD, partition + ": one append of " + offsetSpan + " records is too many");
        }
        if (settings.timestampType() == TimestampType.LOG_APPEND_TIME) {
            maxTimestampMs = nowMs;
        }
        if (fromProducer == null) {
            return new Incoming(records, offsetSpan, maxTimestampMs, false, null, null);
        }
        if (batches > 1) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD,
                    partition
                            + ": an append with a producer id is one batch, so that a repetition is told as a whole; it had "
                            + batches);
        }
        return new Incoming(records, offsetSpan, maxTimestampMs, true, check.apply(fromProducer), null);
    }

    private static void checkSize(int size, LogConfig settings, String where, String how) {
        if (size > settings.maxMessageBytes()) {
            throw new MqException(
                    ErrorCode.MESSAGE_TOO_LARGE,
                    where + ": a batch of " + size + " bytes" + how + ", more than the " + settings.maxMessageBytes()
                            + " of max.message.bytes");
        }
    }

    /**
     * With the batches compressed as the log keeps them: in buffers of their own where that is not as they came.
     *
     * @throws MqException MESSAGE_TOO_LARGE where one is too large then, too; CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE where one
     *     can't be read
     */
    Incoming compressed(LogConfig settings, TopicPartition partition) {
        StoredCompression compression = settings.compression();
        List<ByteBuffer> kept = new ArrayList<>();
        boolean changed = false;
        int size = 0;
        int position = records.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            ByteBuffer bytes = records.slice(position, batch.sizeInBytes());
            position += batch.sizeInBytes();
            if (compression.changes(batch)) {
                bytes = compression.apply(batch, partition.toString());
                checkSize(
                        bytes.remaining(),
                        settings,
                        partition.toString(),
                        " with compression.type " + compression.type().configName());
                changed = true;
            }
            kept.add(bytes);
            size = Math.addExact(size, bytes.remaining());
        }
        if (!changed) {
            return this;
        }
        ByteBuffer all = kept.get(0);
        if (kept.size() > 1) {
            all = ByteBuffer.allocate(size);
            kept.forEach(all::put);
            all.flip();
        }
        return new Incoming(all, offsetSpan, maxTimestampMs, fromProducer, repeated, marker);
    }

    /**
     * Refuses records of a time too far from the broker's; those without a timestamp are not looked at. The header has the latest of a batch, the
     * earliest is only in the records.
     */
    private static void checkTimestamps(RecordBatch batch, LogConfig settings, String where, long nowMs) {
        if (batch.maxTimestamp() - nowMs > settings.timestampAfterMaxMs()) {
            throw invalidTimestamp(
                    where, batch.maxTimestamp(), nowMs, "after", "later", settings.timestampAfterMaxMs());
        }
        if (settings.timestampBeforeMaxMs() == Long.MAX_VALUE) {
            return;
        }
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            long timestampMs = cursor.timestampMs();
            if (timestampMs >= 0 && nowMs - timestampMs > settings.timestampBeforeMaxMs()) {
                throw invalidTimestamp(where, timestampMs, nowMs, "before", "earlier", settings.timestampBeforeMaxMs());
            }
        }
    }

    private static MqException invalidTimestamp(
            String where, long timestampMs, long nowMs, String side, String than, long maxMs) {
        return new MqException(
                ErrorCode.INVALID_TIMESTAMP,
                where + ": a record's timestamp " + timestampMs + " is more than the " + maxMs
                        + " ms of message.timestamp." + side + ".max.ms " + than + " than the broker's time " + nowMs);
    }

    /** Looks at the end of a transaction, from its coordinator. */
    static Incoming ofCoordinator(ByteBuffer records, TopicPartition partition, ProducerStates producers) {
        String where = partition.toString();
        RecordBatch batch = RecordBatch.at(records, records.position());
        batch.validate(where);
        if (batch.sizeInBytes() != records.remaining()) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD,
                    partition + ": the end of a transaction is one batch: expected " + batch.sizeInBytes()
                            + " bytes, actual " + records.remaining());
        }
        TransactionMarker marker = TransactionMarker.of(batch, where);
        producers.checkMarker(batch, marker);
        return new Incoming(records, 1, batch.maxTimestamp(), true, null, marker);
    }

    /** Sets the log's time in the batches, and returns what puts their senders' headers back. */
    Runnable stampAppendTime(long nowMs) {
        List<ByteBuffer> headers = new ArrayList<>();
        List<byte[]> asTheyCame = new ArrayList<>();
        int position = records.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            byte[] header = new byte[BatchHeader.BYTES];
            records.get(position, header);
            headers.add(records.slice(position, header.length));
            asTheyCame.add(header);
            position += batch.sizeInBytes();
            batch.setLogAppendTime(nowMs);
        }
        return () -> {
            for (int i = 0; i < headers.size(); i++) {
                headers.get(i).put(asTheyCame.get(i));
            }
        };
    }
}
