package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.test.SimulatedRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;

/** What a broker on files says to a directory that is in use, damaged, incomplete or none; in virtual time. */
@DisplayName("a data directory")
class DataDirectoryTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final int RECORDS = 100;

    @TempDir
    Path temporary;

    private Path data = Path.of("set before each test");
    private final SimulatedRuntime runtime = SimulatedRuntime.seeded(1);

    @BeforeEach
    void nameDirectory() {
        data = temporary.resolve("data");
    }

    @Test
    void is_made_where_it_is_missing() {
        Path deep = temporary.resolve("a/b/c");

        close(open(deep));

        assertThat(deep).isDirectory();
    }

    @Test
    void in_use_is_refused_and_its_owner_goes_on() {
        EmbeddedBroker owner = open(data);
        fill(owner);

        MqException error = openFails(data);

        assertThat(error.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
        assertThat(error).hasMessageContaining(data.toString()).hasMessageContaining("in use");
        assertThat(values(owner)).hasSize(RECORDS);
        close(owner);
        EmbeddedBroker next = open(data);
        assertThat(values(next)).hasSize(RECORDS);
        close(next);
    }

    @Test
    void that_is_a_file_is_refused() throws IOException {
        Files.writeString(data, "not a directory");

        assertThat(openFails(data)).hasMessageContaining(data.toString());
        assertThat(data).hasContent("not a directory");
    }

    @Test
    void below_a_file_is_refused() throws IOException {
        Files.writeString(data, "not a directory");

        assertThat(openFails(data.resolve("below"))).hasMessageContaining(data.toString());
    }

    @ParameterizedTest(name = "[clean close: {0}]")
    @ValueSource(booleans = {true, false})
    void with_a_damaged_record_in_the_middle_is_refused_and_left_alone(boolean clean) throws IOException {
        Path image = image(clean);
        Path segment = segments(image).get(1);
        flipBit(segment, Files.size(segment) / 2);
        Map<String, String> before = snapshot(image);

        Throwable error = catchThrowable(() -> values(open(image)));

        // after a clean close a closed segment is not read again at the start: then the reader finds the damage
        assertThat(error).isInstanceOf(MqException.class);
        assertThat(error).hasMessageContainingAll(String.valueOf(segment.getFileName()), "at byte");
        assertThat(((MqException) error).errorCode()).isIn(ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.CORRUPT_MESSAGE);
        assertThat(logsOnly(snapshot(image))).isEqualTo(logsOnly(before));
    }

    @Test
    void damaged_in_its_last_segment_before_valid_records_is_refused_not_cut() throws IOException {
        Path image = image(false);
        List<Path> segments = segments(image);
        Path last = segments.get(segments.size() - 1);
        if (Files.size(last) < 300) {
            throw new AssertionError("the last segment must have several batches to damage the first of");
        }
        flipBit(last, 70);
        Map<String, String> before = snapshot(image);

        MqException error = isOffline(image);

        assertThat(error.errorCode()).isEqualTo(ErrorCode.KAFKA_STORAGE_ERROR);
        assertThat(error).hasMessageContaining(String.valueOf(last.getFileName()));
        assertThat(logsOnly(snapshot(image))).isEqualTo(logsOnly(before));
    }

    @Test
    void with_a_torn_tail_loses_only_the_tail() throws IOException {
        Path image = image(false);
        Path last = lastSegment(image);
        byte[] bytes = Files.readAllBytes(last);
        Files.write(last, Arrays.copyOf(bytes, bytes.length - 3));

        EmbeddedBroker broker = open(image);
        List<String> found = values(broker);

        assertThat(found)
                .isEqualTo(IntStream.range(0, RECORDS - 1)
                        .mapToObj(i -> "value " + i)
                        .toList());
        send(broker, RECORDS, RECORDS + 5);
        close(broker);
        EmbeddedBroker again = open(image);
        assertThat(values(again)).hasSize(RECORDS + 4);
        close(again);
    }

    @ParameterizedTest(name = "[{0} bytes]")
    @ValueSource(ints = {1, 11, 60, 61, 500, 70_000})
    void with_zeros_behind_its_records_is_as_good_as_without(int zeros) throws IOException {
        Path image = image(false);
        Files.write(lastSegment(image), new byte[zeros], StandardOpenOption.APPEND);

        EmbeddedBroker broker = open(image);
        assertThat(values(broker)).hasSize(RECORDS);
        send(broker, RECORDS, RECORDS + 5);
        close(broker);

        EmbeddedBroker again = open(image);
        assertThat(values(again))
                .isEqualTo(IntStream.range(0, RECORDS + 5)
                        .mapToObj(i -> "value " + i)
                        .toList());
        close(again);
    }

    @ParameterizedTest(name = "[clean close: {0}]")
    @ValueSource(booleans = {true, false})
    void without_its_indexes_has_the_same_records(boolean clean) throws IOException {
        Path image = image(clean);
        for (Path file : files(image)) {
            if (file.toString().endsWith("index")) {
                Files.delete(file);
            }
        }

        EmbeddedBroker broker = open(image);

        assertThat(values(broker)).hasSize(RECORDS);
        close(broker);
    }

    @ParameterizedTest(name = "[clean close: {0}]")
    @ValueSource(booleans = {true, false})
    void with_damaged_indexes_and_checkpoints_has_the_same_records(boolean clean) throws IOException {
        Path image = image(clean);
        for (Path file : files(image)) {
            String name = String.valueOf(file.getFileName());
            if (!name.endsWith(".log") && !name.equals("partition.metadata")) {
                Files.write(file, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
            }
        }

        EmbeddedBroker broker = open(image);

        assertThat(values(broker)).hasSize(RECORDS);
        close(broker);
    }

    @Test
    void with_a_partition_missing_is_refused_and_good_again_when_it_is_back() throws IOException {
        Path image = image(true);
        Path elsewhere = temporary.resolve("elsewhere");
        Files.move(image.resolve("t-0"), elsewhere);

        MqException error = isOffline(image);

        assertThat(error).hasMessageContaining("t-0").hasMessageContaining("missing");
        assertThat(image.resolve("t-0")).doesNotExist();
        Files.move(elsewhere, image.resolve("t-0"));
        EmbeddedBroker broker = open(image);
        assertThat(values(broker)).hasSize(RECORDS);
        close(broker);
    }

    @Test
    void with_a_folder_that_nobody_knows_keeps_it_aside() throws IOException {
        Path image = image(true);
        Path unknown = Files.createDirectory(image.resolve("unknown-0"));
        Files.writeString(unknown.resolve("00000000000000000000.log"), "somebody's data");

        EmbeddedBroker broker = open(image);
        assertThat(values(broker)).hasSize(RECORDS);
        close(broker);

        assertThat(snapshot(image).values())
                .contains(snapshot(temporaryFile("somebody's data"))
                        .values()
                        .iterator()
                        .next());
    }

    @Test
    void with_one_partition_in_anothers_place_is_refused() throws IOException {
        Path image = image(true);
        EmbeddedBroker broker = open(image);
        runtime.await(broker.createTopic(CALLER, NewTopic.of("u", 1)));
        close(broker);
        Files.move(image.resolve("t-0"), temporary.resolve("t-0"));
        Files.move(image.resolve("u-0"), image.resolve("t-0"));
        Files.move(temporary.resolve("t-0"), image.resolve("u-0"));

        assertThat(isOffline(image)).hasMessageContaining("belongs to another topic");
    }

    @Test
    void with_a_damaged_partition_serves_it_again_when_it_is_repaired() throws IOException {
        Path image = image(false);
        Path last = lastSegment(image);
        byte[] good = Files.readAllBytes(last);
        flipBit(last, 70);
        isOffline(image);
        isOffline(image);
        Files.write(last, good);

        EmbeddedBroker broker = open(image);

        assertThat(values(broker)).hasSize(RECORDS);
        close(broker);
    }

    @Test
    void opens_on_real_threads_as_well() {
        EmbeddedBroker broker = EmbeddedBroker.openNow(data, TIMEOUT, o -> o.runtime(MqRuntime.system()));

        Throwable error = catchThrowable(() -> EmbeddedBroker.openNow(data, TIMEOUT, o -> {}));

        assertThat(error).isInstanceOf(MqException.class).hasMessageContaining("in use");
        broker.closeGracefully(TIMEOUT).block(TIMEOUT);
    }

    /** A directory with records in several segments: as a close leaves it, or as a kill does. */
    private Path image(boolean clean) throws IOException {
        EmbeddedBroker broker = open(data);
        fill(broker);
        if (clean) {
            close(broker);
            return data;
        }
        Path image = temporary.resolve("image");
        copy(data, image);
        close(broker);
        return image;
    }

    /**
     * Power is lost at level os-buffered: the partition's last records are gone, and the group's offsets are not. The files are those of a moment before the records, and the
     * offsets' of one behind them.
     */
    @Test
    @DisplayName("K03 what stands where a group has read records that a loss of power took is received")
    void cut_and_filled_again_below_a_committed_offset() throws IOException {
        Path after = temporary.resolve("after");
        EmbeddedBroker broker = openOsBuffered(data);
        runtime.await(broker.createTopic(CALLER, new NewTopic("t", 1, Map.of())));
        send(broker, 0, 5);
        read(broker, 3);
        copy(data, after);
        send(broker, 5, 10);
        assertThat(read(broker, 5)).isEqualTo(numbered(3, 8));
        EmbeddedFixture.deleteRecursively(after.resolve("__consumer_offsets-0"));
        copy(data.resolve("__consumer_offsets-0"), after.resolve("__consumer_offsets-0"));
        close(broker);

        EmbeddedBroker restarted = openOsBuffered(after);
        send(restarted, 10, 15);
        assertThat(read(restarted, 5)).as("from where the log was cut").isEqualTo(numbered(10, 15));
        close(restarted);
    }

    private EmbeddedBroker openOsBuffered(Path directory) {
        return runtime.await(
                EmbeddedBroker.open(directory, o -> o.runtime(runtime).durability(Durability.OS_BUFFERED)));
    }

    private static List<String> numbered(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> "value " + i).toList();
    }

    /** So many records, by a group; they are committed. */
    private List<String> read(Broker broker, int count) {
        Receiver<String, String> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(), Serdes.string(), o -> o.group("g").topics("t")));
        List<String> values = runtime.await(receiver.receive()
                .doOnNext(ReceiverRecord::acknowledge)
                .map(record -> String.valueOf(record.value()))
                .take(count)
                .collectList());
        runtime.advance(TIMEOUT);
        return values;
    }

    private EmbeddedBroker open(Path directory) {
        return runtime.await(EmbeddedBroker.open(directory, o -> o.runtime(runtime)));
    }

    private MqException openFails(Path directory) {
        Throwable error = catchThrowable(() -> open(directory));
        if (error instanceof MqException expected) {
            return expected;
        }
        throw new AssertionError("expected an MqException, was " + error, error);
    }

    /** The broker opens, and the partition is not served. */
    private MqException isOffline(Path directory) {
        EmbeddedBroker broker = open(directory);
        Throwable error = catchThrowable(
                () -> runtime.await(broker.listOffset(CALLER, new TopicPartition("t", 0), OffsetSpec.latest())));
        close(broker);
        if (error instanceof MqException expected) {
            return expected;
        }
        throw new AssertionError("expected an MqException, was " + error, error);
    }

    private void close(Broker broker) {
        runtime.await(broker.closeGracefully(TIMEOUT));
    }

    private void fill(Broker broker) {
        runtime.await(broker.createTopic(CALLER, new NewTopic("t", 1, Map.of("segment.bytes", "2000"))));
        send(broker, 0, RECORDS);
        assertThat(values(broker)).hasSize(RECORDS);
    }

    private void send(Broker broker, int from, int to) {
        Sender<String, String> sender = Sender.on(
                broker,
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.batchSizeBytes(1).maxInFlight(1)));
        runtime.await(sender.send(Flux.range(from, to - from).map(i -> SenderRecord.of("t", "value " + i)))
                .collectList());
    }

    private List<String> values(Broker broker) {
        long end = runtime.await(broker.listOffset(CALLER, new TopicPartition("t", 0), OffsetSpec.latest()));
        Receiver<String, String> receiver =
                Receiver.on(broker, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> o.topics("t")));
        List<ReceiverRecord<String, String>> records =
                runtime.await(receiver.receive().take(end).collectList());
        return records.stream().map(record -> String.valueOf(record.value())).toList();
    }

    private static Path lastSegment(Path image) throws IOException {
        List<Path> segments = segments(image);
        return segments.get(segments.size() - 1);
    }

    private static List<Path> segments(Path image) throws IOException {
        try (Stream<Path> found = Files.list(image.resolve("t-0"))) {
            List<Path> segments = found.filter(path -> path.toString().endsWith(".log"))
                    .sorted()
                    .toList();
            assertThat(segments).hasSizeGreaterThan(3);
            return segments;
        }
    }

    private static void flipBit(Path file, long at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[(int) at] ^= 0x10;
        Files.write(file, bytes);
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> found = Files.walk(directory)) {
            return found.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private Path temporaryFile(String content) throws IOException {
        Path directory = Files.createDirectory(temporary.resolve("compare"));
        Files.writeString(directory.resolve("file"), content);
        return directory;
    }

    /** Relative path to content in hexadecimal. */
    private static Map<String, String> snapshot(Path directory) throws IOException {
        Map<String, String> snapshot = new TreeMap<>();
        for (Path file : files(directory)) {
            snapshot.put(directory.relativize(file).toString(), HexFormat.of().formatHex(Files.readAllBytes(file)));
        }
        return snapshot;
    }

    private static Map<String, String> logsOnly(Map<String, String> snapshot) {
        Map<String, String> logs = new TreeMap<>(snapshot);
        logs.keySet().removeIf(name -> !name.startsWith("t-0") || !name.endsWith(".log"));
        return logs;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> found = Files.walk(from)) {
            found.forEach(path -> {
                Path target = to.resolve(from.relativize(path).toString());
                try {
                    Files.copy(path, target);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
