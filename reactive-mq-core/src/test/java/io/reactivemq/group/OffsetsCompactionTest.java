package io.reactivemq.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.log.CompactionStats;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.storage.FileStore;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.CleanupPolicy;
import io.reactivemq.topic.Partition;
import io.reactivemq.topic.TopicConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import reactor.core.publisher.Mono;

/** Commits and forgets at random, compacts between, and replays {@code __consumer_offsets} beside what it should say. */
class OffsetsCompactionTest {

    private static final TopicPartition ID = new TopicPartition(GroupService.TOPIC, 0);
    private static final Path FOLDER = Path.of("data", "offsets");
    private static final int ROUNDS = 12;
    private static final int STEPS = 60;

    private final long seed = Long.getLong("seed", 11);
    private final Random random = new Random(seed);
    private final ManualRuntime runtime = new ManualRuntime();
    private final FileStore store = FileStore.memory();
    private final Map<String, Map<TopicPartition, CommittedOffset>> expected = new TreeMap<>();

    private final TestTopics catalog = new TestTopics();

    OffsetsCompactionTest() {
        for (int i = 0; i < 3; i++) {
            catalog.put("t" + i, 3);
        }
    }

    @ParameterizedTest
    @EnumSource(value = Durability.class, mode = Mode.EXCLUDE, names = "OS_BUFFERED")
    @DisplayName("K09 offsets that were committed are the same after __consumer_offsets was compacted and replayed")
    void replayed(Durability durability) {
        store.createDirectories(FileStore.parentOf(FOLDER));
        LogCleaner cleaner = new LogCleaner(LogCleaner.MAP_BYTES_DEFAULT, random);
        Partition partition = open(durability);
        GroupService groups = load(partition);
        long written = 0;
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < STEPS; i++) {
                step(groups);
            }
            written = partition.highWatermark();
            // tombstones go after a day: in every third round there is one whose time has come
            runtime.advanceBy(round % 3 == 2 ? Duration.ofDays(2) : Duration.ofSeconds(1));
            CompletableFuture<CompactionStats> pass = partition.compact(cleaner).toFuture();
            if (round % 2 == 1) {
                step(groups); // beside the pass
            }
            runtime.run();
            assertThat(pass).isCompleted();

            groups.close();
            if (round % 2 == 0) {
                await(partition.close().thenReturn(true));
                partition = open(durability);
            }
            groups = load(partition);
            check(groups, "seed " + seed + ", round " + round);
        }
        assertThat(written).as("records that were written").isGreaterThan(ROUNDS * STEPS);
        assertThat(store.list(FOLDER).stream().mapToLong(store::size).sum())
                .as("bytes that are left of about 100,000")
                .isLessThan(20_000);
        groups.close();
        await(partition.close().thenReturn(true));
    }

    private Partition open(Durability durability) {
        TopicConfig config = new TopicConfig(
                        durability, LogConfig.defaults().withSegmentBytes(2_000).withIndexIntervalBytes(200))
                .withCleanup(Set.of(CleanupPolicy.COMPACT));
        PartitionLog log = PartitionLog.open(store, FOLDER, ID, config.effectiveLog());
        return new Partition(ID, log, config, runtime, Admission.OPEN);
    }

    private GroupService load(Partition partition) {
        GroupService groups = new GroupService(
                partition, GroupConfig.DEFAULT.withOffsetsRetention(Duration.ofDays(10_000)), catalog, runtime);
        await(groups.load().thenReturn(true));
        return groups;
    }

    private void step(GroupService groups) {
        String topic = "t" + random.nextInt(3);
        if (random.nextInt(25) == 0) {
            expected.values()
                    .forEach(offsets ->
                            offsets.keySet().removeIf(id -> id.topic().equals(topic)));
            expected.values().removeIf(Map::isEmpty);
            await(groups.forget(topic, new UUID(0, 1)).thenReturn(true));
            return;
        }
        String group = "g" + random.nextInt(4);
        Map<TopicPartition, CommittedOffset> offsets = new HashMap<>();
        for (int i = random.nextInt(3); i >= 0; i--) {
            offsets.put(
                    new TopicPartition(topic, random.nextInt(3)),
                    new CommittedOffset(random.nextInt(1_000), random.nextInt(4), "note " + random.nextInt(100)));
        }
        expected.computeIfAbsent(group, id -> new HashMap<>()).putAll(offsets);
        await(groups.commitOffsets(Caller.embedded("test"), OffsetCommit.admin(group, offsets))
                .thenReturn(true));
    }

    private void check(GroupService groups, String story) {
        Caller caller = Caller.embedded("test");
        assertThat(await(groups.listGroups(caller)).stream()
                        .map(GroupListing::groupId)
                        .toList())
                .as(story)
                .containsExactlyElementsOf(new TreeSet<>(expected.keySet()));
        Set<TopicPartition> all = new HashSet<>();
        for (int i = 0; i < 9; i++) {
            all.add(new TopicPartition("t" + i % 3, i / 3));
        }
        expected.forEach((group, offsets) -> assertThat(await(groups.fetchOffsets(caller, group, all)))
                .as(story)
                .isEqualTo(offsets));
    }

    private <T> T await(Mono<T> mono) {
        CompletableFuture<T> future = mono.toFuture();
        runtime.run();
        assertThat(future).isDone();
        return future.join();
    }
}
