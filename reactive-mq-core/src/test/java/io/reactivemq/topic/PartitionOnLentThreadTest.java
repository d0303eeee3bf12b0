package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Compression;
import io.reactivemq.Durability;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.broker.FetchMemory;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.testing.WatchedStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A partition on files, used by a thread that has leave to use them while they are quick,")
class PartitionOnLentThreadTest {

    private static final TopicPartition ID = new TopicPartition("t", 0);
    private static final Duration WAIT = Duration.ofSeconds(10);

    private final ManualRuntime runtime = new ManualRuntime();
    private final WatchedStore watched = new WatchedStore(FileStore.memory());
    private final List<String> heard = new ArrayList<>();
    private final Partition partition = open(LogConfig.defaults());

    @Test
    @DisplayName("is written to on that thread, but for the first append, for which the file says that it is open")
    void writesAtOnce() {
        lent("a", batch(1));
        assertThat(heard).isEmpty();
        runtime.run();
        assertThat(heard).containsExactly("a@0");

        lent("b", batch(2));
        lent("c", batch(1));

        assertThat(heard).containsExactly("a@0", "b@1", "c@3");
        assertThat(partition.highWatermark()).isEqualTo(4);
        assertThat(runtime.pendingTasks()).isZero();
        append("d", batch(1));
        assertThat(heard).as("a thread that is not lent").hasSize(3);
        runtime.run();
        assertThat(heard).endsWith("d@4");
    }

    @Test
    @DisplayName("is left to the io threads for a second after a write that took 10 ms")
    void slowDisk() {
        writeFirst();
        watched.beforeNext("write", () -> runtime.advanceBy(Duration.ofMillis(10)));
        lent("slow", batch(1));
        assertThat(heard).endsWith("slow@1");

        lent("waits", batch(1));
        assertThat(heard).endsWith("slow@1");
        runtime.run();
        assertThat(heard).endsWith("waits@2");
        runtime.advanceBy(Duration.ofMillis(999));
        lent("waits", batch(1));
        assertThat(heard).endsWith("waits@2");
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(heard).endsWith("waits@3");
        lent("quick", batch(1));
        assertThat(heard).endsWith("quick@4");
    }

    @Test
    @DisplayName("is left to the io threads in the middle of a turn, too: what came meanwhile is not written there")
    void slowDiskInATurn() {
        writeFirst();
        watched.beforeNext("write", () -> {
            runtime.advanceBy(Duration.ofMillis(10));
            append("meanwhile", batch(1));
        });
        lent("slow", batch(1));
        assertThat(heard).endsWith("slow@1");
        runtime.run();
        assertThat(heard).endsWith("slow@1", "meanwhile@2");
    }

    @Test
    @DisplayName("takes appends on when a fetch that it tells fails with an error of the JVM")
    void errorOfAFetch() {
        writeFirst();
        CompletableFuture<FetchResult> failing = fetch(1, new FetchLease(new FetchMemory(1 << 20), true));
        watched.failNext("read", new StackOverflowError("by the test"));

        lent("a", batch(1));

        assertThat(heard).endsWith("a@1");
        assertThat(failing).isCompletedExceptionally();
        lent("b", batch(1));
        assertThat(heard).endsWith("b@2");
    }

    @Test
    @DisplayName(
            "does there nothing that forces, rolls, decompresses, writes more than a megabyte, or is not an append; order is kept")
    void whatIsNotBrief() {
        writeFirst();
        lentInVain("large", batch(1, 1 << 20, Compression.NONE), 1, 2);
        lentInVain("compressed", batch(1, 1_000, Compression.GZIP), 3, 4);
        ByteBuffer two = ByteBuffer.allocate(1_000).put(batch(1)).put(batch(1)).flip();
        lentInVain("two batches", two, 5, 7);

        CompletableFuture<Void> fsync = new CompletableFuture<>();
        runtime.quickFiles()
                .lend(() -> partition
                        .configure(new TopicConfig(Durability.FSYNC, LogConfig.defaults()))
                        .subscribe(nothing -> {}, fsync::completeExceptionally, () -> fsync.complete(null)));
        assertThat(fsync).isNotDone();
        runtime.run();
        assertThat(fsync).isCompleted();
        int forces = watched.count("force");
        lent("fsync", batch(1));
        assertThat(heard).doesNotContain("fsync@8");
        assertThat(watched.count("force")).isEqualTo(forces);
        runtime.run();
        assertThat(heard).endsWith("fsync@8");
        assertThat(watched.count("force")).isEqualTo(forces + 1);
    }

    /** And what comes behind it. */
    private void lentInVain(String name, ByteBuffer records, long offset, long offsetBehind) {
        int before = heard.size();
        lent(name, records);
        lent("behind", batch(1));
        assertThat(heard).hasSize(before);
        runtime.run();
        assertThat(heard.subList(before, heard.size())).containsExactly(name + "@" + offset, "behind@" + offsetBehind);
    }

    @Test
    @DisplayName("is forced every so many records by the io threads")
    void flushMessages() {
        writeFirst();
        partition.configure(new TopicConfig(Durability.OS_BUFFERED, LogConfig.defaults())
                .withFlush(new FlushPolicy(2, FlushPolicy.NEVER)));
        runtime.run();
        int forces = watched.count("force");

        lent("a", batch(1));
        assertThat(heard).endsWith("first@0");
        runtime.run();

        assertThat(heard).endsWith("a@1");
        assertThat(watched.count("force")).isEqualTo(forces + 1);
    }

    @Test
    @DisplayName("rolls, snapshots its producers and writes markers on the io threads")
    void rollSnapshotMarker() {
        Partition small =
                open("small", LogConfig.defaults().withSegmentBytes(1_000).withRecoveryPointBytes(400));
        append(small, "first", batch(1));
        runtime.run();
        int made = watched.count("open");
        int onIo = 0;
        for (int i = 0; i < 40; i++) {
            ByteBuffer batch = batch(1);
            RecordBatch.at(batch, 0).setProducer(7, (short) 0, i, false);
            int before = heard.size();
            runtime.quickFiles().lend(() -> append(small, "n", batch));
            if (heard.size() == before) {
                onIo++;
                runtime.run();
            } else {
                assertThat(watched.count("open"))
                        .as("files opened by append %d", i)
                        .isEqualTo(made);
            }
            made = watched.count("open");
            assertThat(heard).endsWith("n@" + (i + 1));
        }
        assertThat(onIo).isBetween(4, 30);

        ByteBuffer data = batch(1);
        RecordBatch.at(data, 0).setProducer(8, (short) 0, 0, true);
        append(small, "t", data);
        runtime.run();
        int before = heard.size();
        runtime.quickFiles()
                .lend(() -> small.appendMarker(
                        new TransactionMarker(TransactionMarker.Outcome.ABORT, 0).toBatch(8, (short) 0, 0),
                        Durability.OS_BUFFERED,
                        listener("marker")));
        assertThat(heard).hasSize(before);
        runtime.run();
        assertThat(heard).endsWith("marker@42");
    }

    @Test
    @DisplayName("closes, with what was appended before, on the io threads")
    void close() {
        writeFirst();
        CompletableFuture<Void> closed = new CompletableFuture<>();
        runtime.quickFiles()
                .lend(() -> partition
                        .close()
                        .subscribe(nothing -> {}, closed::completeExceptionally, () -> closed.complete(null)));
        assertThat(closed).isNotDone();
        runtime.run();
        assertThat(closed).isCompleted();
    }

    @Test
    @DisplayName("tells a fetch that waits at its end there and then, and such a fetch asks no io thread before")
    void fetches() {
        writeFirst();
        FetchLease lease = new FetchLease(new FetchMemory(1 << 20), true);
        CompletableFuture<FetchResult> lent = fetch(1, lease);
        CompletableFuture<FetchResult> copied = fetch(1, new FetchLease(new FetchMemory(1 << 20), false));
        assertThat(runtime.runOne()).as("a task for io").isFalse();

        lent("a", batch(1));

        assertThat(lent).isDone();
        assertThat(lent.join().partitions().get(0).records().hasRemaining()).isTrue();
        assertThat(copied).as("who may not send files reads on the io threads").isNotDone();
        runtime.run();
        assertThat(copied).isDone();
        runtime.quickFiles().lend(() -> assertThat(fetch(1, lease)).isDone());
        assertThat(fetch(1, lease)).isNotDone();
        lease.close();
        runtime.run();
    }

    private CompletableFuture<FetchResult> fetch(long offset, FetchLease lease) {
        FetchRequest request = new FetchRequest(
                List.of(new FetchRequest.Partition(ID, offset, 10_000)),
                1,
                10_000,
                WAIT,
                IsolationLevel.READ_UNCOMMITTED,
                lease);
        return LongPoll.fetch(request, id -> partition, runtime).toFuture();
    }

    private void writeFirst() {
        append("first", batch(1));
        runtime.run();
        assertThat(heard).containsExactly("first@0");
    }

    private void lent(String name, ByteBuffer records) {
        runtime.quickFiles().lend(() -> append(name, records));
    }

    private void append(String name, ByteBuffer records) {
        append(partition, name, records);
    }

    private void append(Partition to, String name, ByteBuffer records) {
        to.append(records, Acks.ALL, RecordCheck.RECORDS, listener(name));
    }

    private AppendListener listener(String name) {
        return new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                heard.add(name + "@" + info.baseOffset());
            }

            @Override
            public void onFailed(MqException error) {
                heard.add(name + " " + error.errorCode());
            }
        };
    }

    private static ByteBuffer batch(int records) {
        return batch(records, 1, Compression.NONE);
    }

    private static ByteBuffer batch(int records, int bytes, Compression compression) {
        RecordBatchBuilder builder = new RecordBatchBuilder(1_000, 2 << 20, compression);
        for (int i = 0; i < records; i++) {
            builder.tryAppend(ManualRuntime.START_MILLIS, null, new byte[bytes], Headers.empty());
        }
        return builder.build();
    }

    private Partition open(LogConfig config) {
        return open("t", config.withMaxMessageBytes(4 << 20));
    }

    private Partition open(String name, LogConfig config) {
        FileStore store = watched.store();
        Path folder = Path.of("data", name);
        store.createDirectories(folder);
        return new Partition(
                ID,
                PartitionLog.open(store, folder, ID, config),
                new TopicConfig(Durability.OS_BUFFERED, config),
                runtime,
                Admission.OPEN);
    }
}
