package io.reactivemq.produce;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.testing.ScriptedBroker;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A record read back from the scripted broker. */
record Sent(
        long offset,
        long timestampMs,
        @Nullable String key,
        @Nullable String value,
        Headers headers) {

    /** All records of a partition, in order. */
    static List<Sent> in(ScriptedBroker broker, TopicPartition partition) {
        List<Sent> all = new ArrayList<>();
        for (ByteBuffer batch : broker.batches(partition)) {
            all.addAll(of(batch));
        }
        return all;
    }

    /** The values of a partition, in order. */
    static List<@Nullable String> values(ScriptedBroker broker, TopicPartition partition) {
        List<@Nullable String> values = new ArrayList<>();
        in(broker, partition).forEach(sent -> values.add(sent.value()));
        return values;
    }

    /** The records of one batch, which is checked. */
    static List<Sent> of(ByteBuffer buffer) {
        RecordBatch batch = RecordBatch.at(buffer, buffer.position());
        batch.validate();
        List<Sent> records = new ArrayList<>();
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            records.add(new Sent(
                    cursor.offset(), cursor.timestampMs(), text(cursor.key()), text(cursor.value()), cursor.headers()));
        }
        return records;
    }

    private static @Nullable String text(@Nullable ByteBuffer bytes) {
        return bytes == null ? null : UTF_8.decode(bytes.duplicate()).toString();
    }
}
