package io.reactivemq.examples.logs;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.examples.RmqAccess;
import io.reactivemq.examples.cli.ExitCode;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import reactor.core.publisher.Flux;

@DisplayName("rmq log")
class LogCommandTest {

    private static final Duration WAIT = Duration.ofMinutes(2);
    private static final String SEGMENT = "00000000000000000000.log";
    private static final Caller CALLER = Caller.embedded("test");

    @TempDir
    @SuppressWarnings("NullAway.Init") // by JUnit
    private Path data;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void write() {
        EmbeddedBroker broker = EmbeddedBroker.open(data).block(WAIT);
        assertThat(broker).isNotNull();
        if (broker != null) {
            broker.createTopic(NewTopic.of("orders", 2)).block(WAIT);
            Sender<String, String> sender = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()));
            Flux<SenderRecord<String, String>> orders =
                    Flux.range(0, 100).map(i -> SenderRecord.of("orders", "customer " + i % 5, "order " + i));
            sender.send(orders).blockLast(WAIT);
            broker.closeGracefully(WAIT).block(WAIT);
        }
    }

    private int run(String... args) {
        CommandLine commandLine = RmqAccess.configured(new CommandLine(new LogCommand()));
        return commandLine
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(args);
    }

    /** Each file's content and time of change. */
    private Map<String, String> files() throws IOException {
        Map<String, String> found = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(data)) {
            for (Path path : walk.toList()) {
                found.put(
                        path.toString(),
                        Files.getLastModifiedTime(path)
                                + (Files.isRegularFile(path) ? " " + Arrays.hashCode(Files.readAllBytes(path)) : ""));
            }
        }
        return found;
    }

    /** Of the two partitions the one that has records. */
    private Path written() throws IOException {
        for (int partition = 0; partition < 2; partition++) {
            Path file = data.resolve("orders-" + partition).resolve(SEGMENT);
            if (Files.size(file) > 0) {
                return file;
            }
        }
        throw new IOException("no partition has records");
    }

    @Test
    @DisplayName("inspect says what each log holds, and leaves every file as it is")
    void inspect() throws IOException {
        Map<String, String> before = files();
        assertThat(run("inspect", data.toString())).isZero();
        assertThat(files()).isEqualTo(before);
        assertThat(out.toString())
                .contains("orders-0", "orders-1", "__cluster_metadata-0", SEGMENT + "  from offset 0")
                .contains("closed in good order");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    @DisplayName(
            "repair --cut makes a damaged partition serve the records before the damage, says what it did, and keeps the rest beside it")
    void repairByCutting() throws IOException {
        Path folder = shortened(10);

        assertThat(run("repair", "--cut", folder.toString())).as(err.toString()).isZero();

        assertThat(out.toString())
                .contains("found:  " + folder.resolve(SEGMENT) + " at byte")
                .doesNotContain("rmq log repair")
                .contains("lost:   offsets ")
                .contains("next:   offset 100")
                .contains(data.resolve("set-aside").toString());
        assertServesAgain(folder);
        assertThat(run("verify", data.toString())).isZero();
    }

    @Test
    @DisplayName("repair --set-aside begins a damaged partition anew, where it ended")
    void repairBySettingAside() throws IOException {
        Path folder = shortened(10);

        assertThat(run("repair", "--set-aside", folder.toString()))
                .as(err.toString())
                .isZero();

        assertThat(out.toString()).contains("kept:   no records", "lost:   all records", "next:   offset 100");
        assertServesAgain(folder);
    }

    @Test
    @DisplayName(
            "repair refuses a directory that a broker has open, wrong usage, and the log of the metadata, with 2; what it can't mend with 1")
    void repairRefuses() throws IOException {
        Path folder = shortened(10);
        EmbeddedBroker broker = opened();
        Map<String, String> before = files();
        assertThat(run("repair", "--cut", folder.toString())).isEqualTo(ExitCode.USAGE);
        assertThat(err.toString()).contains("in use");
        assertThat(files()).isEqualTo(before);
        broker.closeGracefully(WAIT).block(WAIT);

        assertThat(run("repair", folder.toString())).isEqualTo(ExitCode.USAGE);
        assertThat(run("repair", "--cut", "--set-aside", folder.toString())).isEqualTo(ExitCode.USAGE);
        assertThat(run("repair", "--cut", data.resolve("__cluster_metadata-0").toString()))
                .isEqualTo(ExitCode.USAGE);
        assertThat(run("repair", "--cut", data.toString())).isEqualTo(ExitCode.USAGE);

        Files.write(folder.resolve(SEGMENT), new byte[100]);
        err.getBuffer().setLength(0);
        assertThat(run("repair", "--cut", folder.toString())).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString())
                .contains("--set-aside " + folder.toAbsolutePath())
                .doesNotContain("--cut");
        assertThat(run("repair", "--set-aside", folder.toString())).isZero();
        assertServesAgain(folder);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--cut", "--set-aside"})
    @DisplayName(
            "repair mends the broker's own topics, without which it does not open: what was committed and decided behind the damage is forgotten, with --set-aside all of it, and groups and transactions go on")
    void repairOfTheBrokersOwn(String how) throws IOException {
        TopicPartition order = new TopicPartition("orders", 0);
        EmbeddedBroker broker = opened();
        commit(broker, order, 1);
        Map<Path, Long> before = sizes("__consumer_offsets");
        commit(broker, order, 2);
        ProducerIdAndEpoch first = begin(broker);
        Map<Path, Long> beforeThat = sizes("__transaction_state");
        ProducerIdAndEpoch second = begin(broker);
        broker.closeGracefully(WAIT).block(WAIT);
        assertThat(second).isNotEqualTo(first);
        Path offsets = shortened(grown(before));
        Path transactions = shortened(grown(beforeThat));

        for (Path folder : List.of(offsets, transactions)) {
            assertThatThrownBy(this::opened).hasMessageContainingAll("its own state", "rmq log repair --cut " + data);
            assertThat(run("repair", how, folder.toString())).as(err.toString()).isZero();
        }

        broker = opened();
        CommittedOffset known = committed(broker, order);
        if (how.equals("--cut")) {
            assertThat(requireNonNull(known).offset()).isEqualTo(1);
        } else {
            assertThat(known).isNull();
        }
        commit(broker, order, 3);
        ProducerIdAndEpoch third = begin(broker);
        if (how.equals("--cut")) {
            assertThat(third.producerId()).isEqualTo(first.producerId());
            assertThat(third.epoch()).isGreaterThan(first.epoch());
        } else {
            assertThat(third.producerId()).as("never given out before").isGreaterThan(second.producerId());
        }
        broker.closeGracefully(WAIT).block(WAIT);
        assertThat(run("verify", data.toString())).isZero();
        broker = opened();
        assertThat(requireNonNull(committed(broker, order)).offset()).isEqualTo(3);
        assertThat(begin(broker)).isNotIn(first, second, third);
        broker.closeGracefully(WAIT).block(WAIT);
    }

    private static void commit(EmbeddedBroker broker, TopicPartition partition, long offset) {
        OffsetCommit commit = OffsetCommit.admin("g", Map.of(partition, CommittedOffset.of(offset)));
        assertThat(broker.commitOffsets(CALLER, commit).block(WAIT)).isEmpty();
    }

    private static @Nullable CommittedOffset committed(EmbeddedBroker broker, TopicPartition partition) {
        return requireNonNull(
                        broker.fetchOffsets(CALLER, "g", List.of(partition)).block(WAIT))
                .get(partition);
    }

    private static ProducerIdAndEpoch begin(EmbeddedBroker broker) {
        return requireNonNull(broker.initProducerId(CALLER, InitProducerId.transactional("tx", Duration.ofMinutes(1)))
                .block(WAIT));
    }

    /** How large the logs of a topic are. */
    private Map<Path, Long> sizes(String topic) throws IOException {
        Map<Path, Long> sizes = new TreeMap<>();
        try (Stream<Path> folders = Files.list(data)) {
            for (Path folder : folders.filter(
                            path -> path.getFileName().toString().startsWith(topic))
                    .toList()) {
                sizes.put(folder.resolve(SEGMENT), Files.size(folder.resolve(SEGMENT)));
            }
        }
        return sizes;
    }

    /** The one that has become larger. */
    private static Path grown(Map<Path, Long> before) throws IOException {
        for (Map.Entry<Path, Long> each : before.entrySet()) {
            if (Files.size(each.getKey()) > each.getValue()) {
                return each.getKey();
            }
        }
        throw new AssertionError("none of " + before);
    }

    /** Without its last byte: its folder. */
    private static Path shortened(Path segment) throws IOException {
        byte[] content = Files.readAllBytes(segment);
        Files.write(segment, Arrays.copyOf(content, content.length - 1));
        return requireNonNull(segment.getParent());
    }

    @Test
    @DisplayName(
            "a damaged log of the metadata keeps the broker from opening, which advises what helps: a copy, and no repair")
    void damagedMetadata() throws IOException {
        Path folder = shortened(data.resolve("__cluster_metadata-0").resolve(SEGMENT));
        assertThatThrownBy(this::opened)
                .hasMessageContainingAll(SEGMENT, "at byte", "restore " + folder + " from a copy")
                .message()
                .doesNotContain("rmq log repair");
        for (String how : List.of("--cut", "--set-aside")) {
            Map<String, String> before = files();
            assertThat(run("repair", how, folder.toString())).isEqualTo(ExitCode.USAGE);
            assertThat(files()).isEqualTo(before);
        }
    }

    /** All records in one partition, the last of its bytes gone: its folder. */
    private Path shortened(int bytes) throws IOException {
        EmbeddedBroker broker = opened();
        broker.createTopic(NewTopic.of("bills", 1)).block(WAIT);
        Sender<String, String> sender =
                Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string(), o -> o.batchSizeBytes(1)));
        sender.send(Flux.range(0, 100).map(i -> SenderRecord.of("bills", "bill " + i)))
                .blockLast(WAIT);
        broker.closeGracefully(WAIT).block(WAIT);
        Path segment = data.resolve("bills-0").resolve(SEGMENT);
        byte[] content = Files.readAllBytes(segment);
        Files.write(segment, Arrays.copyOf(content, content.length - bytes));
        EmbeddedBroker again = opened();
        assertThat(requireNonNull(again.describeTopic("bills").block(WAIT)).offline())
                .containsOnlyKeys(0)
                .hasEntrySatisfying(0, why -> assertThat(why).contains("rmq log repair --cut " + segment.getParent()));
        again.closeGracefully(WAIT).block(WAIT);
        return requireNonNull(segment.getParent());
    }

    private void assertServesAgain(Path folder) {
        EmbeddedBroker broker = opened();
        assertThat(requireNonNull(broker.describeTopic("bills").block(WAIT)).offline())
                .as("%s", folder)
                .isEmpty();
        Sender<String, String> sender = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()));
        assertThat(requireNonNull(sender.send(Flux.just(SenderRecord.of("bills", "later")))
                                .blockLast(WAIT))
                        .offset())
                .isEqualTo(100);
        broker.closeGracefully(WAIT).block(WAIT);
    }

    private EmbeddedBroker opened() {
        return requireNonNull(EmbeddedBroker.open(data).block(WAIT));
    }

    @Test
    @DisplayName("verify says that a directory is sound, or names file, byte and what is wrong, and exits with 1")
    void verify() throws IOException {
        assertThat(run("verify", data.toString())).isZero();
        assertThat(out.toString()).contains("sound   orders-0: offsets 0 to ").doesNotContain("DAMAGE");
        Path file = written();
        byte[] content = Files.readAllBytes(file);
        content[content.length / 2] ^= 1;
        Files.write(file, content);
        out.getBuffer().setLength(0);
        assertThat(run("verify", data.toString())).isOne();
        assertThat(out.toString())
                .contains("DAMAGE " + file + " at byte ", "crc of the batch: expected ")
                .contains("DAMAGED " + file.getName(file.getNameCount() - 2))
                .contains("sound   __cluster_metadata-0");
    }

    @Test
    @DisplayName("verify takes what a crash left of the last write for what it is")
    void tornTail() throws IOException {
        Path file = written();
        Files.write(file, new byte[1234], StandardOpenOption.APPEND);
        assertThat(run(
                        "verify",
                        data.resolve(file.getName(file.getNameCount() - 2)).toString()))
                .isZero();
        assertThat(out.toString()).contains("TORN_TAIL " + file, "1234 bytes that are no batch");
    }

    @Test
    @DisplayName("dump prints batches, and records with their keys and values")
    void dump() {
        assertThat(run("dump", data.toString())).isZero();
        assertThat(out.toString()).contains("  at 0          offsets 0 to ").doesNotContain("\"order 7\"");
        out.getBuffer().setLength(0);
        assertThat(run("dump", "--records", data.toString())).isZero();
        assertThat(out.toString()).contains("\"customer 2\" = \"order 7\"");
        out.getBuffer().setLength(0);
        assertThat(run("dump", "--records", "--bytes", "3", "--from", "10", data.toString()))
                .isZero();
        assertThat(out.toString())
                .contains("\"cus\"... (10 bytes) = \"ord\"... (")
                .doesNotContain("\n    9  ");
    }

    @Test
    @DisplayName("a directory that is none, or holds no log, and a wrong option are told in one line, exit 2")
    void wrongUsage() {
        assertThat(run("verify", data.resolve("nowhere").toString())).isEqualTo(2);
        assertThat(run("dump", "--bytes", "0", data.toString())).isEqualTo(2);
        assertThat(run("dump", "--from", "-1", data.toString())).isEqualTo(2);
        assertThat(run("inspect")).isEqualTo(2);
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString().lines())
                .hasSize(5)
                .allSatisfy(line -> assertThat(line).startsWith("rmq: "))
                .anySatisfy(line -> assertThat(line).contains("nowhere does not exist"))
                .anySatisfy(line -> assertThat(line).contains("--bytes: expected 1 to 1048576, actual 0"));
        assertThat(out.toString()).isEmpty();
    }
}
