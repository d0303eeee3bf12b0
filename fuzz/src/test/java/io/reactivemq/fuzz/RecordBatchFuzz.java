package io.reactivemq.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.reactivemq.MqException;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.DisplayName;

@DisplayName("A batch of any bytes")
class RecordBatchFuzz {

    /** The checksum is made right first: nothing random would come past it. */
    @FuzzTest(maxDuration = "2m")
    @DisplayName("is refused, or all its records can be read")
    void read(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        RecordBatch batch;
        try {
            batch = RecordBatch.at(buffer, 0);
            buffer.put(RecordBatch.MAGIC_AT, RecordBatch.MAGIC);
            buffer.putInt(RecordBatch.CRC_AT, (int) batch.computeCrc());
            batch.validateProduced("fuzz");
            batch.validateRecords("fuzz");
        } catch (MqException refused) {
            return;
        }
        int count = 0;
        RecordCursor cursor = batch.records();
        while (cursor.next()) {
            cursor.key();
            cursor.value();
            cursor.headers();
            count++;
        }
        assertThat(count).isEqualTo(batch.count());
    }
}
