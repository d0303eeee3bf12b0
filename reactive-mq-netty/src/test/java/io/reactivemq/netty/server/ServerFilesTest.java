package io.reactivemq.netty.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Durability;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.foreign.KafkaPeer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kafka's own tool reads what the server has put on disk for Kafka's own clients. */
@Tag("files")
@Tag("wire")
class ServerFilesTest {

    private static final int EACH = 200;

    @TempDir
    private Path temp;

    @Test
    @DisplayName("K25 Kafka's log dump reads and verifies every segment and index of a server's data directory")
    void dump() throws Exception {
        Path data = temp.resolve("data");
        TopicPartition orders = new TopicPartition("orders", 0);
        try (RunningServer server = RunningServer.over(
                        EmbeddedBroker.openNow(
                                data, RunningServer.PATIENCE, options -> options.durability(Durability.OS_BUFFERED)),
                        kafka -> kafka);
                Admin admin = server.admin()) {
            admin.createTopics(List.of(new NewTopic("orders", 1, (short) 1)
                            .configs(Map.of("segment.bytes", "20000", "index.interval.bytes", "1000"))))
                    .all()
                    .get(120, SECONDS);
            for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                try (KafkaProducer<String, String> producer =
                        server.producer(Map.of("compression.type", compression, "batch.size", 1_000))) {
                    fill(producer);
                }
            }
            try (KafkaProducer<String, String> producer = server.producer(Map.of("transactional.id", "t"));
                    KafkaConsumer<String, String> consumer = server.consumer(Map.of("group.id", "g"))) {
                producer.initTransactions();
                producer.beginTransaction();
                fill(producer);
                producer.abortTransaction();
                producer.beginTransaction();
                fill(producer);
                producer.sendOffsetsToTransaction(Map.of(orders, new OffsetAndMetadata(7)), consumer.groupMetadata());
                producer.commitTransaction();
            }
        }
        KafkaPeer.Tools tools = new KafkaPeer.Tools();
        List<Path> files;
        try (Stream<Path> all = Files.walk(data)) {
            files = all.filter(file -> file.toString().matches(".*\\d{20}\\.(log|index|timeindex|txnindex)"))
                    .sorted()
                    .toList();
        }
        List<String> lines = dump(tools, files, "--deep-iteration");
        assertThat(files.stream()
                        .filter(file -> file.toString().contains("orders-0")
                                && file.toString().endsWith(".log")))
                .as("segments")
                .hasSizeGreaterThan(2);
        String values = String.join("\n", dump(tools, logs(files, "orders-0"), "--print-data-log"));
        assertThat(values.split("payload: v", -1)).as("records that were read").hasSize(7 * EACH + 1);
        assertThat(values).contains("endTxnMarker: ABORT").contains("endTxnMarker: COMMIT");
        assertThat(lines).noneMatch(ServerFilesTest::complains);
        List<Path> indexes = files.stream()
                .filter(file -> file.toString().matches(".*orders-0.*\\.(index|timeindex)"))
                // the tool says nothing of an index without an entry
                .filter(file -> file.toFile().length() > 0)
                .toList();
        assertThat(dump(tools, indexes, "--index-sanity-check").stream()
                        .filter(line -> line.endsWith(" passed sanity check.")))
                .hasSameSizeAs(indexes);
        assertThat(dump(tools, logs(files, "__consumer_offsets"), "--offsets-decoder"))
                .anyMatch(line -> line.contains("\"group\":\"g\"") && line.contains("\"offset\":7"));
    }

    /** What it says of damage; of a segment that does not begin with offset 0 it says that -1 is before it, which is its own mistake. */
    private static boolean complains(String line) {
        return line.matches(
                        "(?i).*(mismatch|out of order|could not|exception|invalid|found at the end|isvalid: false).*")
                || (line.contains("is followed by") && !line.strip().startsWith("-1 is"));
    }

    private static List<Path> logs(List<Path> files, String directory) {
        return files.stream()
                .filter(file ->
                        file.toString().contains(directory) && file.toString().endsWith(".log"))
                .toList();
    }

    private static void fill(KafkaProducer<String, String> producer) {
        for (int i = 0; i < EACH; i++) {
            assertThat(producer.send(new ProducerRecord<>("orders", "k" + i, "v" + "x".repeat(100))))
                    .isNotNull();
        }
        producer.flush();
    }

    private static List<String> dump(KafkaPeer.Tools tools, List<Path> files, String how) throws Exception {
        return tools.run(
                "org.apache.kafka.tools.DumpLogSegments",
                "",
                how,
                "--files",
                files.stream().map(Path::toString).collect(Collectors.joining(",")));
    }
}
