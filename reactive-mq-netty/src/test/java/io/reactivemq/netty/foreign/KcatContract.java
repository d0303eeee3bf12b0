package io.reactivemq.netty.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What kcat, with librdkafka, does at a server. */
public abstract class KcatContract {

    private static final TopicPartition FIRST = new TopicPartition("orders", 0);
    private static final TopicPartition SECOND = new TopicPartition("orders", 1);

    @TempDir
    private Path temp;

    /** A server with nothing in it, that the caller closes. */
    protected abstract Target target() throws Exception;

    @BeforeEach
    void kcatIsThere() {
        ForeignProgram.requires(ForeignProgram.onPath("kcat"), "kcat");
    }

    @Test
    @DisplayName("K19 K20 produces keys and headers in every compression, and reads them from the beginning")
    void roundTrip() throws Exception {
        try (Target server = target()) {
            server.create("orders", 1);
            List<String> expected = new ArrayList<>();
            for (String compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                kcat(
                        server,
                        lines(100, i -> "k" + i + ":" + compression + "-" + i),
                        "-P -t orders -p 0 -K: -X linger.ms=20 -H first=1 -H second=" + compression + " -z "
                                + compression);
                for (int i = 0; i < 100; i++) {
                    expected.add("0/" + expected.size() + " k" + i + "=" + compression + "-" + i + " first=1,second="
                            + compression);
                }
            }
            assertThat(kcat(server, "", "-C -t orders -o beginning -e -q -f %p/%o\\040%k=%s\\040%h\\n"))
                    .isEqualTo(expected);
        }
    }

    @Test
    @DisplayName("K11 lists the node, topics and partitions, and finds offsets by time")
    void metadata() throws Exception {
        try (Target server = target()) {
            server.create("orders", 2);
            try (KafkaProducer<String, String> producer = server.producer(Map.of())) {
                producer.send(new ProducerRecord<>("orders", 1, 1_000L, "k", "v"))
                        .get();
                producer.send(new ProducerRecord<>("orders", 1, 2_000L, "k", "v"))
                        .get();
            }
            assertThat(kcat(server, "", "-L -J"))
                    .singleElement()
                    .asString()
                    .contains("\"brokers\":[{\"id\":", "\"name\":\"" + server.bootstrap() + "\"")
                    .contains("\"topic\":\"orders\"", "\"partition\":0", "\"partition\":1");
            assertThat(kcat(server, "", "-Q -t orders:1:1500 -t orders:0:-1"))
                    .containsExactlyInAnyOrder("orders [1] offset 1", "orders [0] offset 0");
        }
    }

    @Test
    @DisplayName("K02 K15 two in a group share the partitions, and one that comes later goes on where they ended")
    void group() throws Exception {
        try (Target server = target();
                Admin admin = server.admin()) {
            server.create("orders", 2);
            try (ForeignProgram one = startMember(server);
                    ForeignProgram other = startMember(server)) {
                Target.eventually(() -> haveOneEach(admin) == 2);
                for (int partition = 0; partition < 2; partition++) {
                    kcat(server, lines(50, i -> "v" + i), "-P -t orders -p " + partition);
                }
                Target.eventually(
                        () -> one.lines().size() == 50 && other.lines().size() == 50);
                one.stop();
                other.stop();
                List<String> read = new ArrayList<>(one.lines());
                read.addAll(other.lines());
                assertThat(read)
                        .containsExactlyInAnyOrderElementsOf(IntStream.range(0, 100)
                                .mapToObj(i -> i / 50 + "/" + i % 50 + " v" + i % 50)
                                .toList());
            }
            assertThat(admin.listConsumerGroupOffsets("readers")
                            .partitionsToOffsetAndMetadata()
                            .get())
                    .containsEntry(FIRST, new OffsetAndMetadata(50))
                    .containsEntry(SECOND, new OffsetAndMetadata(50));
            kcat(server, "one more\n", "-P -t orders -p 1");
            assertThat(kcat(server, "", MEMBER + " -e orders")).containsExactly("1/50 one more");
        }
    }

    @Test
    @DisplayName("K12 K20 produces idempotently and in a transaction that readers of committed records see whole")
    void transaction() throws Exception {
        try (Target server = target()) {
            server.create("orders", 1);
            kcat(server, lines(20, i -> "idempotent-" + i), "-P -t orders -p 0 -X enable.idempotence=true");
            kcat(server, lines(20, i -> "transactional-" + i), "-P -t orders -p 0 -X transactional.id=kcat");
            List<String> expected = new ArrayList<>();
            for (String kind : List.of("idempotent-", "transactional-")) {
                for (int i = 0; i < 20; i++) {
                    expected.add(kind + i);
                }
            }
            // the marker of the commit is at 40, a moment after the commit was answered
            Target.eventually(() -> kcat(server, "", "-Q -t orders:0:-1").equals(List.of("orders [0] offset 41")));
            assertThat(kcat(server, "", "-C -t orders -o beginning -e -q -X isolation.level=read_committed"))
                    .isEqualTo(expected);
        }
    }

    private static final String MEMBER =
            "-X auto.offset.reset=earliest -q -u -f %p/%o\\040%s\\n -X heartbeat.interval.ms=300 -G readers";

    private static long haveOneEach(Admin admin) throws Exception {
        try {
            return admin.describeConsumerGroups(List.of("readers")).all().get().values().stream()
                    .flatMap(found -> found.members().stream())
                    .filter(member -> member.assignment().topicPartitions().size() == 1)
                    .count();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof GroupIdNotFoundException) {
                return 0; // nobody has joined yet
            }
            throw e;
        }
    }

    private ForeignProgram startMember(Target server) throws Exception {
        return ForeignProgram.start(temp, "", command(server, MEMBER + " orders"));
    }

    private List<String> kcat(Target server, String input, String arguments) throws Exception {
        return ForeignProgram.run(temp, input, command(server, arguments));
    }

    private static List<String> command(Target server, String arguments) {
        List<String> command = new ArrayList<>(List.of("kcat", "-b", server.bootstrap()));
        command.addAll(List.of(arguments.split(" ", -1)));
        return command;
    }

    private static String lines(int count, IntFunction<String> line) {
        return IntStream.range(0, count).mapToObj(line).collect(Collectors.joining("\n", "", "\n"));
    }
}
