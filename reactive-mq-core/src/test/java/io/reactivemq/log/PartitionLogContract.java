package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.concat;
import static io.reactivemq.log.Batches.decode;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a log does on every store. */
abstract class PartitionLogContract {

    private static final TopicPartition T0 = new TopicPartition("t", 0);

    @TempDir
    private Path directory;

    private final FileStore store;

    PartitionLogContract(FileStore store) {
        this.store = store;
    }

    private Path folder() {
        return directory.resolve("t-0");
    }

    private PartitionLog open(LogConfig config) {
        return PartitionLog.open(store, folder(), T0, config);
    }

    private PartitionLog open() {
        return open(LogConfig.defaults());
    }

    @Test
    @DisplayName("a new log is empty and starts at 0")
    void empty() {
        try (PartitionLog log = open()) {
            assertThat(log.logStartOffset()).isZero();
            assertThat(log.logEndOffset()).isZero();
            assertThat(log.forcedOffset()).isZero();
            assertThat(log.leaderEpoch()).isZero();
            assertThat(log.read(0, 100, 0).hasRemaining()).isFalse();
            assertThat(log.recovery().origin()).isEqualTo(RecoveryReport.Origin.CREATED);
        }
    }

    @Test
    @DisplayName("what is appended is read back from any of its offsets, and after a reopening")
    void appendReadReopen() {
        List<String> all;
        try (PartitionLog log = open()) {
            assertThat(log.append(batch("a", "b", "c"), 7)).isEqualTo(new AppendInfo(0, 3, -1));
            assertThat(log.append(concat(batch("d"), batch("e", "f")), 7)).isEqualTo(new AppendInfo(3, 6, -1));
            assertThat(log.logEndOffset()).isEqualTo(6);
            assertThat(log.forcedOffset()).isZero();
            log.force();
            assertThat(log.forcedOffset()).isEqualTo(6);
            all = readAll(log);
            assertThat(all).containsExactly("0:a", "1:b", "2:c", "3:d", "4:e", "5:f");
            assertThat(decode(log.read(1, 1 << 20, 6))).hasSize(6);
            assertThat(decode(log.read(4, 1 << 20, 6))).containsExactly("4:e", "5:f");
        }
        try (PartitionLog log = open()) {
            assertThat(log.recovery().origin()).isEqualTo(RecoveryReport.Origin.CLEAN);
            assertThat(log.recovery().scannedBytes()).isZero();
            assertThat(log.logEndOffset()).isEqualTo(6);
            assertThat(log.forcedOffset()).isEqualTo(6);
            assertThat(readAll(log)).isEqualTo(all);
            log.append(batch("g"), 7);
            assertThat(readAll(log)).hasSize(7).endsWith("6:g");
        }
    }

    @Test
    @DisplayName("segments roll by size, and reads go on in the next one")
    void rolls() {
        LogConfig config = LogConfig.defaults().withSegmentBytes(300).withIndexIntervalBytes(100);
        try (PartitionLog log = open(config)) {
            for (int i = 0; i < 50; i++) {
                log.append(batch("value " + i), i);
            }
            assertThat(log.segments()).hasSizeGreaterThan(10);
            assertThat(readAll(log)).hasSize(50).startsWith("0:value 0").endsWith("49:value 49");
            ByteBuffer bytes = log.read(17, 1, 50);
            assertThat(decode(bytes)).containsExactly("17:value 17");
        }
        try (PartitionLog log = open(config)) {
            assertThat(readAll(log)).hasSize(50);
            assertThat(log.segments()).hasSizeGreaterThan(10);
        }
    }

    @Test
    @DisplayName("K21 a batch above max.message.bytes is refused and the log unchanged")
    void tooLarge() {
        try (PartitionLog log = open(LogConfig.defaults().withMaxMessageBytes(100))) {
            log.append(batch("a"), 0);
            assertThatThrownBy(() -> log.append(concat(batch("b"), batch("x".repeat(100))), 0))
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.MESSAGE_TOO_LARGE));
            assertThat(log.logEndOffset()).isOne();
            assertThat(readAll(log)).containsExactly("0:a");
        }
    }
}
