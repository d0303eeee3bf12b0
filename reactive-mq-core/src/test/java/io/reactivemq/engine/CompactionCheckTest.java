package io.reactivemq.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig;
import io.reactivemq.metrics.CompactionMeter;
import io.reactivemq.metrics.CompactionMeters;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.AppendListener;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import reactor.core.publisher.Mono;

@DisplayName("K09 a broker compacts")
class CompactionCheckTest {

    private static final Path DATA = Path.of("data");
    private static final Duration INTERVAL = Duration.ofSeconds(15);

    private final FileStore store = FileStore.memory();
    private final ManualRuntime runtime = new ManualRuntime();
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final List<MqException> refusals = new ArrayList<>();

    @BeforeEach
    void noneRefused() {
        refusals.clear();
    }

    private TopicRegistry open(Durability durability) {
        TopicConfig defaults = new TopicConfig(durability, LogConfig.defaults());
        TopicRegistry registry = new TopicRegistry(store, DATA, defaults, runtime, Admission.OPEN);
        await(registry.load().thenReturn(true));
        return registry;
    }

    private CompactionCheck start(TopicRegistry registry) {
        CompactionCheck check = new CompactionCheck(
                registry, LogCleaner.MAP_BYTES_DEFAULT, INTERVAL, runtime, new CompactionMeters(meters));
        check.start();
        return check;
    }

    private <T> T await(Mono<T> mono) {
        CompletableFuture<T> future = mono.toFuture();
        runtime.run();
        assertThat(future).isDone();
        return future.join();
    }

    private void append(Partition partition, @Nullable String key, String value) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 20);
        builder.tryAppend(
                runtime.currentTimeMillis(),
                key == null ? null : key.getBytes(UTF_8),
                value.getBytes(UTF_8),
                Headers.empty());
        partition.append(builder.build(), new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {}

            @Override
            public void onFailed(MqException error) {
                refusals.add(error);
            }
        });
        runtime.run();
    }

    private static List<String> records(Partition partition) {
        List<String> all = new ArrayList<>();
        for (long offset = partition.logStartOffset(); offset < partition.highWatermark(); ) {
            for (RecordBatch batch : RecordBatches.of(partition.read(offset, 1 << 20))) {
                RecordCursor cursor = batch.records();
                while (cursor.next()) {
                    ByteBuffer key = Objects.requireNonNull(cursor.key());
                    ByteBuffer value = Objects.requireNonNull(cursor.value());
                    all.add(cursor.offset() + ":" + UTF_8.decode(key) + "=" + UTF_8.decode(value));
                }
                offset = batch.nextOffset();
            }
        }
        return all;
    }

    private double count(CompactionMeter meter) {
        return meters.get(meter.meterName()).counter().count();
    }

    private long bytesOf(String folder) {
        return store.list(DATA.resolve(folder)).stream().mapToLong(store::size).sum();
    }

    @ParameterizedTest
    @EnumSource(Durability.class)
    @DisplayName("a topic whose policy says so, from time to time, and takes no record without a key there")
    void topics(Durability durability) {
        TopicRegistry registry = open(durability);
        NewTopic wanted = new NewTopic(
                "prices",
                1,
                Map.of("cleanup.policy", "compact", "segment.bytes", "1024", "min.cleanable.dirty.ratio", "0.1"));
        await(registry.create(wanted, false));
        Partition prices = Objects.requireNonNull(registry.find(new TopicPartition("prices", 0)));
        CompactionCheck check = start(registry);
        for (int i = 0; i < 200; i++) {
            append(prices, "k" + i % 3, "v" + i);
        }
        append(prices, null, "no key");
        assertThat(refusals)
                .singleElement()
                .satisfies(e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_RECORD));
        assertThat(records(prices)).hasSize(200);

        runtime.advanceBy(INTERVAL);
        runtime.run();
        assertThat(records(prices)).hasSizeLessThan(30).contains("199:k1=v199", "198:k0=v198", "197:k2=v197");
        assertThat(bytesOf("prices-0")).isLessThan(6_000);
        assertThat(meters.get("reactivemq.compaction.time").timer().count()).isPositive();
        assertThat(count(CompactionMeter.REMOVED))
                .isGreaterThanOrEqualTo(200 - records(prices).size());
        assertThat(count(CompactionMeter.RECLAIMED)).isGreaterThan(5_000);
        assertThat(count(CompactionMeter.READ)).isGreaterThan(count(CompactionMeter.RECLAIMED));
        assertThat(count(CompactionMeter.FAILURES)).isZero();

        check.stop();
        await(registry.close().thenReturn(true));
        TopicRegistry again = open(durability);
        assertThat(records(Objects.requireNonNull(again.find(new TopicPartition("prices", 0)))))
                .contains("199:k1=v199", "198:k0=v198", "197:k2=v197");
        await(again.close().thenReturn(true));
    }

    @Test
    @DisplayName("its own topics: they do not grow with what was, and replaying them gives the same")
    void metadata() {
        TopicRegistry registry = open(Durability.MEMORY);
        CompactionCheck check = start(registry);
        await(registry.create(new NewTopic("stays", 1, Map.of("retention.ms", "77")), false));
        String long240 = "a".repeat(240);
        Partition metadata = registry.compactedPartitions().get(0);
        long most = 0;
        for (int i = 0; i < 3_000; i++) {
            await(registry.create(NewTopic.of(long240 + i, 1), false));
            await(registry.delete(long240 + i, id -> Mono.empty()).thenReturn(true));
            if (i % 300 == 299) {
                runtime.advanceBy(INTERVAL);
                runtime.run();
            }
            most = Math.max(most, bytesOf("__cluster_metadata-0"));
        }
        assertThat(metadata.highWatermark()).as("records that were written").isGreaterThan(11_000);
        assertThat(most).as("of about 5 MB").isLessThan(3_000_000);
        List<TopicDescription> described = registry.list();
        assertThat(described).hasSize(1);
        runtime.advanceBy(Duration.ofDays(2));
        runtime.run();
        check.stop();
        await(registry.close().thenReturn(true));

        TopicRegistry again = open(Durability.MEMORY);
        assertThat(again.list()).isEqualTo(described);
        await(again.close().thenReturn(true));
    }

    @ParameterizedTest
    @EnumSource(value = Durability.class, mode = Mode.EXCLUDE, names = "OS_BUFFERED")
    @DisplayName("and closes a partition, or deletes its topic, while that is compacted")
    void closing(Durability durability) {
        TopicRegistry registry = open(durability);
        Partition partition = filled(registry);
        LogCleaner cleaner = new LogCleaner(LogCleaner.MAP_BYTES_DEFAULT, runtime.random());
        CompletableFuture<?> compaction = partition.compact(cleaner).toFuture();
        runtime.runOne();
        runtime.runOne();
        CompletableFuture<Void> deletion =
                registry.delete("t", id -> Mono.empty()).toFuture();
        runtime.run();
        assertThat(compaction).isDone();
        assertThat(deletion).isCompleted();
        assertThat(store.exists(DATA.resolve("t-0"))).isFalse();
        await(registry.close().thenReturn(true));
    }

    @Test
    @DisplayName("and gives up on a partition that is damaged, but not on the one of a new topic of that name")
    void damaged() {
        TopicRegistry registry = open(Durability.FSYNC);
        CompactionCheck check = start(registry);
        Partition bad = filled(registry);
        try (StoredFile file = store.open(DATA.resolve("t-0").resolve("00000000000000000000.log"), OpenMode.WRITE)) {
            file.write(ByteBuffer.wrap(new byte[] {1, 2, 3}), 70);
        }
        long before = bytesOf("t-0");
        runtime.advanceBy(INTERVAL);
        runtime.run();
        assertThat(bytesOf("t-0")).isEqualTo(before);
        assertThat(bad.isClosing()).isFalse();
        assertThat(count(CompactionMeter.FAILURES)).isOne();

        await(registry.delete("t", id -> Mono.empty()).thenReturn(true));
        Partition made = filled(registry);
        runtime.advanceBy(INTERVAL);
        runtime.run();
        assertThat(records(made)).hasSizeLessThan(30).contains("199:k1=v199", "198:k0=v198", "197:k2=v197");
        check.stop();
        await(registry.close().thenReturn(true));
    }

    @Test
    @DisplayName("and closes a partition whose pass has ended with an error of the JVM")
    void errors() {
        TopicRegistry registry = open(Durability.FSYNC);
        Partition partition = filled(registry);
        LogCleaner broken = new LogCleaner(LogCleaner.MAP_BYTES_DEFAULT, () -> {
            throw new LinkageError("planted");
        });
        CompletableFuture<?> compaction = partition.compact(broken).toFuture();
        runtime.run();
        assertThat(compaction).isCompletedExceptionally();
        await(registry.close().thenReturn(true));
    }

    private Partition filled(TopicRegistry registry) {
        await(registry.create(
                new NewTopic("t", 1, Map.of("cleanup.policy", "compact", "segment.bytes", "1024")), false));
        Partition partition = Objects.requireNonNull(registry.find(new TopicPartition("t", 0)));
        for (int i = 0; i < 200; i++) {
            append(partition, "k" + i % 3, "v" + i);
        }
        return partition;
    }
}
