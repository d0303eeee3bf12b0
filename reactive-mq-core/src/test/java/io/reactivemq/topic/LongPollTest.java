package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.testing.WatchedStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A fetch over several partitions")
class LongPollTest {

    private static final Duration WAIT = Duration.ofSeconds(10);
    private static final int BATCH_BYTES = batch().remaining();

    private final ManualRuntime runtime = new ManualRuntime();
    private final WatchedStore watched = new WatchedStore(FileStore.memory());
    private final List<Partition> partitions = new ArrayList<>();
    private final List<FetchLease> leases = new ArrayList<>();
    private long from;

    @ParameterizedTest
    @EnumSource(IsolationLevel.class)
    @DisplayName(
            "that waits for more than is there reads none of it again when some comes, and answers when it is enough")
    void countsWhileItWaits(IsolationLevel isolation) {
        int before = 100;
        int after = 20;
        open(3);
        partitions.forEach(partition -> append(partition, before));
        int all = (3 * before + after) * BATCH_BYTES;
        CompletableFuture<FetchResult> answer = fetch(null, all, isolation);

        long read = watched.bytesRead();
        for (int i = 1; i < after; i++) {
            append(partitions.get(1), 1);
            assertThat(answer).as("after %d of %d more", i, after).isNotDone();
        }
        assertThat((watched.bytesRead() - read) / (after - 1))
                .as("read at a waking, with %d bytes there", 3 * before * BATCH_BYTES)
                .isLessThan(12_000);
        append(partitions.get(1), 1);

        assertThat(sizeOf(answer)).isPositive();
    }

    @Test
    @DisplayName(
            "brings half of what memory is free, a later one half of the rest, and all is free when the answers are gone")
    void halves() {
        open(1);
        append(partitions.get(0), 400);
        from = 250; // behind the first pieces of a file in memory, which are small
        FetchMemory memory = new FetchMemory(16L * BATCH_BYTES);

        assertThat(sizeOf(fetch(memory))).isEqualTo(8 * BATCH_BYTES);
        assertThat(sizeOf(fetch(memory))).isEqualTo(4 * BATCH_BYTES);
        assertThat(sizeOf(fetch(memory))).isEqualTo(2 * BATCH_BYTES);
        assertThat(memory.taken()).isEqualTo(14L * BATCH_BYTES);
        leases.forEach(FetchLease::close);
        leases.forEach(FetchLease::close);

        assertThat(memory.taken()).isZero();
        assertThat(sizeOf(fetch(memory))).isEqualTo(8 * BATCH_BYTES);
    }

    @Test
    @DisplayName("has no more than its share of memory, however many partitions it is for")
    void sharesOverPartitions() {
        open(40);
        partitions.forEach(partition -> append(partition, 1));
        FetchMemory memory = new FetchMemory(16L * BATCH_BYTES);

        assertThat(sizeOf(fetch(memory))).isEqualTo(8 * BATCH_BYTES);
        assertThat(memory.taken()).isEqualTo(8L * BATCH_BYTES);
    }

    @Test
    @DisplayName("brings one batch that is larger than the bound on memory, where nobody else has any")
    void largeBatch() {
        open(2);
        partitions.forEach(partition -> append(partition, 3));
        FetchMemory memory = new FetchMemory(BATCH_BYTES / 2);

        assertThat(sizeOf(fetch(memory))).isEqualTo(BATCH_BYTES);
        assertThat(fetch(memory)).isNotDone();
        assertThat(memory.taken()).isEqualTo(BATCH_BYTES);
    }

    @Test
    @DisplayName("waits its turn where there is no memory for one batch, and is served in the order in which it came")
    void turns() {
        open(1);
        append(partitions.get(0), 10);
        FetchMemory memory = new FetchMemory(BATCH_BYTES);
        CompletableFuture<FetchResult> first = fetch(memory);
        CompletableFuture<FetchResult> second = fetch(memory);
        CompletableFuture<FetchResult> cancelled = fetch(memory);
        CompletableFuture<FetchResult> third = fetch(memory);
        assertThat(sizeOf(first)).isEqualTo(BATCH_BYTES);
        assertThat(memory.waiting()).isEqualTo(3);
        cancelled.cancel(true);

        leases.get(0).close();
        runtime.run();
        assertThat(sizeOf(second)).isEqualTo(BATCH_BYTES);
        assertThat(third).isNotDone();
        assertThat(memory.taken()).isEqualTo(BATCH_BYTES);

        leases.get(1).close();
        runtime.run();
        assertThat(sizeOf(third)).isEqualTo(BATCH_BYTES);
        assertThat(memory.waiting()).isZero();
    }

    @Test
    @DisplayName("is answered without records when its wait is over and there was no memory, and holds up nobody then")
    void waitsNoLongerThanItSaid() {
        open(1);
        append(partitions.get(0), 10);
        FetchMemory memory = new FetchMemory(BATCH_BYTES);
        assertThat(fetch(memory)).isCompleted();
        CompletableFuture<FetchResult> answer = fetch(memory);
        assertThat(answer).isNotDone();

        runtime.advanceBy(WAIT);

        assertThat(sizeOf(answer)).isZero();
        assertThat(answer.join().partitions().get(0).highWatermark()).isEqualTo(10);
        assertThat(memory.waiting()).isZero();
        leases.get(0).close();
        assertThat(sizeOf(fetch(memory))).isEqualTo(BATCH_BYTES);
    }

    @Test
    @DisplayName("in memory is served as soon as another's answer is gone, ten thousand of them one by one")
    void manyTurns() {
        int fetches = 10_000;
        Partition partition = open(Durability.MEMORY, FileStore.memory(), 0);
        partitions.add(partition);
        append(partition, 1);
        FetchMemory memory = new FetchMemory(BATCH_BYTES);
        List<Integer> sizes = new ArrayList<>();
        FetchLease holder = new FetchLease(memory, true);
        assertThat(holder.take(BATCH_BYTES)).isTrue();
        for (int i = 0; i < fetches; i++) {
            FetchLease lease = new FetchLease(memory, true);
            LongPoll.fetch(request(lease, 1, IsolationLevel.READ_UNCOMMITTED), this::find, runtime)
                    .subscribe(result -> {
                        sizes.add(sizeOf(result));
                        lease.close(); // which wakes the next, on this thread
                    });
        }
        assertThat(sizes).isEmpty();

        holder.close();

        assertThat(sizes).hasSize(fetches).containsOnly(BATCH_BYTES);
        assertThat(memory.taken()).isZero();
    }

    private void open(int count) {
        for (int i = 0; i < count; i++) {
            partitions.add(open(Durability.OS_BUFFERED, watched.store(), i));
        }
    }

    private Partition open(Durability durability, FileStore store, int number) {
        TopicPartition id = new TopicPartition("t", number);
        Path folder = Path.of("data", id.toString());
        store.createDirectories(folder);
        TopicConfig config = new TopicConfig(durability, LogConfig.defaults());
        return new Partition(id, PartitionLog.open(store, folder, id, config.log()), config, runtime, Admission.OPEN);
    }

    private void append(Partition partition, int batches) {
        for (int i = 0; i < batches; i++) {
            partition.append(batch(), new AppendListener() {
                @Override
                public void onAppended(AppendInfo info) {}

                @Override
                public void onFailed(MqException error) {
                    throw error;
                }
            });
        }
        runtime.run();
    }

    private CompletableFuture<FetchResult> fetch(FetchMemory memory) {
        return fetch(memory, 1, IsolationLevel.READ_UNCOMMITTED);
    }

    private CompletableFuture<FetchResult> fetch(@Nullable FetchMemory memory, int minBytes, IsolationLevel isolation) {
        FetchLease lease = memory == null ? null : new FetchLease(memory, true);
        if (lease != null) {
            leases.add(lease);
        }
        CompletableFuture<FetchResult> answer = LongPoll.fetch(request(lease, minBytes, isolation), this::find, runtime)
                .toFuture();
        runtime.run();
        return answer;
    }

    private FetchRequest request(@Nullable FetchLease lease, int minBytes, IsolationLevel isolation) {
        return new FetchRequest(
                partitions.stream()
                        .map(partition -> new FetchRequest.Partition(partition.id(), from, 1 << 20))
                        .toList(),
                minBytes,
                1 << 20,
                WAIT,
                isolation,
                lease);
    }

    private Partition find(FetchRequest.Partition wanted) {
        return partitions.get(wanted.partition().partition());
    }

    private static int sizeOf(CompletableFuture<FetchResult> answer) {
        assertThat(answer).isCompleted();
        return sizeOf(answer.join());
    }

    private static int sizeOf(FetchResult result) {
        return result.partitions().stream()
                .mapToInt(FetchResult.Partition::sizeInBytes)
                .sum();
    }

    private static ByteBuffer batch() {
        RecordBatchBuilder builder = new RecordBatchBuilder(128, 10_000);
        builder.tryAppend(0, null, new byte[1_000], Headers.empty());
        return builder.build();
    }
}
