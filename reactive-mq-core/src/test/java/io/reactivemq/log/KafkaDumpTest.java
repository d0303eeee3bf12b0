package io.reactivemq.log;

import static io.reactivemq.log.Batches.marker;
import static io.reactivemq.log.Batches.produced;
import static io.reactivemq.log.Batches.transactional;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import io.reactivemq.Compression;
import io.reactivemq.Headers;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.Compactions.Entry;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.storage.FileStore;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jpountz.lz4.LZ4Factory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.xerial.snappy.Snappy;

/** Runs Kafka's own log dump, of its own version and on its own class path, on the files of a log. */
@DisplayName("K25 Kafka's log dump reads and verifies")
@Tag("files")
class KafkaDumpTest {

    /** Where the build puts the tool. */
    private static final Path TOOL = Path.of("target", "kafka-tools");

    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(4_000).withIndexIntervalBytes(300);

    @TempDir
    private Path directory;

    private PartitionLog open() {
        return PartitionLog.open(FileStore.disk(), directory.resolve("t-0"), new TopicPartition("t", 0), CONFIG);
    }

    /** Plain, compressed, numbered and transactional batches, commits and aborts. Returns how many records. */
    private static int fill(PartitionLog log, int from, int to) {
        Random random = new Random(from);
        int records = 0;
        for (int i = from; i < to; i++) {
            Compression[] all = Compression.values();
            log.append(compressed(all[i % all.length], 10_000 + random.nextInt(500)), 0);
            log.append(produced(1, 0, 2 * i, "b" + i, "c" + i), 0);
            log.append(transactional(2 + i % 3, 0, i / 3, "d" + i), 0);
            records += 6;
            if (i % 7 == 6) {
                log.appendMarker(marker(2 + i % 3, 0, i % 2 == 0 ? Outcome.ABORT : Outcome.COMMIT), 0);
                records++;
            }
        }
        return records;
    }

    private static ByteBuffer compressed(Compression compression, long timestampMs) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16, compression);
        for (int i = 0; i < 3; i++) {
            builder.tryAppend(timestampMs + i, null, ("value " + i).getBytes(UTF_8), Headers.empty());
        }
        return builder.build();
    }

    @Test
    @DisplayName("a log that was closed, and one that was closed once more after it had grown")
    void closedLog() throws Exception {
        int records;
        try (PartitionLog log = open()) {
            records = fill(log, 0, 60);
            assertThat(log.segments()).hasSizeGreaterThan(4);
        }
        assertSound(files(Long.MAX_VALUE), records);
        try (PartitionLog log = open()) {
            records += fill(log, 60, 90);
            log.deleteSegmentsBefore(100);
            records -= (int) log.logStartOffset();
        }
        assertSound(files(Long.MAX_VALUE), records);
    }

    @Test
    @DisplayName("the closed segments of a log that is open")
    void closedSegments() throws Exception {
        try (PartitionLog log = open()) {
            fill(log, 0, 60);
            long active = log.segments().get(log.segments().size() - 1).baseOffset();
            assertSound(files(active), (int) active);
        }
    }

    @Test
    @DisplayName("a log that was killed and opened again")
    void killedLog() throws Exception {
        int records;
        Path copy = directory.resolve("copy").resolve("t-0");
        try (PartitionLog log = open()) {
            records = fill(log, 0, 60);
            Files.createDirectories(copy);
            try (Stream<Path> files = Files.list(directory.resolve("t-0"))) {
                for (Path file : files.toList()) {
                    Files.copy(file, copy.resolve(file.getFileName()));
                }
            }
        }
        try (PartitionLog log = PartitionLog.open(FileStore.disk(), copy, new TopicPartition("t", 0), CONFIG)) {
            records += fill(log, 60, 65);
        }
        assertSound(files(copy, Long.MAX_VALUE), records);
    }

    @Test
    @DisplayName("a compacted log, in which offsets are missing and nothing else is wrong")
    void compactedLog() throws Exception {
        int records = 0;
        try (PartitionLog log = open()) {
            Compression[] compressions = Compression.values();
            for (int i = 0; i < 300; i++) {
                String value = i % 7 == 0 ? null : "value-" + i;
                log.append(
                        Compactions.keyed(
                                compressions[i % compressions.length],
                                10_000 + i,
                                List.of(
                                        new Entry(-1, -1, "k" + i % 20, value),
                                        new Entry(-1, -1, "k" + i % 31, "w" + i))),
                        0);
                log.append(transactional(2 + i % 3, 0, i / 3, "d" + i), 0);
                log.appendMarker(marker(2 + i % 3, 0, i % 2 == 0 ? Outcome.ABORT : Outcome.COMMIT), 0);
            }
            log.roll();
            Compactions.compact(log, 20_000);
            for (SegmentInfo segment : log.segments()) {
                long offset = segment.baseOffset();
                while (offset < segment.nextOffset()) {
                    for (RecordBatch batch : RecordBatches.of(log.read(offset, 1 << 20, log.logEndOffset()))) {
                        records += batch.count();
                        offset = batch.nextOffset();
                    }
                }
            }
        }
        assertThat(records).isBetween(50, 700);
        List<String> all = dump(files(Long.MAX_VALUE), "--deep-iteration");
        assertThat(complaints(all)).allMatch(line -> line.contains("is followed by"));
        assertThat(all.stream().filter(line -> line.startsWith("| offset: "))).hasSize(records);
        assertThat(all)
                .anyMatch(line -> line.contains("deleteHorizonMs: OptionalLong[" + (20_000 + 24 * 60 * 60 * 1000)));
        assertThat(complaints(dump(
                        files(Long.MAX_VALUE).stream()
                                .filter(file -> file.toString().matches(".*\\.(index|timeindex)"))
                                .toList(),
                        "--index-sanity-check")))
                .isEmpty();
    }

    @Test
    @DisplayName("not a damaged file")
    void damage() throws Exception {
        try (PartitionLog log = open()) {
            fill(log, 0, 60);
        }
        Path index = files(Long.MAX_VALUE).stream()
                .filter(file -> file.toString().endsWith(".index"))
                .findFirst()
                .orElseThrow();
        byte[] content = Files.readAllBytes(index);
        content[7] ^= 4;
        Files.write(index, content);

        assertThat(complaints(dump(files(Long.MAX_VALUE), "--deep-iteration"))).isNotEmpty();
    }

    private List<Path> files(long before) throws Exception {
        return files(directory.resolve("t-0"), before);
    }

    private static List<Path> files(Path folder, long before) throws Exception {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().matches(".*\\.(log|index|timeindex|txnindex|snapshot)"))
                    .filter(file -> Long.parseLong(file.getFileName().toString().substring(0, 20)) < before)
                    .sorted()
                    .toList();
        }
    }

    private static void assertSound(List<Path> files, int records) throws Exception {
        List<String> all = dump(files, "--deep-iteration");
        assertThat(complaints(all)).isEmpty();
        assertThat(all.stream().filter(line -> line.startsWith("| offset: ")))
                .as("records that were read")
                .hasSize(records);
        assertThat(all).anyMatch(line -> line.startsWith("version: 0 producerId: "));
        assertThat(all).anyMatch(line -> line.startsWith("producerId: 1 producerEpoch: 0 "));
        List<String> indexes = dump(
                files.stream()
                        .filter(file -> file.toString().endsWith(".index")
                                || file.toString().endsWith(".timeindex"))
                        .toList(),
                "--index-sanity-check");
        assertThat(complaints(indexes)).isEmpty();
        assertThat(indexes.stream().filter(line -> line.endsWith(" passed sanity check.")))
                .hasSize((int) files.stream()
                        .filter(file -> file.toString().endsWith("index")
                                && !file.toString().endsWith(".txnindex"))
                        .count());
    }

    /** The tool says of each segment that does not begin with offset 0 that its begin does not follow -1; that is its own mistake. */
    private static List<String> complaints(List<String> lines) {
        List<String> complaints = new ArrayList<>();
        for (String line : lines) {
            String lower = line.toLowerCase(Locale.ROOT);
            if (lower.contains("mismatch")
                    || lower.contains("out of order")
                    || lower.contains("could not")
                    || lower.contains("exception")
                    || lower.contains("invalid")
                    || lower.contains("found at the end")
                    || lower.contains("isvalid: false")
                    || (lower.contains("is followed by") && !lower.strip().startsWith("-1 is"))) {
                complaints.add(line);
            }
        }
        return complaints;
    }

    private static List<String> dump(List<Path> files, String how) throws Exception {
        assertThat(TOOL).as("put there by the build").isDirectory();
        List<URL> urls = new ArrayList<>();
        try (Stream<Path> jars = Files.list(TOOL)) {
            for (Path jar : jars.toList()) {
                urls.add(jar.toUri().toURL());
            }
        }
        for (Class<?> library : List.of(Logger.class, Zstd.class, LZ4Factory.class, Snappy.class)) {
            urls.add(library.getProtectionDomain().getCodeSource().getLocation());
        }
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream out = System.out;
        Thread thread = Thread.currentThread();
        ClassLoader loader = thread.getContextClassLoader();
        try (URLClassLoader tool = new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
            System.setOut(new PrintStream(printed, true, UTF_8));
            thread.setContextClassLoader(tool);
            String list = files.stream().map(Path::toString).collect(Collectors.joining(","));
            tool.loadClass("org.apache.kafka.tools.DumpLogSegments")
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) new String[] {how, "--files", list});
        } catch (InvocationTargetException e) {
            return List.of("exception: " + e.getCause());
        } finally {
            thread.setContextClassLoader(loader);
            System.setOut(out);
        }
        return printed.toString(UTF_8).lines().toList();
    }
}
