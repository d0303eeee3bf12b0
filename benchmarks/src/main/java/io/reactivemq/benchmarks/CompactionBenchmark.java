package io.reactivemq.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.Compaction;
import io.reactivemq.log.CompactionRun;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A log of 64 MiB, all of it dirty, compacted on one thread: each key has four records. The figure is milliseconds a MiB of the log; 5 are 200 MiB/s. The log is read
 * twice for it, once for the keys and once to be written anew, with all checksums checked.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(3)
@Warmup(iterations = 4)
@Measurement(iterations = 5)
public class CompactionBenchmark {

    private static final int LOG_MIB = 64;
    private static final int BATCH_BYTES = 16 << 10;
    private static final int SEGMENT_BYTES = 8 << 20;
    private static final int RECORDS_A_KEY = 4;

    /** Bytes of a value; the key has 16. */
    @Param({"100", "1024"})
    private int valueBytes;

    /** Where the log is. */
    @Param({"memory", "files"})
    private String store = "memory";

    private Path folder = Path.of("");
    private @Nullable PartitionLog log;

    @Setup(Level.Invocation)
    public void fill() throws IOException {
        folder = Files.createTempDirectory("compaction");
        PartitionLog log = PartitionLog.open(
                store.equals("memory") ? FileStore.memory() : FileStore.disk(),
                folder.resolve("bench-0"),
                new TopicPartition("bench", 0),
                LogConfig.defaults().withSegmentBytes(SEGMENT_BYTES));
        SplittableRandom random = new SplittableRandom(1);
        int keys = (LOG_MIB << 20) / (valueBytes + 24) / RECORDS_A_KEY;
        RecordBatchBuilder builder = new RecordBatchBuilder(BATCH_BYTES, BATCH_BYTES);
        byte[] value = new byte[valueBytes];
        while (log.sizeInBytes() < (long) LOG_MIB << 20) {
            byte[] key = String.format("key-%012d", random.nextInt(keys)).getBytes(UTF_8);
            if (!builder.tryAppend(1_000, key, value, Headers.empty())) {
                log.append(builder.build(), 1_000);
                builder.tryAppend(1_000, key, value, Headers.empty());
            }
        }
        log.roll();
        this.log = log;
    }

    @TearDown(Level.Invocation)
    public void delete() {
        Objects.requireNonNull(log).close();
        FileStore.disk().deleteRecursively(folder);
    }

    @Benchmark
    @OperationsPerInvocation(LOG_MIB)
    public long compact() {
        PartitionLog log = Objects.requireNonNull(this.log);
        LogCleaner cleaner = new LogCleaner(LogCleaner.MAP_BYTES_DEFAULT, new SplittableRandom(2));
        Compaction rules = Compaction.DEFAULT.withMinCleanableDirtyRatio(0);
        try (CompactionRun run = log.beginCompaction(rules, cleaner, log.logEndOffset(), false, 2_000, () -> false)) {
            if (run == null) {
                throw new IllegalStateException("nothing to compact in " + log);
            }
            while (run.next()) {
                log.replace(run);
            }
            log.recordCompaction(run);
            return run.stats().bytesAfter();
        }
    }
}
