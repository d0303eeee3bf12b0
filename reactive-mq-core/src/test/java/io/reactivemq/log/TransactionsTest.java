package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Batches.produced;
import static io.reactivemq.log.Batches.transactional;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("K04 transactions in a log:")
class TransactionsTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final Path COPY = Path.of("/data/copy");
    private static final long NONE_OPEN = Long.MAX_VALUE;
    private static final LogConfig CONFIG = LogConfig.defaults()
            .withSegmentBytes(1_000)
            .withIndexIntervalBytes(150)
            .withRecoveryPointBytes(300);

    private final FileStore store = FileStore.memory();
    private PartitionLog log = open(FOLDER);

    @AfterEach
    void close() {
        log.close();
    }

    private PartitionLog open(Path folder) {
        return PartitionLog.open(store, folder, T0, CONFIG);
    }

    private static void assertRefused(ErrorCode code, Runnable append) {
        assertThatThrownBy(append::run)
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(code));
    }

    @Test
    @DisplayName("the first open one makes the rest of the log unstable, until it ends")
    void firstUnstableOffset() {
        assertThat(log.firstUnstableOffset()).isEqualTo(NONE_OPEN);
        log.append(batch("a"), 0);
        log.append(transactional(1, 0, 0, "b"), 0);
        log.append(transactional(2, 0, 0, "c", "d"), 0);
        log.append(transactional(1, 0, 1, "e"), 0);
        assertThat(log.firstUnstableOffset()).isEqualTo(1);

        assertThat(log.appendMarker(marker(2, 0, Outcome.COMMIT), 0)).isEqualTo(new AppendInfo(5, 6, -1));
        assertThat(log.firstUnstableOffset()).isEqualTo(1);
        log.append(transactional(2, 0, 2, "f"), 0);
        log.appendMarker(marker(1, 0, Outcome.ABORT), 0);
        assertThat(log.firstUnstableOffset()).isEqualTo(6);
        log.appendMarker(marker(2, 0, Outcome.ABORT), 0);
        assertThat(log.firstUnstableOffset()).isEqualTo(NONE_OPEN);

        AbortedTransaction first = new AbortedTransaction(1, 1, 7, 6);
        AbortedTransaction second = new AbortedTransaction(2, 6, 8, 9);
        assertThat(log.abortedTransactions(0, 9)).containsExactly(first, second);
        assertThat(log.abortedTransactions(0, 1)).isEmpty();
        assertThat(log.abortedTransactions(0, 2)).containsExactly(first);
        assertThat(log.abortedTransactions(7, 9)).containsExactly(first, second);
        assertThat(log.abortedTransactions(8, 9)).containsExactly(second);
    }

    @Test
    @DisplayName("a producer's batch outside of its open one is refused, and a marker is the coordinator's alone")
    void refused() {
        log.append(transactional(1, 3, 0, "a"), 0);

        assertRefused(ErrorCode.INVALID_TXN_STATE, () -> log.append(produced(1, 3, 1, "b"), 0));
        assertRefused(ErrorCode.INVALID_RECORD, () -> log.append(marker(1, 3, Outcome.COMMIT), 0));
        assertRefused(ErrorCode.INVALID_RECORD, () -> log.appendMarker(transactional(1, 3, 1, "b"), 0));
        assertRefused(ErrorCode.INVALID_PRODUCER_EPOCH, () -> log.appendMarker(marker(1, 2, Outcome.COMMIT), 0));
        assertThat(log.logEndOffset()).isOne();

        log.appendMarker(new TransactionMarker(Outcome.COMMIT, 5).toBatch(1, (short) 3, 0), 0);
        log.append(transactional(1, 3, 1, "b"), 0);
        assertRefused(
                ErrorCode.TRANSACTION_COORDINATOR_FENCED,
                () -> log.appendMarker(new TransactionMarker(Outcome.ABORT, 4).toBatch(1, (short) 3, 0), 0));
        log.appendMarker(new TransactionMarker(Outcome.ABORT, 5).toBatch(1, (short) 4, 0), 0);
        assertThat(log.firstUnstableOffset()).isEqualTo(NONE_OPEN);
        assertRefused(ErrorCode.INVALID_PRODUCER_EPOCH, () -> log.append(transactional(1, 3, 2, "c"), 0));
    }

    @Test
    @DisplayName("an open one is not forgotten, however long it lasts")
    void openOnesStay() {
        log.append(transactional(1, 0, 0, "a"), 0);
        log.expireProducers(Long.MAX_VALUE);
        assertThat(log.firstUnstableOffset()).isZero();
        log.appendMarker(marker(1, 0, Outcome.ABORT), 0);
        assertThat(log.abortedTransactions(0, 2)).hasSize(1);
    }

    @Test
    @DisplayName("records that are deleted are not unstable any more")
    void deleted() {
        log.append(transactional(1, 0, 0, "a", "b", "c"), 0);
        log.deleteRecordsBefore(2);
        assertThat(log.firstUnstableOffset()).isEqualTo(2);
    }

    /** Random transactions of a few producers, and what should be known of them, by a plain account. */
    private static final class Account {
        private final Random random;
        private final Map<Long, Long> open = new TreeMap<>();
        private final Map<Long, Integer> sequences = new HashMap<>();
        private final List<AbortedTransaction> aborted = new ArrayList<>();

        Account(long seed) {
            random = new Random(seed);
        }

        void step(PartitionLog log) {
            long id = random.nextInt(5);
            long end = log.logEndOffset();
            if (open.containsKey(id) && random.nextInt(3) == 0) {
                Outcome outcome = random.nextInt(3) == 0 ? Outcome.COMMIT : Outcome.ABORT;
                log.appendMarker(marker(id, 0, outcome), 0);
                long first = open.remove(id);
                if (outcome == Outcome.ABORT) {
                    long stable = open.values().stream().min(Long::compare).orElse(end + 1);
                    aborted.add(new AbortedTransaction(id, first, end, stable));
                }
            } else {
                int sequence = sequences.merge(id, 1, Integer::sum) - 1;
                log.append(transactional(id, 0, sequence, "v".repeat(random.nextInt(50))), 0);
                open.putIfAbsent(id, end);
            }
        }

        List<AbortedTransaction> between(long from, long to) {
            return aborted.stream()
                    .filter(each -> each.lastOffset() >= from && each.firstOffset() < to)
                    .toList();
        }

        void check(PartitionLog log) {
            long stable = open.values().stream().min(Long::compare).orElse(NONE_OPEN);
            assertThat(log.firstUnstableOffset()).isEqualTo(stable);
            long end = Math.min(stable, log.logEndOffset());
            for (long from = log.logStartOffset(); from < end; from += 1 + random.nextInt(5)) {
                long to = from + 1 + random.nextInt((int) (end - from));
                assertThat(log.abortedTransactions(from, to))
                        .as("aborted between %d and %d", from, to)
                        .isEqualTo(between(from, to));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    @DisplayName("whatever of the files beside the log is lost or damaged, the same are known to be aborted")
    void lostFiles(long seed) {
        Account account = new Account(seed);
        Random random = new Random(seed);
        for (int i = 0; i < 150; i++) {
            account.step(log);
            if (random.nextInt(20) == 0) {
                log.force();
            }
        }
        account.check(log);
        assertThat(log.segments()).hasSizeGreaterThan(5);
        for (int round = 0; round < 25; round++) {
            boolean clean = round % 2 == 0;
            if (clean) {
                log.close();
            }
            Map<String, byte[]> files = Folders.read(store, FOLDER);
            if (clean) {
                log = open(FOLDER);
            }
            List<String> story = new ArrayList<>();
            for (String name : List.copyOf(files.keySet())) {
                if (!name.endsWith(".log") && random.nextInt(4) == 0) {
                    story.add(spoil(files, name, random));
                }
            }
            Folders.write(store, COPY, files);
            try (PartitionLog copy = open(COPY)) {
                account.check(copy);
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed + ", clean " + clean + ": " + story, e);
            }
            try (PartitionLog again = open(COPY)) {
                account.check(again);
            }
            store.deleteRecursively(COPY);
            account.step(log);
        }
    }

    private static String spoil(Map<String, byte[]> files, String name, Random random) {
        byte[] content = Objects.requireNonNull(files.get(name));
        int how = random.nextInt(3);
        if (how == 0 || content.length == 0) {
            files.remove(name);
            return name + " removed";
        }
        if (how == 1) {
            files.put(name, Arrays.copyOf(content, random.nextInt(content.length)));
            return name + " cut";
        }
        byte[] flipped = content.clone();
        flipped[random.nextInt(content.length)] ^= (byte) (1 << random.nextInt(8));
        files.put(name, flipped);
        return name + " flipped";
    }

    @Test
    @DisplayName("an index that is damaged while the log is open is an error, never a record that was aborted")
    void damagedWhileOpen() {
        Account account = new Account(9);
        while (log.segments().size() < 3 || account.aborted.isEmpty()) {
            account.step(log);
        }
        Path index = store.list(FOLDER).stream()
                .filter(path -> path.toString().endsWith(IndexFormat.TRANSACTION_INDEX_SUFFIX))
                .findFirst()
                .orElseThrow();
        ByteBuffer content = store.readFile(index);
        ByteBuffer flipped =
                ByteBuffer.allocate(content.remaining()).put(content).flip();
        flipped.put(5, (byte) ~flipped.get(5));
        store.replaceFile(index, flipped);

        assertRefused(ErrorCode.CORRUPT_MESSAGE, () -> log.abortedTransactions(0, log.logEndOffset()));
    }

    @Test
    @DisplayName("segments that are deleted take their index with them")
    void deletedSegments() {
        Account account = new Account(11);
        while (log.segments().size() < 5) {
            account.step(log);
        }
        log.deleteSegmentsBefore(log.logEndOffset());
        assertThat(store.list(FOLDER).stream()
                        .filter(path -> path.toString().endsWith(IndexFormat.TRANSACTION_INDEX_SUFFIX)
                                || path.toString().endsWith(ProducerSnapshot.SUFFIX))
                        .filter(path ->
                                Long.parseLong(path.getFileName().toString().substring(0, 20)) < log.logStartOffset()))
                .isEmpty();
        log.close();
        log = open(FOLDER);
        assertThat(log.abortedTransactions(log.logStartOffset(), log.logEndOffset()))
                .allSatisfy(aborted -> assertThat(aborted.lastOffset()).isGreaterThanOrEqualTo(log.logStartOffset()));
    }
}
