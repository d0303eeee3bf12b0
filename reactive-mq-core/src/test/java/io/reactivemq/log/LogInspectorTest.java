package io.reactivemq.log;

import static io.reactivemq.log.Batches.batch;
import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Batches.transactional;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogFinding.Kind;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FaultyFileStore;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import io.reactivemq.storage.StorageException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A log that is inspected")
class LogInspectorTest {

    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final Path FOLDER = Path.of("/data/t-0");
    private static final String FIRST = "00000000000000000000.log";
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(400).withIndexIntervalBytes(100);

    private final FileStore store = FileStore.memory();

    /** A log of several segments as it is while it is written to, and as it was closed. */
    private Map<String, byte[]> open = Map.of();

    private Map<String, byte[]> closed = Map.of();

    private String last = "";

    @BeforeEach
    void write() {
        FileStore written = FileStore.memory();
        try (PartitionLog log = PartitionLog.open(written, FOLDER, T0, CONFIG)) {
            for (int i = 0; i < 40; i++) {
                // so that the largest timestamp is not always the last
                log.append(batch(1_000 + (i % 7) * 100 + i, "value " + i, "and " + i), 0);
            }
            log.force();
            open = Folders.read(written, FOLDER);
        }
        closed = Folders.read(written, FOLDER);
        List<String> segments = closed.keySet().stream()
                .filter(name -> name.endsWith(".log"))
                .sorted()
                .toList();
        assertThat(segments).hasSizeGreaterThan(5);
        last = segments.get(segments.size() - 1);
    }

    private LogSummary read(Map<String, byte[]> files) {
        Folders.write(store, FOLDER, files);
        LogSummary summary = new LogInspector(store, new LogInspector.Visitor() {}).read(FOLDER);
        Map<String, byte[]> after = Folders.read(store, FOLDER);
        assertThat(after.keySet()).as("the files").isEqualTo(files.keySet());
        after.forEach((name, content) -> assertThat(content).as(name).isEqualTo(files.get(name)));
        return summary;
    }

    private Map<String, byte[]> flipped(String file, int position) {
        byte[] content = bytes(file);
        content[position] ^= 0x10;
        return Folders.with(closed, file, content);
    }

    private byte[] bytes(String file) {
        byte[] content = closed.get(file);
        assertThat(content).as(file).isNotNull();
        return content == null ? new byte[0] : content.clone();
    }

    @Test
    @DisplayName("is told of batch by batch; in good order there is nothing to find")
    void sound() {
        Folders.write(store, FOLDER, closed);
        List<String> batches = new ArrayList<>();
        LogSummary summary = new LogInspector(store, new LogInspector.Visitor() {
                    @Override
                    public void batch(Path file, long position, RecordBatch batch) {
                        batches.add(file.getFileName() + "@" + position + ":" + batch.baseOffset());
                    }
                })
                .read(FOLDER);
        assertThat(summary.findings()).isEmpty();
        assertThat(summary.isSound()).isTrue();
        assertThat(summary.clean()).isTrue();
        assertThat(summary.logStartOffset()).isZero();
        assertThat(summary.nextOffset()).isEqualTo(80).isEqualTo(summary.recoveryPoint());
        assertThat(summary.records()).isEqualTo(80);
        assertThat(summary.batches()).isEqualTo(40).isEqualTo(batches.size());
        assertThat(batches).startsWith(FIRST + "@0:0").doesNotHaveDuplicates();
        assertThat(summary.segments()).isGreaterThan(5);
    }

    @Test
    @DisplayName("may be one that was not closed")
    void notClosed() {
        LogSummary summary = read(open);
        assertThat(summary.isSound()).isTrue();
        assertThat(summary.clean()).isFalse();
        assertThat(summary.records()).isEqualTo(80);
    }

    @Test
    @DisplayName("is damaged wherever a bit of a segment that counts is not as it was written")
    void flippedBits() {
        byte[] content = bytes(FIRST);
        for (int position = 0; position < content.length; position++) {
            LogSummary summary = read(flipped(FIRST, position));
            assertThat(summary.isSound()).as("byte %d", position).isFalse();
            assertThat(summary.findings())
                    .as("byte %d", position)
                    .allSatisfy(finding -> assertThat(finding.file().toString()).contains("/data/t-0/"))
                    .anySatisfy(finding -> assertThat(finding.kind()).isEqualTo(Kind.DAMAGE));
        }
    }

    @Test
    @DisplayName("is damaged, however much else is found first")
    void damageBehindManyFindings() {
        byte[] entries = new byte[IndexFormat.OFFSET_ENTRY_BYTES * 2 * LogSummary.FINDINGS_MAX];
        Map<String, byte[]> files = Folders.with(closed, FIRST.replace(".log", ".index"), entries);
        assertThat(read(files).isSound()).isTrue();
        byte[] content = bytes(last);
        content[RecordBatch.HEADER_BYTES] ^= 1;
        LogSummary summary = read(Folders.with(files, last, content));
        assertThat(summary.findings())
                .hasSize(LogSummary.FINDINGS_MAX)
                .allSatisfy(finding -> assertThat(finding.kind()).isEqualTo(Kind.NOTE));
        assertThat(summary.isSound()).isFalse();
    }

    @Test
    @DisplayName("goes on behind the damage")
    void behindDamage() {
        LogSummary summary = read(flipped(FIRST, RecordBatch.HEADER_BYTES + 3));
        assertThat(summary.findings()).hasSize(1);
        LogFinding damage = summary.findings().get(0);
        assertThat(damage.position()).isZero();
        assertThat(damage.what()).contains("crc of the batch: expected");
        assertThat(summary.batches()).isEqualTo(39);
        assertThat(summary.nextOffset()).isEqualTo(80);
    }

    @Test
    @DisplayName("is damaged where a segment is missing or cut")
    void missingSegment() {
        LogSummary without = read(Folders.without(closed, FIRST));
        assertThat(without.isSound()).isFalse();
        assertThat(without.findings().get(0).what()).contains("missing: the log begins at offset 0");
        byte[] content = bytes(FIRST);
        for (int length = 0; length < content.length; length++) {
            LogSummary cut = read(Folders.with(closed, FIRST, Arrays.copyOf(content, length)));
            assertThat(cut.isSound()).as("%d bytes", length).isFalse();
        }
    }

    @Test
    @DisplayName("has a torn tail, and no damage, where it was not forced and nothing that counts is behind")
    void tornTail() {
        byte[] torn = Arrays.copyOf(bytes(last), bytes(last).length + 77);
        LogSummary summary = read(Folders.with(closed, last, torn));
        assertThat(summary.isSound()).isTrue();
        assertThat(summary.findings()).hasSize(1);
        assertThat(summary.findings().get(0).kind()).isEqualTo(Kind.TORN_TAIL);
        assertThat(summary.findings().get(0).position()).isEqualTo(bytes(last).length);
        assertThat(summary.findings().get(0).what()).startsWith("77 bytes");
    }

    @Test
    @DisplayName("is damaged where bytes are missing that were forced")
    void forcedBytes() {
        byte[] content = bytes(last);
        for (int length = 0; length < content.length; length++) {
            LogSummary cut = read(Folders.with(closed, last, Arrays.copyOf(content, length)));
            assertThat(cut.isSound()).as("%d bytes", length).isFalse();
        }
    }

    @Test
    @DisplayName("is sound without its indexes, epochs and checkpoint, or with others, which are made again")
    void rebuilt() {
        for (String name : closed.keySet()) {
            if (name.endsWith(".log")) {
                continue;
            }
            LogSummary without = read(Folders.without(closed, name));
            assertThat(without.isSound()).as("without " + name).isTrue();
            if (bytes(name).length > 0) {
                assertThat(without.findings()).as("without " + name).isNotEmpty();
                assertThat(read(flipped(name, 5)).isSound()).as(name).isTrue();
            }
            if (name.endsWith("index")) {
                for (int position = 0; position < bytes(name).length; position++) {
                    List<LogFinding> findings = read(flipped(name, position)).findings();
                    assertThat(findings)
                            .as("%s, byte %d", name, position)
                            .isNotEmpty()
                            .allSatisfy(finding -> {
                                assertThat(finding.kind()).isEqualTo(Kind.NOTE);
                                assertThat(finding.file()).hasFileName(name);
                            });
                }
            }
        }
    }

    @Test
    @DisplayName("may have a damaged snapshot of producers, which is made again")
    void damagedSnapshot() {
        String name = "00000000000000000080.snapshot";
        Map<String, byte[]> files = new TreeMap<>(closed);
        byte[] snapshot = ProducerSnapshot.encode(List.of()).array();
        files.put(name, snapshot);
        assertThat(read(files).findings()).isEmpty();
        snapshot[3] ^= 1;
        files.put(name, snapshot);
        LogSummary summary = read(files);
        assertThat(summary.isSound()).isTrue();
        assertThat(summary.findings()).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.NOTE);
            assertThat(finding.file()).hasFileName(name);
        });
    }

    @Test
    @DisplayName("K04 may have a transaction index that is missing or not what was written, which is made again")
    void damagedTransactionIndex() {
        FileStore written = FileStore.memory();
        try (PartitionLog log = PartitionLog.open(written, FOLDER, T0, CONFIG)) {
            for (int i = 0; i < 12; i++) {
                log.append(transactional(1, 0, i, "aborted " + i), 0);
                log.appendMarker(marker(1, 0, Outcome.ABORT), 0);
            }
        }
        Map<String, byte[]> files = Folders.read(written, FOLDER);
        List<String> indexes = files.keySet().stream()
                .filter(name -> name.endsWith(".txnindex"))
                .toList();
        assertThat(indexes).hasSizeGreaterThan(1);
        assertThat(read(files).findings()).isEmpty();
        for (String name : indexes) {
            byte[] content = Objects.requireNonNull(files.get(name));
            onlyNoted(name, read(Folders.without(files, name)));
            for (int position = 0; position < content.length; position++) {
                byte[] flipped = content.clone();
                flipped[position] ^= 0x10;
                onlyNoted(name, read(Folders.with(files, name, flipped)));
            }
        }
    }

    private static void onlyNoted(String name, LogSummary summary) {
        assertThat(summary.isSound()).isTrue();
        assertThat(summary.findings()).singleElement().satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Kind.NOTE);
            assertThat(finding.file()).hasFileName(name);
        });
    }

    @Test
    @DisplayName("may have small files that cannot be read, which are told of by name")
    void unreadable() {
        Folders.write(store, FOLDER, closed);
        FaultyFileStore faulty = new FaultyFileStore(store);
        for (String name : List.of(LogCheckpoint.FILE_NAME, LeaderEpochs.FILE_NAME)) {
            faulty.failIf((operation, path) -> operation == StorageException.Operation.READ && path.endsWith(name));
            LogSummary summary = new LogInspector(faulty, new LogInspector.Visitor() {}).read(FOLDER);
            assertThat(summary.isSound()).isTrue();
            assertThat(summary.findings())
                    .anySatisfy(finding -> assertThat(finding.toString()).contains(name, "cannot be read"));
        }
    }

    @Test
    @DisplayName("is read as the next opening completes it, where a compaction was interrupted")
    void interruptedCompaction() {
        List<String> segments = closed.keySet().stream()
                .filter(name -> name.endsWith(".log"))
                .sorted()
                .toList();
        byte[] first = bytes(segments.get(0));
        byte[] second = bytes(segments.get(1));
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);

        Map<String, byte[]> committed = Folders.with(closed, FIRST + ".swap", both);
        Map<String, byte[]> aside = Folders.without(Folders.without(committed, FIRST), segments.get(1));
        for (Map<String, byte[]> files : List.of(committed, aside)) {
            LogSummary summary = read(files);
            assertThat(summary.isSound()).as(summary.findings().toString()).isTrue();
            assertThat(summary.records()).isEqualTo(80);
            assertThat(summary.findings()).anySatisfy(finding -> {
                assertThat(finding.kind()).isEqualTo(Kind.NOTE);
                assertThat(finding.file()).hasFileName(FIRST + ".swap");
            });
        }
        both[RecordBatch.HEADER_BYTES] ^= 1;
        assertThat(read(Folders.with(aside, FIRST + ".swap", both)).isSound()).isFalse();

        LogSummary uncommitted = read(Folders.with(closed, FIRST + ".cleaned", new byte[5]));
        assertThat(uncommitted.isSound()).isTrue();
        assertThat(uncommitted.findings())
                .singleElement()
                .satisfies(finding -> assertThat(finding.what()).startsWith("left over from a compaction"));
    }

    @Test
    @DisplayName("is found in a data directory or named itself; anything else is refused by name")
    void folders() {
        Folders.write(store, FOLDER, closed);
        Folders.write(store, Path.of("/data/other-1"), closed);
        Folders.write(store, Path.of("/data/no-log"), Map.of("readme", new byte[1]));
        LogInspector inspector = new LogInspector(store, new LogInspector.Visitor() {});
        assertThat(inspector.logsIn(Path.of("/data"))).containsExactly(Path.of("/data/other-1"), FOLDER);
        assertThat(inspector.logsIn(FOLDER)).containsExactly(FOLDER);
        assertThatThrownBy(() -> inspector.logsIn(Path.of("/nowhere")))
                .isInstanceOf(MqException.class)
                .hasMessageContaining("/nowhere does not exist");
        assertThatThrownBy(() -> inspector.logsIn(FOLDER.resolve(FIRST)))
                .isInstanceOf(MqException.class)
                .hasMessageContaining("is not a directory");
        assertThatThrownBy(() -> inspector.logsIn(Path.of("/data/no-log")))
                .isInstanceOf(MqException.class)
                .hasMessageContaining("/data/no-log holds no log");
    }

    @Test
    @DisplayName("may hold a length of two gigabytes where a batch should be, and takes no such memory")
    void lengthBomb() {
        byte[] content = bytes(FIRST);
        ByteBuffer.wrap(content).putInt(RecordBatch.LENGTH_AT, Integer.MAX_VALUE);
        LogSummary summary = read(Folders.with(closed, FIRST, content));
        assertThat(summary.findings().get(0).what()).startsWith("size of the batch: expected");
    }
}
