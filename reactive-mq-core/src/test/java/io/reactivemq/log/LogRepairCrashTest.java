package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogRepair.Report;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Each run of a repair ends at one of its calls of the storage, as when its process is killed there; each call comes to be the last. */
@DisplayName("Rule 4: a repair that is killed at any call of the storage")
class LogRepairCrashTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path DATA = Path.of("/data");
    private static final Path FOLDER = DATA.resolve("t-0");
    private static final int RECORDS = 40;
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(1_000).withIndexIntervalBytes(200);

    private final List<Map<String, byte[]>> damages = new ArrayList<>();

    @BeforeEach
    void build() {
        FileStore store = FileStore.memory();
        List<String> segments;
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            for (int i = 0; i < RECORDS; i++) {
                log.append(batch("value " + i), 0);
            }
            segments = log.segments().stream()
                    .map(segment -> String.format("%020d.log", segment.baseOffset()))
                    .toList();
        }
        assertThat(segments).hasSizeGreaterThan(3);
        Map<String, byte[]> healthy = Folders.read(store, FOLDER);
        String last = segments.get(segments.size() - 1);
        byte[] lastBytes = Objects.requireNonNull(healthy.get(last));
        Map<String, byte[]> shorter = Folders.with(healthy, last, Arrays.copyOf(lastBytes, lastBytes.length - 10));
        damages.add(Folders.withBitFlipped(healthy, segments.get(1), 8 * 500));
        damages.add(Folders.withBitFlipped(healthy, segments.get(1), 8 * 10));
        damages.add(shorter);
        damages.add(Folders.withBitFlipped(shorter, segments.get(0), 8 * 700));
        damages.add(Folders.without(healthy, segments.get(2)));
    }

    @Test
    @DisplayName("goes on when it is run again: nothing is lost, no offset is given out twice")
    void anywhere() {
        int runs = 0;
        for (Map<String, byte[]> damage : damages) {
            for (boolean cut : new boolean[] {true, false}) {
                FileStore whole = with(damage);
                Report expected = repair(whole, cut);
                assertThat(expected.nextOffset()).isEqualTo(RECORDS);
                boolean killed = true;
                for (int call = 0; killed; call++, runs++) {
                    FileStore store = with(damage);
                    killed = killedAt(store, call, cut);
                    String where = (cut ? "--cut" : "--set-aside") + " of damage " + damages.indexOf(damage) + ", call "
                            + call;
                    try {
                        again(store, cut, expected, damage);
                        if (killed) {
                            FileStore other = with(damage);
                            killedAt(other, call, cut);
                            asABroker(other, expected);
                            assertThat(repair(other, false).nextOffset()).isEqualTo(RECORDS);
                            assertNothingIsLost(other, damage);
                        }
                    } catch (RuntimeException | AssertionError e) {
                        throw new AssertionError(where + ": " + e, e);
                    }
                }
            }
        }
        assertThat(runs).isGreaterThan(300);
    }

    private static FileStore with(Map<String, byte[]> files) {
        FileStore store = FileStore.memory();
        Folders.write(store, FOLDER, files);
        return store;
    }

    private static Report repair(FileStore store, boolean cut) {
        LogRepair repair = new LogRepair(store, FOLDER);
        return cut ? repair.cut() : repair.setAside(0);
    }

    /** Whether it made that many calls; then that one, and those that would have come behind it, have done nothing. */
    private static boolean killedAt(FileStore store, int call, boolean cut) {
        FaultyFileStore dying = new FaultyFileStore(store);
        int[] calls = {0};
        dying.failIf((operation, path) -> calls[0]++ >= call);
        try {
            repair(dying, cut);
            return calls[0] > call; // an error was taken for less than it was
        } catch (MqException killed) {
            return true;
        }
    }

    /** Who opens it is refused, or has what the whole repair would have left. */
    private static void asABroker(FileStore store, Report expected) {
        if (!LogFolder.of(store, FOLDER).hasSegments()) {
            return; // a broker knows that it should be there
        }
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            log.verify();
            assertThat(log.logEndOffset()).isEqualTo(RECORDS);
            assertThat(log.leaderEpoch()).isPositive();
            assertThat(log.logStartOffset()).isEqualTo(expected.logStartOffset());
        } catch (MqException refused) {
            assertThat(refused.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
        }
    }

    private static void again(FileStore store, boolean cut, Report expected, Map<String, byte[]> before) {
        Report report = repair(store, cut);
        assertThat(report.nextOffset()).isEqualTo(RECORDS);
        assertThat(report.logStartOffset()).isEqualTo(expected.logStartOffset());
        if (report.damage() != null) {
            assertThat(report.keptTo()).isEqualTo(expected.keptTo());
        }
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            log.verify();
            assertThat(log.logEndOffset()).isEqualTo(RECORDS);
            assertThat(log.leaderEpoch()).isPositive();
        }
        assertNothingIsLost(store, before);
    }

    /** All bytes of the segments are in the folder or beside it. */
    private static void assertNothingIsLost(FileStore store, Map<String, byte[]> before) {
        Map<String, byte[]> kept = logs(store, FOLDER);
        List<Map<String, byte[]>> away = new ArrayList<>();
        Path aside = DATA.resolve("set-aside");
        if (store.exists(aside)) {
            store.list(aside).forEach(place -> away.add(logs(store, place)));
        }
        before.forEach((name, whole) -> {
            if (!name.endsWith(IndexFormat.LOG_SUFFIX)) {
                return;
            }
            ByteBuffer all = ByteBuffer.wrap(whole);
            boolean isWhole = away.stream()
                    .map(files -> files.get(name))
                    .anyMatch(bytes -> bytes != null && startsWith(bytes, all));
            byte[] begin = kept.get(name);
            boolean isKept = begin != null && startsWith(begin, all);
            assertThat(isWhole || isKept || isCopied(name, whole, begin, away))
                    .as(name)
                    .isTrue();
        });
    }

    private static boolean isCopied(
            String name, byte[] whole, byte @Nullable [] begin, List<Map<String, byte[]>> away) {
        String prefix = name + ".from-";
        for (Map<String, byte[]> files : away) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                if (!file.getKey().startsWith(prefix)) {
                    continue;
                }
                int from = Integer.parseInt(file.getKey().substring(prefix.length()));
                ByteBuffer rest = ByteBuffer.wrap(whole, from, whole.length - from);
                ByteBuffer first = ByteBuffer.wrap(whole, 0, from);
                boolean restIsThere = ByteBuffer.wrap(file.getValue()).equals(rest);
                boolean firstIsThere = (begin != null && startsWith(begin, first))
                        || away.stream()
                                .map(other -> other.get(name))
                                .anyMatch(bytes -> bytes != null && startsWith(bytes, first));
                if (restIsThere && firstIsThere) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean startsWith(byte[] bytes, ByteBuffer with) {
        return bytes.length >= with.remaining()
                && ByteBuffer.wrap(bytes, 0, with.remaining()).equals(with);
    }

    private static Map<String, byte[]> logs(FileStore store, Path folder) {
        Map<String, byte[]> logs = new TreeMap<>();
        for (Path path : store.list(folder)) {
            String name = String.valueOf(path.getFileName());
            if (name.contains(".log")) {
                ByteBuffer content = store.readFile(path);
                byte[] bytes = new byte[content.remaining()];
                content.get(bytes);
                logs.put(name, bytes);
            }
        }
        return logs;
    }
}
