package io.reactivemq.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.LogConfig;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.testing.WatchedStore;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.AppendListener;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;

class TopicRegistryTest {

    private static final Path DATA = Path.of("data");
    private static final NewTopic ORDERS = new NewTopic("orders", 2, Map.of("segment.bytes", "4096"));

    private FileStore store = FileStore.memory();
    private ManualRuntime runtime = new ManualRuntime();

    @Test
    void whatWasCreatedIsThereAfterARestart() {
        TopicRegistry registry = open();
        TopicDescription created = await(registry.create(ORDERS, false));
        await(registry.close().thenReturn(true));

        TopicRegistry again = open();

        assertThat(again.list()).containsExactly(created);
        assertThat(again.find(new TopicPartition("orders", 1))).isNotNull();
        assertThat(again.find(new TopicPartition("orders", 2))).isNull();
        assertThat(Objects.requireNonNull(again.describe("orders")).partitions())
                .isEqualTo(2);
        assertThat(store.readFile(DATA.resolve("orders-0").resolve("partition.metadata"))
                        .remaining())
                .isPositive();
    }

    @Test
    void aCrashAfterAnyStepOfACreationLeavesTheTopicWholeOrNotThere() {
        int steps = 0;
        boolean acknowledged = false;
        while (!acknowledged) {
            store = FileStore.memory();
            runtime = new ManualRuntime();
            CompletableFuture<TopicDescription> creation =
                    open().create(ORDERS, false).toFuture();
            for (int i = 0; i < steps && runtime.runOne(); i++) {
                assertThat(i).isLessThan(100);
            }
            acknowledged = creation.isDone();

            runtime = new ManualRuntime();
            TopicRegistry again = open();
            if (acknowledged) {
                assertThat(again.list()).containsExactly(creation.join());
            }
            for (TopicDescription topic : again.list()) {
                assertThat(topic.partitions()).isEqualTo(2);
                assertThat(store.exists(DATA.resolve("orders-0"))).isTrue();
                assertThat(store.exists(DATA.resolve("orders-1"))).isTrue();
            }
            if (again.list().isEmpty()) {
                assertThat(await(again.create(ORDERS, false)).partitions()).isEqualTo(2);
            }
            steps++;
        }
        assertThat(steps).as("crash points").isGreaterThan(3);
    }

    @Test
    void aCrashAfterAnyStepOfAGrowthLeavesTheTopicAsItWasOrGrown() {
        int steps = 0;
        boolean acknowledged = false;
        while (!acknowledged) {
            store = FileStore.memory();
            runtime = new ManualRuntime();
            TopicRegistry registry = open();
            await(registry.create(ORDERS, false));
            CompletableFuture<TopicDescription> growth =
                    registry.grow("orders", 5).toFuture();
            for (int i = 0; i < steps && runtime.runOne(); i++) {
                assertThat(i).isLessThan(100);
            }
            acknowledged = growth.isDone();

            runtime = new ManualRuntime(7);
            TopicRegistry again = open();
            int partitions = again.list().get(0).partitions();
            assertThat(partitions).isIn(acknowledged ? List.of(5) : List.of(2, 5));
            for (int i = 0; i < 6; i++) {
                TopicPartition id = new TopicPartition("orders", i);
                assertThat(again.find(id) != null).isEqualTo(i < partitions);
                assertThat(store.exists(DATA.resolve(id.toString()))).isEqualTo(i < partitions);
            }
            assertThat(await(again.grow("orders", 6)).partitions()).isEqualTo(6);
            steps++;
        }
        assertThat(steps).as("crash points").isGreaterThan(3);
    }

    @Test
    void aGrowthThatFailsOnDiskLeavesTheTopicAsItWasAndCanBeTriedAgain() {
        WatchedStore watched = new WatchedStore(FileStore.memory());
        store = watched.store();
        TopicRegistry registry = open();
        TopicDescription created = await(registry.create(ORDERS, false));
        watched.failNext(
                "forceDirectory",
                new StorageException(Operation.FORCE_DIRECTORY, DATA, "planted: no space left", null));

        assertThat(errorOf(registry.grow("orders", 4))).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);

        assertThat(registry.list()).containsExactly(created);
        assertThat(store.exists(DATA.resolve("orders-3"))).isFalse();
        assertThat(await(registry.grow("orders", 4)).partitions()).isEqualTo(4);
        assertThat(registry.find(new TopicPartition("orders", 3))).isNotNull();
    }

    @Test
    void aTopicWhoseOffsetsCanNotBeForgottenIsDeletedWhenItIsTriedAgainAndNotMadeAnewBefore() {
        TopicRegistry registry = open();
        await(registry.create(ORDERS, false));
        Mono<Void> failing =
                Mono.create(sink -> sink.error(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "planted")));

        assertThat(errorOf(registry.delete("orders", id -> failing).thenReturn(true)))
                .isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(registry.list()).isEmpty();
        assertThat(errorOf(registry.create(ORDERS, false))).isEqualTo(ErrorCode.TOPIC_ALREADY_EXISTS);

        await(registry.delete("orders", id -> Mono.empty()).thenReturn(true));
        assertThat(store.exists(DATA.resolve("orders-0"))).isFalse();
        assertThat(await(registry.create(ORDERS, false)).partitions()).isEqualTo(2);
    }

    @Test
    void aCrashAfterAnyStepOfADeletionLeavesTheTopicWholeOrNotThere() {
        int steps = 0;
        boolean acknowledged = false;
        while (!acknowledged) {
            store = FileStore.memory();
            runtime = new ManualRuntime();
            TopicRegistry registry = open();
            TopicDescription created = await(registry.create(ORDERS, false));
            CompletableFuture<Boolean> deletion = registry.delete("orders", id -> Mono.empty())
                    .thenReturn(true)
                    .toFuture();
            for (int i = 0; i < steps && runtime.runOne(); i++) {
                assertThat(i).isLessThan(100);
            }
            acknowledged = deletion.isDone();

            runtime = new ManualRuntime(7);
            TopicRegistry again = open();
            if (acknowledged || again.list().isEmpty()) {
                assertThat(again.list()).isEmpty();
                assertThat(store.exists(DATA.resolve("orders-0"))).isFalse();
                assertThat(store.exists(DATA.resolve("orders-1"))).isFalse();
                assertThat(await(again.create(ORDERS, false)).topicId()).isNotEqualTo(created.topicId());
            } else {
                assertThat(again.list()).containsExactly(created);
            }
            steps++;
        }
        assertThat(steps).as("crash points").isGreaterThan(3);
    }

    @Test
    @DisplayName(
            "K23 what was deleted stays so after a crash at any step, once it was answered also without the log's checkpoint, and not in a new topic of that name")
    void deletedRecordsStayDeleted() {
        int steps = 0;
        boolean acknowledged = false;
        while (!acknowledged) {
            store = FileStore.memory();
            runtime = new ManualRuntime();
            TopicRegistry registry = open();
            await(registry.create(ORDERS, false));
            append(partition(registry, 0), 10);
            append(partition(registry, 1), 10);
            CompletableFuture<Long> deletion = Mono.zip(
                            registry.deleteRecords(partition(registry, 0), RecordsToDelete.before(7)),
                            registry.deleteRecords(partition(registry, 1), RecordsToDelete.before(4)),
                            (first, second) -> first + second)
                    .toFuture();
            for (int i = 0; i < steps && runtime.runOne(); i++) {
                assertThat(i).isLessThan(100);
            }
            acknowledged = deletion.isDone();

            runtime = new ManualRuntime(7);
            if (acknowledged) {
                assertThat(deletion.join()).isEqualTo(11);
                store.delete(DATA.resolve("orders-0").resolve("recovery-checkpoint"));
            }
            TopicRegistry again = open();
            assertThat(partition(again, 0).logStartOffset()).isIn(acknowledged ? List.of(7L) : List.of(0L, 7L));
            assertThat(partition(again, 1).logStartOffset()).isIn(acknowledged ? List.of(4L) : List.of(0L, 4L));
            assertThat(partition(again, 0).highWatermark()).isEqualTo(10);

            await(again.delete("orders", id -> Mono.empty()).thenReturn(true));
            await(again.create(ORDERS, false));
            append(partition(again, 0), 1);
            await(again.close().thenReturn(true));
            assertThat(partition(open(), 0).logStartOffset()).isZero();
            steps++;
        }
        assertThat(steps).as("crash points").isGreaterThan(2);
    }

    private static Partition partition(TopicRegistry registry, int index) {
        return Objects.requireNonNull(registry.find(new TopicPartition("orders", index)));
    }

    private void append(Partition partition, int records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16);
        for (int i = 0; i < records; i++) {
            builder.tryAppend(1_000, null, new byte[] {(byte) i}, Headers.empty());
        }
        List<AppendInfo> appended = new ArrayList<>();
        partition.append(builder.build(), new AppendListener() {
            @Override
            public void onAppended(AppendInfo info) {
                appended.add(info);
            }

            @Override
            public void onFailed(MqException error) {
                throw error;
            }
        });
        runtime.run();
        assertThat(appended).hasSize(1);
    }

    @Test
    void aCreationThatFailsOnDiskLeavesNothingBehindAndCanBeTriedAgain() {
        WatchedStore watched = new WatchedStore(FileStore.memory());
        store = watched.store();
        TopicRegistry registry = open();
        watched.failNext(
                "forceDirectory",
                new StorageException(Operation.FORCE_DIRECTORY, DATA, "planted: no space left", null));

        assertThat(errorOf(registry.create(ORDERS, false))).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
        assertThat(registry.list()).isEmpty();
        assertThat(store.exists(DATA.resolve("orders-0"))).isFalse();

        assertThat(await(registry.create(ORDERS, false)).partitions()).isEqualTo(2);
    }

    @Test
    void aForceThatFailsAtAnyStepOfACreationLeavesATopicWholeOrNotThereWhenItIsOpenedAgain() {
        int steps = 0;
        int failed = 0;
        boolean acknowledged = false;
        while (!acknowledged) {
            runtime = new ManualRuntime();
            FileStore disk = FileStore.memory();
            WatchedStore watched = new WatchedStore(disk);
            store = watched.store();
            TopicRegistry registry = open();
            CompletableFuture<TopicDescription> creation =
                    registry.create(ORDERS, true).toFuture();
            for (int i = 0; i < steps && runtime.runOne(); i++) {
                // so far it goes well
            }
            acknowledged = creation.isDone();
            watched.failNext("force", new StorageException(Operation.FORCE, DATA, "planted", null));
            runtime.run();
            failed += creation.isCompletedExceptionally() ? 1 : 0;

            // what was written is there, though its force has failed: the process was killed, and the machine was not
            store = disk;
            runtime = new ManualRuntime();
            TopicRegistry again = open();
            for (TopicDescription topic : again.list()) {
                assertThat(again.find(new TopicPartition(topic.name(), 1))).isNotNull();
            }
            if (again.list().isEmpty()) {
                assertThat(await(again.create(ORDERS, true)).partitions()).isEqualTo(2);
            }
            steps++;
        }
        assertThat(failed).as("creations that failed").isGreaterThan(2);
    }

    @Test
    void aCreationThatADiskThatIsFullLetsNeitherEndNorTakeBackCanBeTriedAgain() {
        WatchedStore watched = new WatchedStore(FileStore.memory());
        store = watched.store();
        TopicRegistry registry = open();
        CompletableFuture<TopicDescription> creation =
                registry.create(ORDERS, true).toFuture();
        while (!store.exists(DATA.resolve("orders-1")) && runtime.runOne()) {
            // until the folders are there
        }
        StorageException full = new StorageException(Operation.WRITE, DATA, "planted: no space left", null);
        int written = -1;
        while (!creation.isDone()) {
            if (watched.count("write") != written) {
                written = watched.count("write");
                watched.failNext("write", full);
            }
            assertThat(runtime.runOne()).isTrue();
        }
        assertThat(creation).isCompletedExceptionally();
        watched.failNext("write", full);
        assertThat(errorOf(registry.create(ORDERS, true)))
                .as("tried, and the disk is full")
                .isEqualTo(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        assertThat(registry.list()).isEmpty();

        assertThat(await(registry.create(ORDERS, true)).partitions()).isEqualTo(2);
    }

    @ParameterizedTest(name = "the folder itself is there: {0}")
    @ValueSource(booleans = {false, true})
    void aLogThatIsMissingBehindItsMarkerIsDamageAndNotMadeAgain(boolean emptied) {
        TopicRegistry registry = open();
        await(registry.create(ORDERS, false));
        await(registry.close().thenReturn(true));
        store.deleteRecursively(DATA.resolve("orders-1"));
        if (emptied) {
            store.createDirectories(DATA.resolve("orders-1"));
        }

        TopicRegistry again = open();

        assertThatThrownBy(() -> again.find(new TopicPartition("orders", 1)))
                .hasMessageContainingAll("KAFKA_STORAGE_ERROR", "orders-1", "missing");
        assertThat(again.find(new TopicPartition("orders", 0))).isNotNull();
        await(again.close().thenReturn(true));
        assertThat(store.exists(DATA.resolve("orders-1"))).isEqualTo(emptied);
        assertThat(emptied ? store.list(DATA.resolve("orders-1")) : List.of()).isEmpty();
    }

    @Test
    void aFolderNobodyAnnouncedIsMovedAsideAndOneOfAnotherTopicIsRefused() {
        TopicRegistry registry = open();
        await(registry.create(ORDERS, false));
        await(registry.create(NewTopic.of("others", 1), false));
        await(registry.close().thenReturn(true));
        store.createDirectories(DATA.resolve("stray-7"));

        open();
        assertThat(store.exists(DATA.resolve("stray-7"))).isFalse();
        assertThat(store.exists(DATA.resolve("stray-7.unknown"))).isTrue();

        store.deleteRecursively(DATA.resolve("orders-0"));
        store.rename(DATA.resolve("others-0"), DATA.resolve("orders-0"));
        store.createDirectories(DATA.resolve("others-0"));
        TopicRegistry again = open();
        assertThatThrownBy(() -> again.find(new TopicPartition("orders", 0))).hasMessageContaining("another topic");
        assertThatThrownBy(() -> again.find(new TopicPartition("others", 0))).hasMessageContaining("missing");
        assertThat(again.find(new TopicPartition("orders", 1))).isNotNull();
    }

    @Test
    void smallLimitsForOthersDoNotBindTheBrokersOwnTopics() {
        LogConfig tiny = LogConfig.defaults().withMaxMessageBytes(1).withSegmentBytes(1024);
        TopicRegistry registry =
                new TopicRegistry(store, DATA, new TopicConfig(Durability.FSYNC, tiny), runtime, Admission.OPEN);
        await(registry.load().thenReturn(true));

        assertThat(await(registry.create(ORDERS, false)).name()).isEqualTo("orders");
    }

    @Test
    void aSettingThatIsNotValidIsRefusedBeforeAnythingIsWritten() {
        TopicRegistry registry = open();
        for (Map<String, String> bad : List.of(
                Map.of("segment.bytes", "12"),
                Map.of("segment.bytes", "many"),
                Map.of("durability", "maybe"),
                Map.of("durability", "memory"),
                Map.of("message.timestamp.type", "Now"),
                Map.of("no.such.setting", "1"))) {
            assertThat(errorOf(registry.create(new NewTopic("t", 1, bad), false)))
                    .as("%s", bad)
                    .isEqualTo(ErrorCode.INVALID_CONFIG);
        }
        assertThat(registry.list()).isEmpty();
    }

    private TopicRegistry open() {
        TopicRegistry registry = registry();
        await(registry.load().thenReturn(true));
        return registry;
    }

    private TopicRegistry registry() {
        TopicConfig defaults = new TopicConfig(Durability.FSYNC, LogConfig.defaults());
        return new TopicRegistry(store, DATA, defaults, runtime, Admission.OPEN);
    }

    private <T> T await(Mono<T> mono) {
        CompletableFuture<T> future = mono.toFuture();
        runtime.run();
        assertThat(future).isDone();
        return future.join();
    }

    private <T> ErrorCode errorOf(Mono<T> mono) {
        try {
            await(mono);
        } catch (CompletionException e) {
            if (e.getCause() instanceof MqException mq) {
                return mq.errorCode();
            }
            throw e;
        }
        throw new AssertionError("expected an error");
    }
}
