package io.reactivemq.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Headers;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class RecordBatchTest {

    @Test
    void whatIsAppendedIsRead() {
        RecordBatchBuilder builder = new RecordBatchBuilder(128, 1024);
        assertThat(builder.tryAppend(1000, "k".getBytes(UTF_8), "value".getBytes(UTF_8), Headers.empty()))
                .isTrue();
        assertThat(builder.tryAppend(
                        999, null, null, Headers.empty().with("h", "1").with("n", (byte[]) null)))
                .isTrue();
        assertThat(builder.tryAppend(1001, new byte[600], new byte[200], Headers.empty()))
                .isTrue();
        assertThat(builder.tryAppend(1001, new byte[600], new byte[200], Headers.empty()))
                .isFalse();

        RecordBatch batch = RecordBatch.at(builder.build(), 0);
        batch.setBaseOffset(40);
        batch.setLeaderEpoch(7);
        batch.validate();
        assertThat(batch.count()).isEqualTo(3);
        assertThat(batch.nextOffset()).isEqualTo(43);
        assertThat(batch.maxTimestamp()).isEqualTo(1001);
        RecordCursor cursor = batch.records();
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.offset()).isEqualTo(40);
        assertThat(cursor.timestampMs()).isEqualTo(1000);
        assertThat(cursor.key()).isEqualTo(ByteBuffer.wrap("k".getBytes(UTF_8)));
        assertThat(cursor.value()).isEqualTo(ByteBuffer.wrap("value".getBytes(UTF_8)));
        assertThat(cursor.headers()).isSameAs(Headers.empty());
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.timestampMs()).isEqualTo(999);
        assertThat(cursor.key()).isNull();
        assertThat(cursor.value()).isNull();
        assertThat(cursor.headers()).isEqualTo(Headers.empty().with("h", "1").with("n", (byte[]) null));
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.offset()).isEqualTo(42);
        assertThat(cursor.next()).isFalse();
        assertThat(builder.isEmpty()).isTrue();
    }
}
