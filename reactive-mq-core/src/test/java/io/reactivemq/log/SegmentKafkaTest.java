package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.concat;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FileStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.record.internal.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.FileRecords.TimestampAndOffset;
import org.apache.kafka.common.record.internal.Record;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("K25 Kafka's own classes read the files of a log:")
class SegmentKafkaTest {

    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(4_000).withIndexIntervalBytes(300);

    @TempDir
    private Path directory;

    private final List<String> all = new ArrayList<>();
    private List<SegmentInfo> segments = List.of();

    @BeforeEach
    void write() {
        Random random = new Random(5);
        try (PartitionLog log = open()) {
            for (int i = 0; i < 150; i++) {
                long offset = log.logEndOffset();
                long time = 10_000 + 7L * i + random.nextInt(200);
                log.append(concat(batch(time, "a" + i, "b" + i), batch(time + 3, "c" + i)), 0);
                all.add(offset + ":a" + i);
                all.add((offset + 1) + ":b" + i);
                all.add((offset + 2) + ":c" + i);
            }
            segments = log.segments();
        }
        assertThat(segments).hasSizeGreaterThan(4);
    }

    private PartitionLog open() {
        return PartitionLog.open(FileStore.disk(), directory.resolve("t-0"), new TopicPartition("t", 0), CONFIG);
    }

    private Path file(SegmentInfo segment, String suffix) {
        return directory.resolve("t-0").resolve(String.format("%020d", segment.baseOffset()) + suffix);
    }

    @Test
    @DisplayName("every batch of every segment")
    void batches() throws IOException {
        List<String> records = new ArrayList<>();
        for (SegmentInfo segment : segments) {
            try (FileRecords file = FileRecords.open(file(segment, ".log").toFile(), false)) {
                assertThat(file.sizeInBytes()).isEqualTo(segment.sizeInBytes());
                for (FileChannelRecordBatch batch : file.batches()) {
                    batch.ensureValid();
                    assertThat(batch.partitionLeaderEpoch()).isZero();
                    for (Record record : batch) {
                        records.add(record.offset() + ":" + StandardCharsets.UTF_8.decode(record.value()));
                    }
                }
            }
        }
        assertThat(records).isEqualTo(all);
    }

    @Test
    @DisplayName("every entry of the indexes points where Kafka's dump tool expects it")
    void indexes() throws IOException {
        for (SegmentInfo segment : segments) {
            ByteBuffer offsets = ByteBuffer.wrap(Files.readAllBytes(file(segment, ".index")));
            ByteBuffer times = ByteBuffer.wrap(Files.readAllBytes(file(segment, ".timeindex")));
            assertThat(offsets.remaining()).isPositive();
            assertThat(times.remaining()).isPositive();
            try (FileRecords file = FileRecords.open(file(segment, ".log").toFile(), false)) {
                while (offsets.hasRemaining()) {
                    long lastOffset = segment.baseOffset() + offsets.getInt();
                    FileChannelRecordBatch batch =
                            file.batchesFrom(offsets.getInt()).iterator().next();
                    assertThat(batch.lastOffset()).isEqualTo(lastOffset);
                }
                long former = -1;
                while (times.hasRemaining()) {
                    long timestamp = times.getLong();
                    long lastOffset = segment.baseOffset() + times.getInt();
                    assertThat(timestamp).isGreaterThan(former);
                    former = timestamp;
                    for (FileChannelRecordBatch batch : file.batches()) {
                        if (batch.lastOffset() == lastOffset) {
                            assertThat(batch.maxTimestamp()).isEqualTo(timestamp);
                        } else if (batch.lastOffset() < lastOffset) {
                            assertThat(batch.maxTimestamp()).isLessThan(timestamp);
                        }
                    }
                }
                if (!segment.active()) {
                    for (FileChannelRecordBatch batch : file.batches()) {
                        assertThat(batch.maxTimestamp()).isLessThanOrEqualTo(former);
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("the offset for a timestamp is the one Kafka finds")
    void timestamps() throws IOException {
        try (PartitionLog log = open()) {
            for (long timestamp = 9_990; timestamp < 11_400; timestamp += 11) {
                long expected = -1;
                for (SegmentInfo segment : segments) {
                    try (FileRecords file =
                            FileRecords.open(file(segment, ".log").toFile(), false)) {
                        TimestampAndOffset found = file.searchForTimestamp(timestamp, 0, 0, 1 << 20);
                        if (found != null && expected < 0) {
                            expected = found.offset;
                        }
                    }
                }
                assertThat(log.offsetForTimestamp(timestamp, log.logEndOffset()))
                        .as("timestamp %d", timestamp)
                        .isEqualTo(expected);
            }
        }
    }
}
