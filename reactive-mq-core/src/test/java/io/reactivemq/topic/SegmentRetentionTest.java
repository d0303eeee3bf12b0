package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.log.SegmentInfo;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Retention")
class SegmentRetentionTest {

    private static final Path FOLDER = Path.of("/data/t-0");
    private static final TopicPartition PARTITION = new TopicPartition("t", 0);
    private static final LogConfig CONFIG = LogConfig.defaults().withSegmentBytes(1_000);

    private final FileStore store = FileStore.memory();

    @Test
    @DisplayName("K10 by size goes on where a segment is damaged; by age and by number the damaged one stays")
    void damaged() {
        List<SegmentInfo> segments;
        try (PartitionLog log = open()) {
            for (int i = 0; i < 40; i++) {
                RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
                assertThat(builder.tryAppend(1_000 + i, null, new byte[100], Headers.empty()))
                        .isTrue();
                log.append(builder.build(), 0);
            }
            segments = log.segments();
        }
        assertThat(segments).hasSizeGreaterThan(4);
        SegmentInfo damaged = segments.get(1);
        Path file = FOLDER.resolve(String.format("%020d.log", damaged.baseOffset()));
        try (StoredFile cut = store.open(file, OpenMode.WRITE)) {
            cut.truncate(damaged.sizeInBytes() / 2);
        }
        try (PartitionLog log = open()) {
            assertThatThrownBy(() -> log.maxTimestampMs(log.segments().get(1))).hasMessageContaining("damaged");
            assertThat(before(log, new Retention(1, -1, -1))).isEqualTo(damaged.baseOffset());
            assertThat(before(log, new Retention(-1, -1, 35))).isZero();
            assertThat(before(log, new Retention(1, 1_000, -1))).isGreaterThan(damaged.nextOffset());
        }
    }

    @Test
    @DisplayName("K10 by size goes on where records have no timestamps and one of their segments is damaged")
    void damagedWithoutTimestamps() {
        try (PartitionLog log = open()) {
            for (int i = 0; i < 40; i++) {
                RecordBatchBuilder builder = new RecordBatchBuilder(100, 1_000);
                assertThat(builder.tryAppend(-1, null, new byte[100], Headers.empty()))
                        .isTrue();
                log.append(builder.build(), 0);
            }
        }
        try (PartitionLog log = open()) {
            List<SegmentInfo> segments = log.segments();
            SegmentInfo damaged = segments.get(0);
            assertThat(log.maxTimestampMs(damaged)).isEqualTo(-1);
            Path file = FOLDER.resolve(String.format("%020d.log", damaged.baseOffset()));
            try (StoredFile patched = store.open(file, OpenMode.WRITE)) {
                patched.write(ByteBuffer.allocate(200), 0);
            }
            assertThatThrownBy(() -> log.records(damaged)).hasMessageContaining("damaged");

            assertThat(before(log, new Retention(1, -1, -1))).isZero();
            assertThat(before(log, new Retention(1, 1_000, -1))).isGreaterThan(damaged.nextOffset());
        }
    }

    private long before(PartitionLog log, Retention retention) {
        return SegmentRetention.deletableBefore(log, retention, 1_000_000, log.logEndOffset());
    }

    private PartitionLog open() {
        return PartitionLog.open(store, FOLDER, PARTITION, CONFIG);
    }
}
