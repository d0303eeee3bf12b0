package io.reactivemq.consume;

import io.reactivemq.Serde;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;

/**
 * Makes records out of bytes.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class RecordReader<K, V> {

    private final Serde<K> keySerde;
    private final Serde<V> valueSerde;
    private final boolean acknowledged;

    /** @param acknowledged whether the receiver itself sees to the acknowledgement of each record */
    RecordReader(ReceiverOptions<K, V> options, boolean acknowledged) {
        this.keySerde = options.keySerde();
        this.valueSerde = options.valueSerde();
        this.acknowledged = acknowledged;
    }

    /** The record under the lane's cursor. */
    ReceiverRecord<K, V> read(PartitionLane lane) {
        RecordCursor cursor = lane.cursor();
        return new ReceiverRecord<>(
                lane.window(),
                cursor.offset(),
                cursor.timestampMs(),
                lane.timestampType(),
                decode("key", keySerde, cursor.key()),
                decode("value", valueSerde, cursor.value()),
                cursor.headers(),
                acknowledged);
    }

    private static @Nullable Object decode(String part, Serde<?> serde, @Nullable ByteBuffer bytes) {
        if (bytes == null) {
            return null;
        }
        try {
            return serde.deserialize(bytes);
        } catch (Throwable e) {
            Exceptions.throwIfJvmFatal(e);
            return new ReceiverRecord.Undecodable(part, e);
        }
    }
}
