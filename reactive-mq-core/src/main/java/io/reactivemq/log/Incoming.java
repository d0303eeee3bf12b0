package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.StoredCompression;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

    private static final Logger LOGGER = LoggerFactory.getLogger(Incoming.class);

    private static final long NO_TIMESTAMP = -1;

    /**
     * Looks at batches of a client, and compresses them as the log keeps them.
     *
     * @throws MqException CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE for batches that
     *     can't be taken; UNKNOWN_SERVER_ERROR where an error of the JVM came while records were looked at, its memory perhaps; and those of {@link ProducerStates#check}
     */
    static Incoming ofClient(
            ByteBuffer records,
            RecordCheck check,
            LogConfig settings,
            TopicPartition partition,
            ProducerStates producers,
            long nowMs) {
        Incoming headers = ofHeaders(records, settings, partition, producers::check);
        return headers.repeated != null ? headers : headers.lookedAt(check, true, settings, partition, nowMs);
    }

    /** Looks at a batch that a coordinator writes in the name of a producer, as part of its transaction. */
    static Incoming ofCoordinatorInTransaction(
            ByteBuffer records, LogConfig settings, TopicPartition partition, ProducerStates producers, long nowMs) {
        return ofHeaders(records, settings, partition, batch -> {
                    producers.checkEpoch(batch);
                    return null;
                })
                .lookedAt(RecordCheck.BATCH, false, settings, partition, nowMs);
    }

    /** What the headers say, and the checksums; the largest timestamp is not known yet. */
    private static Incoming ofHeaders(
            ByteBuffer records,
            LogConfig settings,
            TopicPartition partition,
            Function<RecordBatch, ProducerState.@Nullable Batch> check) {
        if (!records.hasRemaining()) {
            throw new MqException(ErrorCode.INVALID_RECORD, partition + ": an append of no batches");
        }
        String where = partition.toString();
        long offsetSpan = 0;
        int batches = 0;
        RecordBatch fromProducer = null;
        for (RecordBatch batch : RecordBatches.of(records)) {
            if (batch.sizeInBytes() > settings.maxMessageBytes()) {
                throw new MqException(
                        ErrorCode.MESSAGE_TOO_LARGE,
                        where + ": a batch of " + batch.sizeInBytes() + " bytes, more than the "
                                + settings.maxMessageBytes() + " of max.message.bytes");
            }
            batch.validateProduced(where);
            offsetSpan += batch.count();
            batches++;
            if (batch.producerId() >= 0) {
                fromProducer = batch;
            }
        }
        if (offsetSpan > Integer.MAX_VALUE) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD, partition + ": one append of " + offsetSpan + " records is too many");
        }
        if (fromProducer == null) {
            return new Incoming(records, offsetSpan, NO_TIMESTAMP, false, null, null);
        }
        if (batches > 1) {
            throw new MqException(
                    ErrorCode.INVALID_RECORD,
                    partition
                            + ": an append with a producer id is one batch, so that a repetition is told as a whole; it had "
                            + batches);
        }
        return new Incoming(records, offsetSpan, NO_TIMESTAMP, true, check.apply(fromProducer), null);
    }

    private Incoming lookedAt(
            RecordCheck check, boolean compresses, LogConfig settings, TopicPartition partition, long nowMs) {
        try {
            return kept(check, compresses, settings, partition, nowMs);
        } catch (Error e) {
            // nothing is written yet: it is the end of this append, and of nothing else
            LOGGER.error("partition {}: a batch could not be looked at", partition, e);
            throw new MqException(
                    ErrorCode.UNKNOWN_SERVER_ERROR, partition + ": the batches could not be looked at: " + e, e);
        }
    }

    /**
     * With the batches compressed as the log keeps them, in buffers of their own where that is not as they came, and their records looked at once at
     * most: where the check, the topic or a compression asks for it.
     */
    private Incoming kept(
            RecordCheck check, boolean compresses, LogConfig settings, TopicPartition partition, long nowMs) {
        StoredCompression compression = settings.compression();
        RecordLook look = new RecordLook(RecordCheck.closer(check, settings.recordCheck()), settings, partition, nowMs);
        List<ByteBuffer> kept = new ArrayList<>();
        boolean changed = false;
        int size = 0;
        long maxTimestampMs = NO_TIMESTAMP;
        int position = records.position();
        for (RecordBatch batch : RecordBatches.of(records)) {
            ByteBuffer bytes = records.slice(position, batch.sizeInBytes());
            position += batch.sizeInBytes();
            if (compresses && compression.changes(batch)) {
                bytes = look.compressed(batch, compression);
                changed = true;
            } else {
                look.at(batch);
            }
            kept.add(bytes);
            size = Math.addExact(size, bytes.remaining());
            maxTimestampMs = Math.max(maxTimestampMs, bytes.getLong(bytes.position() + RecordBatch.MAX_TIMESTAMP_AT));
        }
        if (settings.timestampType() == TimestampType.LOG_APPEND_TIME) {
            maxTimestampMs = nowMs;
        }
        ByteBuffer all = records;
        if (changed) {
            all = kept.get(0);
            if (kept.size() > 1) {
                all = ByteBuffer.allocate(size);
                kept.forEach(all::put);
                all.flip();
            }
        }
        return new Incoming(all, offsetSpan, maxTimestampMs, fromProducer, null, null);
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

    /** A batch without records, which stands for that many offsets. */
    static Incoming ofNothing(ByteBuffer gap, long offsetSpan) {
        return new Incoming(gap, offsetSpan, NO_TIMESTAMP, false, null, null);
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
