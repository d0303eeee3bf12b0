package io.reactivemq.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.GroupLag;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.LogConfig;
import io.reactivemq.metrics.BrokerMeter;
import io.reactivemq.metrics.BrokerMeters;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StorageException.Operation;
import io.reactivemq.storage.testing.WatchedStore;
import io.reactivemq.topic.Admission;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Mono;

@DisplayName("Rule 4: a broker one of whose partitions is damaged")
class OfflinePartitionTest {

    private static final Path DATA = Path.of("/data");
    private static final Path DAMAGED = DATA.resolve("orders-1");
    private static final String SEGMENT = "00000000000000000000.log";
    private static final Caller CALLER = Caller.embedded("test");
    private static final int RECORDS = 10;

    private final FileStore store = FileStore.memory();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private ManualRuntime runtime = new ManualRuntime();

    private Map<String, byte[]> whole = Map.of();

    /** What the partition's folder holds when the damage is done. */
    private Map<String, byte[]> files = Map.of();

    @BeforeEach
    void damage() {
        EmbeddedBroker broker = open();
        await(broker.createTopic(CALLER, NewTopic.of("orders", 3)));
        for (int partition = 0; partition < 3; partition++) {
            for (int i = 0; i < RECORDS; i++) {
                append(broker, orders(partition));
            }
        }
        await(broker.commitOffsets(
                CALLER,
                OffsetCommit.admin("g", Map.of(orders(0), CommittedOffset.of(3), orders(1), CommittedOffset.of(4)))));
        close(broker);
        whole = Folders.read(store, DAMAGED);
        byte[] log = Objects.requireNonNull(whole.get(SEGMENT));
        files = new TreeMap<>(Folders.with(whole, SEGMENT, Arrays.copyOf(log, log.length - 10)));
        Folders.write(store, DAMAGED, files);
    }

    @Test
    @DisplayName(
            "opens, serves the others, and answers what is asked of that one with an error of the storage that names file and position")
    void othersAreServed() {
        EmbeddedBroker broker = open();

        for (int partition : new int[] {0, 2}) {
            append(broker, orders(partition));
            assertThat(await(broker.listOffset(CALLER, orders(partition), OffsetSpec.latest())))
                    .isEqualTo(RECORDS + 1);
        }
        assertOffline(broker.append(CALLER, orders(1), batch(), Acks.ALL));
        assertOffline(broker.listOffset(CALLER, orders(1), OffsetSpec.earliest()));
        assertOffline(broker.listOffset(CALLER, orders(1), OffsetSpec.atOrAfter(0)));
        assertOffline(broker.deleteRecords(CALLER, orders(1), RecordsToDelete.before(1)));
        assertOffline(broker.epochEnd(CALLER, orders(1), 0));
        assertOffline(broker.describeProducers(CALLER, orders(1)));

        FetchResult fetched = await(broker.fetch(
                CALLER,
                new FetchRequest(
                        List.of(
                                new FetchRequest.Partition(orders(0), 0, 1 << 20),
                                new FetchRequest.Partition(orders(1), 0, 1 << 20),
                                new FetchRequest.Partition(orders(2), 0, 1 << 20)),
                        1,
                        1 << 20,
                        Duration.ofSeconds(1))));
        assertThat(count(fetched.partitions().get(0).records())).isEqualTo(RECORDS + 1);
        assertThat(count(fetched.partitions().get(2).records())).isEqualTo(RECORDS + 1);
        assertIsOffline(Objects.requireNonNull(fetched.partitions().get(1).error()));

        close(broker);
    }

    @Test
    @DisplayName("tells of it in the topic's description and in a meter, and of the rest in those of sizes and lag")
    void toldOf() {
        EmbeddedBroker broker = open();

        TopicDescription described = await(broker.describeTopic(CALLER, "orders"));
        assertThat(described.partitions()).isEqualTo(3);
        assertThat(described.offline()).containsOnlyKeys(1);
        assertThat(described.offline().get(1)).contains(SEGMENT, "at byte");
        assertThat(await(broker.listTopics(CALLER))).contains(described);
        assertThat(await(broker.describeLogDir(CALLER)).sizes())
                .containsKeys(orders(0), orders(2))
                .doesNotContainKey(orders(1));
        assertThat(await(GroupLag.of(broker, "g"))).isEqualTo(Map.of(orders(0), RECORDS - 3L));

        runtime.advanceBy(BrokerMeters.INTERVAL);
        runtime.run();
        assertThat(registry.get(BrokerMeter.OFFLINE_PARTITIONS.meterName())
                        .gauge()
                        .value())
                .isEqualTo(1);
        assertThat(registry.find(BrokerMeter.CONSUMER_LAG.meterName()).gauges()).hasSize(1);
        close(broker);
    }

    @Test
    @DisplayName(
            "leaves its files as they are, whatever it does with the topic, and has it offline again when it is opened again")
    void filesAreLeftAlone() {
        EmbeddedBroker broker = open();
        await(broker.alterTopicConfigs(
                CALLER,
                "orders",
                List.of(ConfigChange.set("retention.ms", "1"), ConfigChange.set("segment.bytes", "4096"))));
        assertThat(await(broker.createPartitions(CALLER, "orders", 4)).offline())
                .containsOnlyKeys(1);
        append(broker, orders(3));
        runtime.advanceBy(Duration.ofHours(1));
        close(broker);
        assertUntouched();

        EmbeddedBroker again = open();
        assertThat(await(again.describeTopic(CALLER, "orders")).offline()).containsOnlyKeys(1);
        append(again, orders(0));
        append(again, orders(3));
        close(again);
        assertUntouched();
    }

    @Test
    @DisplayName("serves it when its files are back")
    void restored() {
        EmbeddedBroker broker = open();
        byte[] cut = Objects.requireNonNull(files.get(SEGMENT));
        close(broker);
        // the ten bytes that are missing are those of the last record's value
        byte[] last = Arrays.copyOf(cut, cut.length + 10);
        byte[] other = Objects.requireNonNull(
                Folders.read(store, DATA.resolve("orders-2")).get(SEGMENT));
        System.arraycopy(other, cut.length, last, cut.length, 10);
        Folders.write(store, DAMAGED, Folders.with(files, SEGMENT, last));

        EmbeddedBroker again = open();
        assertThat(await(again.describeTopic(CALLER, "orders")).offline()).isEmpty();
        append(again, orders(1));
        close(again);
    }

    @Test
    @DisplayName("deletes the topic, and makes it anew")
    void deleted() {
        EmbeddedBroker broker = open();
        await(broker.deleteTopic(CALLER, "orders").thenReturn(true));
        assertThat(store.exists(DAMAGED)).isFalse();
        assertThat(await(broker.createTopic(CALLER, NewTopic.of("orders", 2))).offline())
                .isEmpty();
        append(broker, orders(1));
        close(broker);
    }

    @Test
    @DisplayName("takes no transaction to it")
    void transactions() {
        EmbeddedBroker broker = open();
        ProducerIdAndEpoch producer =
                await(broker.initProducerId(CALLER, InitProducerId.transactional("tx", Duration.ofMinutes(1))));

        assertOffline(broker.addPartitions(CALLER, "tx", producer, List.of(orders(0), orders(1)))
                .thenReturn(true));
        await(broker.addPartitions(CALLER, "tx", producer, List.of(orders(0))).thenReturn(true));
        close(broker);
    }

    @Test
    @DisplayName("K12 ends a transaction that was open there only when it is back, and until then as it was decided")
    void transactionThatWaits() {
        Folders.write(store, DAMAGED, whole);
        EmbeddedBroker broker = open();
        ProducerIdAndEpoch producer =
                await(broker.initProducerId(CALLER, InitProducerId.transactional("tx", Duration.ofMinutes(1))));
        List<TopicPartition> both = List.of(orders(0), orders(1));
        await(broker.addPartitions(CALLER, "tx", producer, both).thenReturn(true));
        for (TopicPartition partition : both) {
            await(broker.append(
                    CALLER,
                    new TransactionalAppend(
                            "tx", TransactionVersion.V1, partition, transactional(producer), Acks.ALL)));
        }
        close(broker);
        Map<String, byte[]> open = Folders.read(store, DAMAGED);
        byte[] log = Objects.requireNonNull(open.get(SEGMENT));
        Folders.write(store, DAMAGED, Folders.with(open, SEGMENT, Arrays.copyOf(log, log.length - 1)));

        EmbeddedBroker without = open();
        EndTransaction commit = new EndTransaction("tx", producer, TransactionVersion.V1, TransactionResult.COMMIT);
        assertOffline(without.endTransaction(CALLER, commit));
        EndTransaction abort = new EndTransaction("tx", producer, TransactionVersion.V1, TransactionResult.ABORT);
        await(without.endTransaction(CALLER, abort));
        runtime.advanceBy(Duration.ofSeconds(30));
        assertThat(await(without.listOffset(CALLER, orders(0), OffsetSpec.latestStable())))
                .isEqualTo(RECORDS + 2);
        assertThat(await(without.describeTransaction(CALLER, "tx")).state())
                .isEqualTo(TransactionDescription.State.PREPARE_ABORT);
        close(without);

        Folders.write(store, DAMAGED, open);
        EmbeddedBroker again = open();
        assertThat(await(again.describeTransaction(CALLER, "tx")).state())
                .isEqualTo(TransactionDescription.State.COMPLETE_ABORT);
        assertThat(await(again.listOffset(CALLER, orders(1), OffsetSpec.latestStable())))
                .isEqualTo(RECORDS + 2);
        close(again);
    }

    private static ByteBuffer transactional(ProducerIdAndEpoch producer) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16);
        builder.tryAppend(ManualRuntime.START_MILLIS, null, new byte[20], Headers.empty());
        return builder.build(producer.producerId(), producer.epoch(), 0, true);
    }

    @Test
    @DisplayName("does not open where it is one of its own, and says so")
    void ofTheBrokersOwn() {
        Path own = DATA.resolve("__consumer_offsets-0");
        byte[] log = Objects.requireNonNull(Folders.read(store, own).get(SEGMENT));
        Folders.write(store, own, Folders.with(Folders.read(store, own), SEGMENT, Arrays.copyOf(log, log.length - 1)));
        Map<String, byte[]> before = Folders.read(store, own);

        MqException error = errorOf(EmbeddedBroker.start(store, DATA, options(), Admission.OPEN, null, null));

        assertThat(error.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
        assertThat(error).hasMessageContainingAll("__consumer_offsets-0", "its own state", SEGMENT, "at byte");
        assertThat(Folders.read(store, own)).containsExactlyInAnyOrderEntriesOf(before);
    }

    @Test
    @DisplayName(
            "does not open where files can't be opened at all, which is no fault of one log; and opens when they can be again")
    void tooManyOpenFiles() {
        FaultyFileStore faulty = new FaultyFileStore(store);
        faulty.failIf((operation, path) ->
                operation == Operation.OPEN && path.startsWith(DATA.resolve("orders-2")) && path.endsWith(SEGMENT));

        assertThat(errorOf(EmbeddedBroker.start(faulty, DATA, options(), Admission.OPEN, null, null)))
                .isInstanceOfSatisfying(
                        StorageException.class,
                        refused -> assertThat(refused.operation()).isEqualTo(Operation.OPEN));

        faulty.heal();
        EmbeddedBroker broker = await(EmbeddedBroker.start(faulty, DATA, options(), Admission.OPEN, null, null));
        append(broker, orders(2));
        close(broker);
    }

    @ParameterizedTest
    @CsvSource({"'orders,bills', 3", "many, 65"})
    @DisplayName(
            "that does not open for another reason is closed again when all are opened that it had begun with, and none stays open")
    void othersEndFirst(String names, int partitions) {
        Folders.write(store, DAMAGED, whole);
        EmbeddedBroker broker = open();
        List<String> topics = List.of(names.split(","));
        for (String topic : topics) {
            if (!topic.equals("orders")) {
                await(broker.createTopic(CALLER, NewTopic.of(topic, partitions)));
            }
        }
        close(broker);
        WatchedStore watched = new WatchedStore(store);
        FaultyFileStore faulty = new FaultyFileStore(watched.store());
        Set<String> begun = new LinkedHashSet<>();
        List<Boolean> failedMeanwhile = new ArrayList<>();
        runtime = new ManualRuntime();
        CompletableFuture<EmbeddedBroker> started = new CompletableFuture<>();
        faulty.failIf((operation, path) -> {
            if (operation != Operation.OPEN || !path.endsWith(SEGMENT)) {
                return false;
            }
            String folder = String.valueOf(FileStore.parentOf(path).getFileName());
            int dash = folder.lastIndexOf('-');
            if (!topics.contains(folder.substring(0, dash))) {
                return false;
            }
            // those of one topic are opened by 64, one behind the other
            String turn = folder.substring(0, dash) + Integer.parseInt(folder.substring(dash + 1)) / 64;
            begun.add(turn);
            if (begun.size() == 1 && failedMeanwhile.isEmpty()) {
                failedMeanwhile.add(false);
                runtime.run(); // as if on another thread, the others come to where they fail
                failedMeanwhile.set(0, started.isDone());
            }
            return !turn.equals(begun.iterator().next());
        });
        EmbeddedBroker.start(faulty, DATA, options(), Admission.OPEN, null, null)
                .subscribe(started::complete, started::completeExceptionally);
        runtime.run();

        assertThat(begun).as("at once").hasSize(2);
        assertThat(failedMeanwhile).containsExactly(false);
        assertThat(started).isCompletedExceptionally();
        assertThat(watched.count("close")).isEqualTo(watched.count("open")).isPositive();
    }

    @Test
    @DisplayName("tells what it has cut from the end of another that a crash has torn")
    void cutTails() {
        Path torn = DATA.resolve("orders-2");
        Map<String, byte[]> content = Folders.read(store, torn);
        byte[] log = Objects.requireNonNull(content.get(SEGMENT));
        Folders.write(store, torn, Folders.with(content, SEGMENT, Arrays.copyOf(log, log.length + 7)));

        EmbeddedBroker broker = open();

        assertThat(broker.cutTails()).singleElement().satisfies(cut -> {
            assertThat(cut.partition()).isEqualTo(orders(2));
            assertThat(cut.file()).isEqualTo(torn.resolve(SEGMENT));
            assertThat(cut.position()).isEqualTo(log.length);
            assertThat(cut.bytes()).isEqualTo(7);
            assertThat(cut.reason()).isNotEmpty();
        });
        close(broker);
    }

    private void assertUntouched() {
        Map<String, byte[]> now = Folders.read(store, DAMAGED);
        assertThat(now.keySet()).isEqualTo(files.keySet());
        now.forEach((name, content) -> assertThat(content).as(name).isEqualTo(files.get(name)));
    }

    private void assertOffline(Mono<?> answer) {
        assertIsOffline(errorOf(answer));
    }

    private static void assertIsOffline(MqException error) {
        assertThat(error.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
        assertThat(error).hasMessageContainingAll("orders-1", "offline", SEGMENT, "at byte");
    }

    private static TopicPartition orders(int partition) {
        return new TopicPartition("orders", partition);
    }

    private void append(EmbeddedBroker broker, TopicPartition partition) {
        await(broker.append(CALLER, partition, batch(), Acks.ALL));
    }

    private static ByteBuffer batch() {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16);
        builder.tryAppend(ManualRuntime.START_MILLIS, null, new byte[20], Headers.empty());
        return builder.build();
    }

    private static int count(ByteBuffer records) {
        int count = 0;
        for (var batch : RecordBatches.of(records)) {
            count += batch.count();
        }
        return count;
    }

    private BrokerOptions options() {
        return new BrokerOptions(Durability.FSYNC, LogConfig.defaults())
                .runtime(runtime)
                .meterRegistry(registry);
    }

    private EmbeddedBroker open() {
        runtime = new ManualRuntime(runtime.nanoTime());
        return await(EmbeddedBroker.start(store, DATA, options(), Admission.OPEN, null, null));
    }

    private void close(EmbeddedBroker broker) {
        await(broker.closeGracefully(Duration.ofSeconds(10)).thenReturn(true));
    }

    private <T> T await(Mono<T> mono) {
        CompletableFuture<T> future = mono.toFuture();
        runtime.run();
        assertThat(future).isDone();
        return future.join();
    }

    private MqException errorOf(Mono<?> mono) {
        try {
            await(mono);
        } catch (CompletionException e) {
            if (e.getCause() instanceof MqException expected) {
                return expected;
            }
            throw e;
        }
        throw new AssertionError("expected an error");
    }
}
