package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.readAll;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.storage.FileStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a file system of 1 MiB, where the build may mount one; by injection it is in {@code LogFaultTest}, everywhere. */
@DisplayName("On a disk that is really full")
class DiskFullTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);

    @TempDir
    Path directory;

    private Path disk = Path.of("mounted before each test");
    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        disk = Files.createDirectory(directory.resolve("disk"));
        mounted = run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk.toString());
        assumeTrue(mounted, "this build may not mount a tmpfs (it takes the right to mount, which root has)");
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            assertThat(run("umount", disk.toString())).isTrue();
        }
    }

    private static boolean run(String... command) throws InterruptedException {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            try {
                return process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0;
            } finally {
                process.destroy();
            }
        } catch (IOException e) {
            return false; // there is no such program
        }
    }

    private PartitionLog open() {
        return PartitionLog.open(
                FileStore.disk(),
                disk.resolve("t-0"),
                T0,
                LogConfig.defaults().withSegmentBytes(200_000).withIndexIntervalBytes(500));
    }

    @Test
    @DisplayName(
            "appends fail and nothing else: reads go on, and with room again so do appends; all is there when it is opened again")
    void outage() throws IOException {
        String value = "v".repeat(900);
        List<String> written;
        try (PartitionLog log = open()) {
            Path filler = disk.resolve("filler");
            for (int round = 0; round < 3; round++) {
                Files.write(filler, new byte[200_000]);
                MqException full = null;
                long end = log.logEndOffset();
                while (full == null) {
                    end = log.logEndOffset();
                    full = catchThrowableOfType(MqException.class, () -> log.append(batch(value), 0));
                }
                assertThat(full.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
                assertThat(full).hasMessageContaining(disk.toString());
                assertThat(log.isFenced()).isFalse();
                assertThat(log.logEndOffset()).isEqualTo(end).isPositive();
                assertThat(readAll(log)).hasSize((int) (end - log.logStartOffset()));
                Files.delete(filler);
                for (int i = 0; i < 20; i++) {
                    log.append(batch(value), 0);
                }
                log.force();
                assertThat(log.logEndOffset()).isEqualTo(end + 20);
                log.deleteSegmentsBefore(end);
            }
            log.verify();
            written = readAll(log);
        }
        try (PartitionLog log = open()) {
            assertThat(readAll(log)).isEqualTo(written);
        }
    }
}
