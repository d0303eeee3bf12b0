package io.reactivemq.record;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * The end of a transaction in one partition: the one record of a control batch, which the transaction's coordinator has appended.
 *
 * <pre>
 * key:    version int16 = 0, type int16 (0 abort, 1 commit)
 * value:  version int16 = 0, coordinator epoch int32
 * </pre>
 *
 * @param outcome whether the transaction's records count
 * @param coordinatorEpoch grows when the coordinator moves; an older one is refused
 */
public record TransactionMarker(Outcome outcome, int coordinatorEpoch) {

    private static final short VERSION = 0;
    private static final int BATCH_BYTES = 128;

    public TransactionMarker {
        Objects.requireNonNull(outcome, "outcome");
    }

    /** How a transaction ends. */
    public enum Outcome {
        /** Its records are shown to no reader of committed records. */
        ABORT(0),
        /** Its records are shown. */
        COMMIT(1);

        private final short code;

        Outcome(int code) {
            this.code = (short) code;
        }
    }

    /** A control batch with this marker, as Kafka's broker writes it. */
    public ByteBuffer toBatch(long producerId, short producerEpoch, long timestampMs) {
        byte[] key =
                ByteBuffer.allocate(4).putShort(VERSION).putShort(outcome.code).array();
        byte[] value = ByteBuffer.allocate(6)
                .putShort(VERSION)
                .putInt(coordinatorEpoch)
                .array();
        RecordBatchBuilder builder = new RecordBatchBuilder(BATCH_BYTES, BATCH_BYTES);
        builder.tryAppend(timestampMs, key, value, Headers.empty());
        ByteBuffer batch = builder.build();
        RecordBatch.at(batch, batch.position())
                .stamp(
                        producerId,
                        producerEpoch,
                        RecordBatch.NO_SEQUENCE,
                        RecordBatch.TRANSACTIONAL_MASK | RecordBatch.CONTROL_MASK);
        return batch;
    }

    /**
     * The marker in a control batch.
     *
     * @param context what the batch belongs to; begins the error's message
     * @throws MqException INVALID_RECORD where the batch is no transaction's end; CORRUPT_MESSAGE where it can't be read
     */
    public static TransactionMarker of(RecordBatch batch, String context) {
        if (!batch.isControl() || !batch.isTransactional() || batch.producerId() < 0 || batch.producerEpoch() < 0) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    batch.where(context),
                    "attributes and producer",
                    "a transactional control batch with a producer id and epoch",
                    "attributes " + batch.attributes() + ", producer " + batch.producerId() + ", epoch "
                            + batch.producerEpoch());
        }
        RecordCursor records = batch.records();
        ByteBuffer key = records.next() ? records.key() : null;
        ByteBuffer value = key == null ? null : records.value();
        if (key == null || value == null || key.remaining() < 4 || value.remaining() < 6) {
            throw Corruption.of(
                    ErrorCode.INVALID_RECORD,
                    batch.where(context),
                    "record",
                    "the end of a transaction: a key of 4 bytes and a value of 6",
                    key + ", " + value);
        }
        short type = key.getShort(key.position() + 2);
        for (Outcome outcome : Outcome.values()) {
            if (outcome.code == type) {
                return new TransactionMarker(outcome, value.getInt(value.position() + 2));
            }
        }
        throw Corruption.of(
                ErrorCode.INVALID_RECORD, batch.where(context), "type of the control record", "0 or 1", type);
    }
}
