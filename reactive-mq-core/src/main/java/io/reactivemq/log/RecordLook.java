package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordWalk;
import io.reactivemq.record.StoredCompression;
import java.nio.ByteBuffer;

/** Looks at the records of batches before they are appended: each record once at most, and not at all where the header says all that is asked. */
final class RecordLook {

    private final RecordCheck check;
    private final LogConfig settings;
    private final String where;
    private final long nowMs;
    private final boolean senderTime;
    private final boolean boundedBefore;

    /** Of the batch that was walked last. */
    private long latestMs;

    RecordLook(RecordCheck check, LogConfig settings, TopicPartition partition, long nowMs) {
        this.check = check;
        this.settings = settings;
        this.where = partition.toString();
        this.nowMs = nowMs;
        this.senderTime = settings.timestampType() == TimestampType.CREATE_TIME;
        this.boundedBefore = senderTime && settings.timestampBeforeMaxMs() != Long.MAX_VALUE;
    }

    /** A batch that stays as it came. */
    void at(RecordBatch batch) {
        if (check != RecordCheck.BATCH || boundedBefore) {
            try (RecordWalk walk = batch.walk(where)) {
                through(batch, walk);
            }
            correctTime(batch);
        }
        requireNotLater(batch);
    }

    /** A batch that is compressed anew; in a buffer of its own. */
    ByteBuffer compressed(RecordBatch batch, StoredCompression compression) {
        ByteBuffer bytes = compression.apply(batch, settings.maxMessageBytes(), where, walk -> through(batch, walk));
        RecordBatch anew = RecordBatch.at(bytes, bytes.position());
        correctTime(anew);
        requireNotLater(anew);
        return bytes;
    }

    private void through(RecordBatch batch, RecordWalk walk) {
        latestMs = -1;
        while (walk.next()) {
            long timestampMs = walk.timestampMs();
            latestMs = Math.max(latestMs, timestampMs);
            if (boundedBefore && timestampMs >= 0 && nowMs - timestampMs > settings.timestampBeforeMaxMs()) {
                throw invalidTimestamp(timestampMs, "before", "earlier", settings.timestampBeforeMaxMs());
            }
            if (check == RecordCheck.RECORDS_WITH_KEYS && !walk.hasKey()) {
                throw new MqException(
                        ErrorCode.INVALID_RECORD,
                        where + ": record " + (walk.offset() - batch.baseOffset())
                                + " of a batch has no key; it needs one, since the topic is compacted");
            }
        }
    }

    /** Some clients leave the batch's own field empty, and Apache Kafka's brokers fill it in. What is appended with the log's time gets that. */
    private void correctTime(RecordBatch batch) {
        if (senderTime && batch.maxTimestamp() != latestMs) {
            batch.setMaxTimestamp(latestMs);
        }
    }

    private void requireNotLater(RecordBatch batch) {
        if (senderTime && batch.maxTimestamp() - nowMs > settings.timestampAfterMaxMs()) {
            throw invalidTimestamp(batch.maxTimestamp(), "after", "later", settings.timestampAfterMaxMs());
        }
    }

    private MqException invalidTimestamp(long timestampMs, String side, String than, long maxMs) {
        return new MqException(
                ErrorCode.INVALID_TIMESTAMP,
                where + ": a record's timestamp " + timestampMs + " is more than the " + maxMs
                        + " ms of message.timestamp." + side + ".max.ms " + than + " than the broker's time " + nowMs);
    }
}
