package io.reactivemq.log;

import io.reactivemq.TimestampType;
import io.reactivemq.record.StoredCompression;
import java.util.Objects;

/**
 * The settings of a log, under Kafka's names where Kafka has them.
 *
 * @param segmentBytes {@code segment.bytes}: a segment is full when the next append would make it larger; an append larger
 *     than this has a segment to itself
 * @param segmentMs {@code segment.ms}: a segment is full when the next append has a timestamp so much later than the segment's first
 *     batch
 * @param indexIntervalBytes {@code index.interval.bytes}: how many bytes of the log lie between two entries of its index
 * @param maxMessageBytes {@code max.message.bytes}: the largest batch, its header included
 * @param timestampType {@code message.timestamp.type}: whose clock gives the records their timestamps
 * @param recordCheck how closely an append is looked at, at least
 * @param recoveryPointBytes how many forced bytes may lie behind the recorded recovery point, and so how much a log that was
 *     not closed has to read when it is opened
 * @param producerIdExpirationMs {@code producer.id.expiration.ms}: how long a producer may be silent before its last batches are forgotten
 * @param checkCrcs whether a read compares the checksum of every batch it hands out, as Kafka's consumers do ({@code check.crcs}): for
 *     logs on disk, where bits can rot
 * @param timestampBeforeMaxMs {@code message.timestamp.before.max.ms}: how much earlier than the broker's time a record's create time may be
 * @param timestampAfterMaxMs {@code message.timestamp.after.max.ms}: how much later
 * @param compression {@code compression.type}: how the batches that clients send are kept
 */
public record LogConfig(
        int segmentBytes,
        long segmentMs,
        int indexIntervalBytes,
        int maxMessageBytes,
        TimestampType timestampType,
        RecordCheck recordCheck,
        int recoveryPointBytes,
        long producerIdExpirationMs,
        boolean checkCrcs,
        long timestampBeforeMaxMs,
        long timestampAfterMaxMs,
        StoredCompression compression) {

    private static final LogConfig DEFAULTS = new LogConfig(
            1 << 30,
            7L * 24 * 60 * 60 * 1000,
            4096,
            (1 << 20) + 12,
            TimestampType.CREATE_TIME,
            RecordCheck.BATCH,
            64 << 20,
            24L * 60 * 60 * 1000,
            true,
            Long.MAX_VALUE,
            Long.MAX_VALUE,
            StoredCompression.OF_PRODUCER);

    public LogConfig {
        requirePositive("segmentBytes", segmentBytes);
        requirePositive("segmentMs", segmentMs);
        requirePositive("maxMessageBytes", maxMessageBytes);
        requirePositive("recoveryPointBytes", recoveryPointBytes);
        requirePositive("producerIdExpirationMs", producerIdExpirationMs);
        if (indexIntervalBytes < 0) {
            throw new IllegalArgumentException("indexIntervalBytes must be 0 or more, was " + indexIntervalBytes);
        }
        if (timestampBeforeMaxMs < 0 || timestampAfterMaxMs < 0) {
            throw new IllegalArgumentException("timestampBeforeMaxMs and timestampAfterMaxMs must be 0 or more, were "
                    + timestampBeforeMaxMs + " and " + timestampAfterMaxMs);
        }
        Objects.requireNonNull(timestampType, "timestampType");
        Objects.requireNonNull(recordCheck, "recordCheck");
        Objects.requireNonNull(compression, "compression");
    }

    /** Kafka's defaults, but with timestamps of any time. */
    public static LogConfig defaults() {
        return DEFAULTS;
    }

    public LogConfig withSegmentBytes(int value) {
        return new LogConfig(
                value,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withSegmentMs(long value) {
        return new LogConfig(
                segmentBytes,
                value,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withIndexIntervalBytes(int value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                value,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withMaxMessageBytes(int value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                value,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withTimestampType(TimestampType value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                value,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withRecordCheck(RecordCheck value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                value,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withRecoveryPointBytes(int value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                value,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withProducerIdExpirationMs(long value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                value,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    public LogConfig withCheckCrcs(boolean value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                value,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                compression);
    }

    /** How far from the broker's time a record's create time may be. */
    public LogConfig withTimestampBounds(long beforeMaxMs, long afterMaxMs) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                beforeMaxMs,
                afterMaxMs,
                compression);
    }

    public LogConfig withCompression(StoredCompression value) {
        return new LogConfig(
                segmentBytes,
                segmentMs,
                indexIntervalBytes,
                maxMessageBytes,
                timestampType,
                recordCheck,
                recoveryPointBytes,
                producerIdExpirationMs,
                checkCrcs,
                timestampBeforeMaxMs,
                timestampAfterMaxMs,
                value);
    }

    private static void requirePositive(String name, long value) {
        if (value <= 0) {
            throw new IllegalArgumentException(name + " must be more than 0, was " + value);
        }
    }

    /** How closely an append is looked at before it is written; each level looks at what those before it do, too. */
    public enum RecordCheck {
        /**
         * Header and checksum of each batch: what arrived is what was sent. The cost is one pass of CRC-32C over the bytes. Enough
         * where the senders are this library's own.
         */
        BATCH,
        /**
         * Also each record of a batch, decompressed for it piece by piece: that the batch can be decoded, that its offsets run from 0 without a
         * gap, and what its latest timestamp is. For senders that nobody here wrote: a batch with a good checksum around bad records would stop every
         * consumer.
         */
        RECORDS,
        /** Also that each record has a key, without which compaction could not keep it. */
        RECORDS_WITH_KEYS;

        /** The one that looks closer. */
        static RecordCheck closer(RecordCheck one, RecordCheck other) {
            return one.compareTo(other) >= 0 ? one : other;
        }
    }
}
