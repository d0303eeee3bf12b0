package io.reactivemq.netty.protocol;

import io.reactivemq.broker.LentRecords;
import io.reactivemq.kafka.common.record.internal.BaseRecords;
import io.reactivemq.kafka.common.record.internal.RecordsSend;

/**
 * Records of a response that are left in the file they lie in.
 *
 * @param records where they lie; to be given back by whoever asked for them, once the response has been sent
 */
public record LentKafkaRecords(LentRecords records) implements BaseRecords {

    @Override
    public int sizeInBytes() {
        return records.size();
    }

    /** Kafka's own way of sending, which is not ours. */
    @Override
    public RecordsSend<? extends BaseRecords> toSend() {
        throw new UnsupportedOperationException("lent records are sent as a part of a frame");
    }
}
