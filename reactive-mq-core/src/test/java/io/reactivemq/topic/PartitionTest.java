package io.reactivemq.topic;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Compression;
import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
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
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordWalk;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.testing.WatchedStore;
import java.io.File;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

class PartitionTest {

    private static final TopicPartition ID = new TopicPartition("t", 0);
    private static final Duration WAIT = Duration.ofSeconds(10);

    private final ManualRuntime runtime = new ManualRuntime();
    private final WatchedStore watched = new WatchedStore(FileStore.memory());
    private final List<String> heard = new ArrayList<>();

    @Test
    void appendsThatWaitShareOneForce() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        int before = watched.count("force");

        for (int i = 0; i < 5; i++) {
            append(partition, "a" + i, 2);
        }
        assertThat(heard).as("nothing is acknowledged before the force").isEmpty();
        runtime.run();

        assertThat(watched.count("force") - before).isEqualTo(1);
        assertThat(heard).containsExactly("a0@0", "a1@2", "a2@4", "a3@6", "a4@8");
        assertThat(partition.highWatermark()).isEqualTo(10);
    }

    @Test
    void osBufferedForcesNothing() {
        Partition partition = open(Durability.OS_BUFFERED, Admission.OPEN);
        int before = watched.count("force");

        append(partition, "a", 1);
        runtime.run();

        assertThat(heard).containsExactly("a@0");
        assertThat(watched.count("force")).isEqualTo(before);
    }

    @Test
    void aPartitionThatBecomesFsyncForcesWhatReadersSeeAndEveryAppendFromThenOn() {
        Partition partition = open(Durability.OS_BUFFERED, Admission.OPEN);
        append(partition, "a", 1);
        runtime.run();
        int before = watched.count("force");

        CompletableFuture<Void> done = partition
                .configure(new TopicConfig(Durability.FSYNC, LogConfig.defaults()))
                .toFuture();
        append(partition, "b", 1);
        runtime.run();

        assertThat(done).isCompleted();
        assertThat(watched.count("force") - before).isEqualTo(2);
    }

    @Test
    void settingsHoldForTheAppendsThatComeAfterThem() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        partition.configure(
                new TopicConfig(Durability.FSYNC, LogConfig.defaults().withMaxMessageBytes(10)));

        append(partition, "a", 1);
        runtime.run();

        assertThat(heard).containsExactly("a MESSAGE_TOO_LARGE");
    }

    @Test
    @DisplayName(
            "an error of the JVM in the middle of the writing ends the writing, not the partition: all are answered, reads go on, it closes")
    void errorsInTheLoop() {
        for (String call : List.of("write", "force")) {
            heard.clear();
            FileStore store = watched.store();
            Path folder = Path.of("data", "error-in-" + call);
            store.createDirectories(folder);
            TopicConfig config = new TopicConfig(Durability.FSYNC, LogConfig.defaults());
            PartitionLog log = PartitionLog.open(store, folder, ID, config.log());
            Partition partition = new Partition(ID, log, config, runtime, Admission.OPEN);
            append(partition, "a", 1);
            runtime.run();
            watched.failNext(call, new StackOverflowError("by the test"));

            append(partition, "b", 1);
            append(partition, "c", 1);
            runtime.run();
            append(partition, "d", 1);
            runtime.run();

            assertThat(heard)
                    .as(call)
                    .containsExactly("a@0", "b KAFKA_STORAGE_ERROR", "c KAFKA_STORAGE_ERROR", "d KAFKA_STORAGE_ERROR");
            assertThat(partition.highWatermark()).isEqualTo(1);
            assertThat(offsets(partition.read(0, 10_000))).containsExactly(0L);
            CompletableFuture<Void> closed = partition.close().toFuture();
            runtime.run();
            assertThat(closed).isCompleted();
            try (PartitionLog again = PartitionLog.open(store, folder, ID, config.log())) {
                assertThat(again.logEndOffset()).isBetween(1L, 3L);
            }
        }
    }

    @Test
    @DisplayName(
            "in memory, what somebody else has compressed is decompressed on an io thread, and what comes behind it waits its turn")
    void compressedByOthers() {
        Partition partition = open(Durability.MEMORY, Admission.OPEN);
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 10_000, Compression.GZIP);
        builder.tryAppend(0, null, new byte[1_000], Headers.empty());
        ByteBuffer compressed = builder.build();
        ByteBuffer both = ByteBuffer.allocate(10_000)
                .put(batch(1))
                .put(compressed.duplicate())
                .flip();
        partition.append(batch(1), Acks.ALL, RecordCheck.RECORDS, listener("plain"));
        partition.append(compressed.duplicate(), Acks.ALL, RecordCheck.BATCH, listener("trusted"));
        assertThat(heard).containsExactly("plain@0", "trusted@1");

        partition.append(both, Acks.ALL, RecordCheck.RECORDS, listener("gzip"));
        append(partition, "behind", 1);
        assertThat(heard).hasSize(2);
        runtime.run();
        assertThat(heard).containsExactly("plain@0", "trusted@1", "gzip@2", "behind@4");
        append(partition, "last", 1);
        assertThat(heard).endsWith("last@5");
    }

    @Test
    @DisplayName("an append that would wait for an io thread is answered where there are none any more")
    void noIoThreads() {
        FileStore store = FileStore.memory();
        Path folder = Path.of("data", ID.toString());
        store.createDirectories(folder);
        TopicConfig config = new TopicConfig(Durability.MEMORY, LogConfig.defaults());
        PartitionLog log = PartitionLog.open(store, folder, ID, config.log());
        Partition partition = new Partition(ID, log, config, new EndedRuntime(), Admission.OPEN);
        RecordBatchBuilder builder = new RecordBatchBuilder(100, 10_000, Compression.GZIP);
        builder.tryAppend(0, null, new byte[1_000], Headers.empty());

        partition.append(builder.build(), Acks.ALL, RecordCheck.RECORDS, listener("gzip"));
        append(partition, "behind", 1);

        assertThat(heard).containsExactly("gzip KAFKA_STORAGE_ERROR", "behind KAFKA_STORAGE_ERROR");
        assertThat(partition.close().toFuture()).isCompleted();
    }

    /** Its io threads take nothing more. */
    private static final class EndedRuntime implements MqRuntime {
        private final ManualRuntime runtime = new ManualRuntime();

        @Override
        public long currentTimeMillis() {
            return runtime.currentTimeMillis();
        }

        @Override
        public long nanoTime() {
            return runtime.nanoTime();
        }

        @Override
        public Scheduler timers() {
            return runtime.timers();
        }

        @Override
        public Scheduler io() {
            return Schedulers.fromExecutor(task -> {
                throw new RejectedExecutionException("by the test");
            });
        }

        @Override
        public Scheduler workers() {
            return runtime.workers();
        }

        @Override
        public RandomGenerator random() {
            return runtime.random();
        }
    }

    @Test
    @DisplayName("an error of the JVM while a batch is looked at is the end of that append, and of nothing else")
    void errorInTheLook() throws Exception {
        URL[] classes = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .map(element -> {
                    try {
                        return new File(element).toURI().toURL();
                    } catch (MalformedURLException e) {
                        throw new AssertionError(e);
                    }
                })
                .toArray(URL[]::new);
        try (URLClassLoader without = new URLClassLoader(classes, ClassLoader.getPlatformClassLoader()) {
            @Override
            protected Class<?> findClass(String name) throws ClassNotFoundException {
                if (name.equals(RecordWalk.class.getName())) {
                    throw new ClassNotFoundException("by the test");
                }
                return super.findClass(name);
            }
        }) {
            Method attempt =
                    without.loadClass(PartitionTest.class.getName()).getDeclaredMethod("looksWithoutRecordWalk");
            attempt.setAccessible(true);
            assertThat(attempt.invoke(null)).asString().isEqualTo("[a UNKNOWN_SERVER_ERROR, b@0]");
        }
    }

    /** Run in a class loader that lacks the class which is needed to look at records. */
    static String looksWithoutRecordWalk() {
        PartitionTest test = new PartitionTest();
        Partition partition = test.open(Durability.MEMORY, Admission.OPEN);
        partition.append(batch(1), Acks.LEADER, RecordCheck.RECORDS, test.listener("a"));
        test.append(partition, "b", 1);
        return test.heard.toString();
    }

    @Test
    @DisplayName("a listener that throws keeps no other from its answer")
    void listenerThatThrows() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        AppendListener throwing = new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                throw new AssertionError("by the test");
            }

            @Override
            public void onFailed(MqException error) {
                heard.add("told twice");
            }
        };
        partition.append(batch(1), throwing);
        append(partition, "b", 1);
        runtime.run();

        assertThat(heard).hasSize(1).first().asString().startsWith("b");
    }

    @Test
    @DisplayName(
            "K18 a broker is one replica: with min.insync.replicas of 2 it takes no append that all replicas should have, and any other")
    void minInsyncReplicas() {
        Partition partition = open(Durability.MEMORY, Admission.OPEN);
        TopicConfig config = new TopicConfig(Durability.MEMORY, LogConfig.defaults());
        partition.append(batch(1), Acks.ALL, listener("a"));
        partition.configure(config.with(Map.of("min.insync.replicas", "2")));
        partition.append(batch(1), Acks.ALL, listener("b"));
        partition.append(batch(1), Acks.LEADER, listener("c"));

        assertThat(heard).containsExactly("a@0", "b NOT_ENOUGH_REPLICAS", "c@1");
    }

    @Test
    @DisplayName("K10 segments whose records have no timestamp are as old as their last write")
    void retentionWithoutTimestamps() {
        Partition partition = open(Durability.MEMORY, Admission.OPEN);
        partition.configure(
                new TopicConfig(Durability.MEMORY, LogConfig.defaults()).with(Map.of("retention.ms", "1000")));
        for (int i = 0; i < 2; i++) {
            RecordBatchBuilder builder = new RecordBatchBuilder(128, 1_024);
            builder.tryAppend(-1, null, new byte[] {1}, Headers.empty());
            partition.append(builder.build(), listener("a"));
            runtime.advanceBy(Duration.ofMillis(600));
        }
        partition.applyRetention().subscribe();
        assertThat(partition.logStartOffset()).isZero();
        runtime.advanceBy(Duration.ofMillis(401));
        partition.applyRetention().subscribe();
        assertThat(partition.logStartOffset()).isEqualTo(2);
    }

    @Test
    void osBufferedForcesAfterSoManyRecordsOrSoMuchTime() {
        Partition partition = open(Durability.OS_BUFFERED, Admission.OPEN);
        TopicConfig buffered = new TopicConfig(Durability.OS_BUFFERED, LogConfig.defaults());
        partition.configure(buffered.withFlush(new FlushPolicy(5, 1_000)));
        runtime.run();
        int before = watched.count("force");

        append(partition, "a", 4);
        runtime.run();
        assertThat(watched.count("force") - before).isZero();
        append(partition, "b", 1);
        runtime.run();
        assertThat(watched.count("force") - before).as("five records").isEqualTo(1);
        append(partition, "c", 1);
        runtime.advanceBy(Duration.ofMillis(999));
        assertThat(watched.count("force") - before).isEqualTo(1);
        runtime.advanceBy(Duration.ofMillis(1));
        assertThat(watched.count("force") - before).as("a second").isEqualTo(2);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(watched.count("force") - before).as("nothing more to force").isEqualTo(2);
    }

    @Test
    void aTimedForceThatFindsTooMuchWaitingComesWithTheNextAppends() {
        Partition partition = open(Durability.OS_BUFFERED, Admission.OPEN);
        TopicConfig buffered = new TopicConfig(Durability.OS_BUFFERED, LogConfig.defaults());
        partition.configure(buffered.withFlush(new FlushPolicy(FlushPolicy.NEVER, 1_000)));
        append(partition, "a", 1);
        runtime.run();
        int before = watched.count("force");
        AtomicInteger refused = new AtomicInteger();
        // in the writer's turn, so that none of them is done while the timer looks
        partition
                .onWriter(() -> {
                    for (int i = 0; i < PartitionQueue.TASKS_MAX; i++) {
                        partition.onWriter(() -> true).subscribe();
                    }
                    partition.onWriter(() -> true).subscribe(done -> {}, e -> refused.incrementAndGet());
                    runtime.advanceBy(Duration.ofSeconds(1));
                    return true;
                })
                .subscribe();
        runtime.run();
        assertThat(refused).as("the queue was full").hasValue(1);
        assertThat(watched.count("force")).as("refused, too").isEqualTo(before);

        append(partition, "b", 1);
        runtime.run();
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(watched.count("force")).isEqualTo(before + 1);
    }

    @Test
    @DisplayName(
            "K04 readers of committed records stop where the first open transaction begins, and learn what was aborted")
    void committedRecords() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        append(partition, "a", 1);
        partition.append(transactional(7, 0, 2), listener("t"));
        append(partition, "b", 1);
        runtime.run();
        assertThat(partition.lastStableOffset()).isEqualTo(1);
        FetchResult.Partition open = committed(partition, 0);
        assertThat(offsets(open.records())).containsExactly(0L);
        assertThat(open.highWatermark()).isEqualTo(4);
        assertThat(open.lastStableOffset()).isEqualTo(1);
        CompletableFuture<FetchResult> waiting = LongPoll.fetch(
                        request(1, 1, IsolationLevel.READ_COMMITTED), id -> partition, runtime)
                .toFuture();
        runtime.run();
        assertThat(waiting).isNotDone();

        partition.appendMarker(
                new TransactionMarker(TransactionMarker.Outcome.ABORT, 0).toBatch(7, (short) 0, 0),
                Durability.FSYNC,
                listener("m"));
        assertThat(partition.lastStableOffset())
                .as("not before the marker is forced")
                .isEqualTo(1);
        runtime.run();

        assertThat(partition.lastStableOffset()).isEqualTo(5);
        FetchResult.Partition part = waiting.join().partitions().get(0);
        assertThat(offsets(part.records())).containsExactly(1L, 3L, 4L);
        assertThat(part.abortedTransactions()).containsExactly(new FetchResult.AbortedTransaction(7, 1));
        assertThat(committed(partition, 0).abortedTransactions())
                .containsExactly(new FetchResult.AbortedTransaction(7, 1));
        assertThat(heard).containsExactly("a@0", "t@1", "b@3", "m@4");
    }

    @Test
    @DisplayName("K04 a marker that could not be forced decides nothing")
    void markerThatIsNotForced() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        partition.append(transactional(7, 0, 2), listener("t"));
        runtime.run();
        watched.failNext("force", new StorageException(Operation.FORCE, Path.of("data"), "planted", null));

        partition.appendMarker(
                new TransactionMarker(TransactionMarker.Outcome.COMMIT, 0).toBatch(7, (short) 0, 0),
                Durability.FSYNC,
                listener("m"));
        runtime.run();

        assertThat(heard).containsExactly("t@0", "m KAFKA_STORAGE_ERROR");
        assertThat(partition.lastStableOffset()).isZero();
        assertThat(committed(partition, 0).records().hasRemaining()).isFalse();
    }

    private static ByteBuffer transactional(long id, int sequence, int records) {
        ByteBuffer batch = batch(records);
        RecordBatch.at(batch, batch.position()).setProducer(id, (short) 0, sequence, true);
        return batch;
    }

    private FetchResult.Partition committed(Partition partition, long offset) {
        CompletableFuture<FetchResult> answer = LongPoll.fetch(
                        request(offset, 0, IsolationLevel.READ_COMMITTED), id -> partition, runtime)
                .toFuture();
        runtime.run();
        return answer.join().partitions().get(0);
    }

    private static FetchRequest request(long offset, int minBytes, IsolationLevel isolation) {
        return new FetchRequest(
                List.of(new FetchRequest.Partition(ID, offset, 10_000)), minBytes, 10_000, WAIT, isolation);
    }

    @Test
    void afterAFailedForceNothingIsAcknowledgedOrSeenAndTheLogTakesNoMore() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        append(partition, "a", 1);
        runtime.run();
        watched.failNext("force", new StorageException(Operation.FORCE, Path.of("data"), "planted", null));

        append(partition, "b", 1);
        append(partition, "c", 1);
        runtime.run();
        append(partition, "d", 1);
        runtime.run();

        assertThat(heard)
                .containsExactly("a@0", "b KAFKA_STORAGE_ERROR", "c KAFKA_STORAGE_ERROR", "d KAFKA_STORAGE_ERROR");
        assertThat(partition.highWatermark()).isEqualTo(1);
        assertThat(offsets(partition.read(0, 1000))).containsExactly(0L);
    }

    @Test
    void aBatchThatIsRefusedHoldsUpNoOther() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        ByteBuffer corrupt = batch(1);
        corrupt.put(corrupt.limit() - 1, (byte) ~corrupt.get(corrupt.limit() - 1));

        append(partition, "a", 1);
        partition.append(corrupt, listener("bad"));
        append(partition, "b", 1);
        runtime.run();

        assertThat(heard).containsExactly("bad CORRUPT_MESSAGE", "a@0", "b@1");
    }

    @Test
    void aFetchAtTheEndIsAnsweredByTheNextAppendAndNotBefore() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        CompletableFuture<FetchResult> answer = fetch(partition, 0, 1);
        runtime.run();
        append(partition, "a", 3);
        assertThat(answer).isNotDone();

        runtime.run();

        assertThat(offsets(answer.join().partitions().get(0).records())).containsExactly(0L);
        assertThat(answer.join().partitions().get(0).highWatermark()).isEqualTo(3);
    }

    @Test
    void aFetchThatGetsNothingIsEmptyAfterItsWaitAndNotBefore() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        CompletableFuture<FetchResult> answer = fetch(partition, 0, 1);

        runtime.advanceBy(WAIT.minusNanos(1));
        assertThat(answer).isNotDone();
        runtime.advanceBy(Duration.ofNanos(1));

        assertThat(answer.join().partitions().get(0).records().hasRemaining()).isFalse();
        assertThat(answer.join().partitions().get(0).error()).isNull();
    }

    @Test
    void aFetchWaitsUntilThereAreEnoughBytes() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        int one = batch(1).remaining();
        CompletableFuture<FetchResult> answer = fetch(partition, 0, one + 1);

        append(partition, "a", 1);
        runtime.run();
        assertThat(answer).isNotDone();
        append(partition, "b", 1);
        runtime.run();

        assertThat(offsets(answer.join().partitions().get(0).records())).containsExactly(0L, 1L);
    }

    @Test
    void anErrorAnswersAtOnceWithWhatIsKnown() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        CompletableFuture<FetchResult> beyond = fetch(partition, 5, 1);
        CompletableFuture<FetchResult> nowhere = fetch(null, 0, 1);
        runtime.run();

        assertThat(errorOf(beyond)).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
        assertThat(beyond.join().partitions().get(0).highWatermark()).isZero();
        assertThat(errorOf(nowhere)).isEqualTo(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }

    @Test
    void closingWritesWhatWaitsAnswersFetchesAndRefusesTheRest() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        CompletableFuture<FetchResult> answer = fetch(partition, 2, 1);
        append(partition, "a", 2);
        CompletableFuture<Void> closed = partition.close().toFuture();
        append(partition, "late", 1);
        runtime.run();

        assertThat(heard).containsExactly("late UNKNOWN_TOPIC_OR_PARTITION", "a@0");
        assertThat(closed).isCompleted();
        assertThat(answer).isDone();
        assertThat(partition.close().toFuture()).isCompleted();
    }

    @Test
    void whatIsAboutToBeDeletedIsNotForced() {
        Partition partition = open(Durability.OS_BUFFERED, Admission.OPEN);
        append(partition, "a", 1);
        runtime.run();
        int before = watched.count("force");

        CompletableFuture<Void> closed = partition.closeForDeletion().toFuture();
        runtime.run();

        assertThat(closed).isCompleted();
        assertThat(watched.count("force")).isEqualTo(before);
        assertThat(partition.closeForDeletion().toFuture()).isCompleted();
    }

    @Test
    void moreAppendsThanTheRingTakesAreRefusedAndTheOthersWritten() {
        Partition partition = open(Durability.FSYNC, Admission.OPEN);
        for (int i = 0; i < 5000; i++) {
            append(partition, "a", 1);
        }
        assertThat(heard).containsOnly("a THROTTLING_QUOTA_EXCEEDED");
        int refused = heard.size();
        runtime.run();

        assertThat(partition.highWatermark()).isEqualTo(5000 - refused);
        assertThat(heard).hasSize(5000);
    }

    @Test
    void inMemoryAnAppendIsDoneOnTheCallersThread() {
        Partition partition = open(Durability.MEMORY, Admission.OPEN);

        append(partition, "a", 1);

        assertThat(heard).containsExactly("a@0");
    }

    @Test
    void whatIsNotAdmittedWaitsInOrderAndReclaimingMakesRoom() {
        int one = batch(1).remaining();
        Budget budget = new Budget(2L * one);
        Partition partition = open(Durability.MEMORY, budget);
        append(partition, "a", 1);
        append(partition, "b", 1);
        append(partition, "c", 1);
        append(partition, "d", 1);
        assertThat(heard).containsExactly("a@0", "b@1");

        partition.reclaim(2);
        assertThat(partition.logStartOffset()).isEqualTo(2);
        partition.resume();

        assertThat(heard).containsExactly("a@0", "b@1", "c@2", "d@3");
        assertThat(offsets(partition.read(2, 10_000))).containsExactly(2L, 3L);
    }

    @Test
    void nothingIsReclaimedWhereTheTopicIsOnlyCompacted() {
        Partition partition = open(Durability.MEMORY, Admission.OPEN);
        append(partition, "a", 1);
        append(partition, "b", 1);
        partition.configure(
                new TopicConfig(Durability.MEMORY, LogConfig.defaults()).withCleanup(Set.of(CleanupPolicy.COMPACT)));

        partition.reclaim(2);

        assertThat(partition.logStartOffset()).isZero();
        assertThat(offsets(partition.read(0, 10_000))).containsExactly(0L, 1L);
    }

    private Partition open(Durability durability, Admission admission) {
        FileStore store = durability == Durability.MEMORY ? FileStore.memory() : watched.store();
        Path folder = Path.of("data", ID.toString());
        store.createDirectories(folder);
        TopicConfig config = new TopicConfig(durability, LogConfig.defaults());
        return new Partition(ID, PartitionLog.open(store, folder, ID, config.log()), config, runtime, admission);
    }

    private void append(Partition partition, String name, int records) {
        partition.append(batch(records), listener(name));
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

    private CompletableFuture<FetchResult> fetch(@Nullable Partition partition, long offset, int minBytes) {
        FetchRequest request =
                new FetchRequest(List.of(new FetchRequest.Partition(ID, offset, 10_000)), minBytes, 10_000, WAIT);
        return LongPoll.fetch(request, id -> partition, runtime).toFuture();
    }

    private static @Nullable ErrorCode errorOf(CompletableFuture<FetchResult> answer) {
        MqException error = answer.join().partitions().get(0).error();
        return error == null ? null : error.errorCode();
    }

    private static ByteBuffer batch(int records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(128, 10_000);
        for (int i = 0; i < records; i++) {
            builder.tryAppend(i, null, new byte[] {1, 2, 3}, Headers.empty());
        }
        return builder.build();
    }

    private static List<Long> offsets(ByteBuffer records) {
        return StreamSupport.stream(RecordBatches.of(records).spliterator(), false)
                .map(RecordBatch::baseOffset)
                .toList();
    }

    private static final class Budget implements Admission {
        private long left;

        Budget(long bytes) {
            left = bytes;
        }

        @Override
        public boolean tryAdmit(Partition partition, int bytes) {
            if (bytes > left) {
                return false;
            }
            left -= bytes;
            return true;
        }

        @Override
        public void onFreed(long bytes) {
            left += bytes;
        }
    }
}
