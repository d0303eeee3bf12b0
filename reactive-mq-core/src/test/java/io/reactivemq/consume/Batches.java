package io.reactivemq.consume;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Batches as a producer writes them. */
final class Batches {

    private static final int ATTRIBUTES_AT = 21;
    private static final int CONTROL = 0x20;
    private static final int LEADER_EPOCH_AT = 12;

    private Batches() {}

    /** One batch of records without key. */
    static ByteBuffer of(String... values) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, 1 << 20);
        for (String value : values) {
            append(builder, null, value.getBytes(UTF_8), Headers.empty());
        }
        return builder.build();
    }

    /** One batch of {@code count} records whose values are {@code v<first>}, {@code v<first + 1>}, ... */
    static ByteBuffer numbered(int first, int count) {
        String[] values = new String[count];
        for (int i = 0; i < count; i++) {
            values[i] = "v" + (first + i);
        }
        return of(values);
    }

    /** As {@link #numbered}, appended in that leader epoch. */
    static ByteBuffer inEpoch(int leaderEpoch, int first, int count) {
        return numbered(first, count).putInt(LEADER_EPOCH_AT, leaderEpoch);
    }

    static ByteBuffer of(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1024, 1 << 20);
        append(builder, key, value, headers);
        return builder.build();
    }

    /** A batch that is the broker's own; its CRC is no longer right. */
    static ByteBuffer control() {
        ByteBuffer batch = of("marker");
        batch.putShort(ATTRIBUTES_AT, (short) CONTROL);
        return batch;
    }

    private static void append(
            RecordBatchBuilder builder, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        if (!builder.tryAppend(1_000, key, value, headers)) {
            throw new IllegalArgumentException("more than a batch holds");
        }
    }
}
