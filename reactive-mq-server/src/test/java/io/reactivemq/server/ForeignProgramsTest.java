package io.reactivemq.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.netty.foreign.ForeignProgram;
import io.reactivemq.netty.foreign.KafkaJsContract;
import io.reactivemq.netty.foreign.KafkaPeer;
import io.reactivemq.netty.foreign.KcatContract;
import io.reactivemq.netty.foreign.SharedTarget;
import io.reactivemq.netty.foreign.StreamsContract;
import io.reactivemq.netty.foreign.Target;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One {@code rmq serve --data DIR} for all of them, started as a user does. */
@DisplayName("At rmq serve, in a process of its own,")
class ForeignProgramsTest {

    private static final Path DOCS = Path.of("..", "docs", "kafka-clients.md");
    private static final String ADDRESS_IN_DOCS = "127.0.0.1:9092";

    private static ServeProcess server;

    @BeforeAll
    static void start(@TempDir Path directory) throws Exception {
        server = ServeProcess.start("--port", "0", "--data", directory.toString());
    }

    @AfterAll
    static void stop() throws Exception {
        if (server != null) {
            server.stop();
        }
    }

    private static Target target() throws Exception {
        return SharedTarget.emptied(server.bootstrap());
    }

    @Nested
    @DisplayName("kcat")
    class Kcat extends KcatContract {
        @Override
        protected Target target() throws Exception {
            return ForeignProgramsTest.target();
        }
    }

    @Nested
    @DisplayName("kafkajs")
    class KafkaJs extends KafkaJsContract {
        @Override
        protected Target target() throws Exception {
            return ForeignProgramsTest.target();
        }
    }

    @Nested
    @DisplayName("Kafka Streams")
    class Streams extends StreamsContract {
        @Override
        protected Target target() throws Exception {
            return ForeignProgramsTest.target();
        }
    }

    @Test
    @DisplayName("K02 K19 K20 the commands of the documentation for kcat do what it says")
    void documented(@TempDir Path temp) throws Exception {
        ForeignProgram.requires(ForeignProgram.onPath("kcat"), "kcat");
        List<String> commands = Files.readAllLines(DOCS).stream()
                .filter(line -> line.startsWith("    ") && line.contains("kcat -b " + ADDRESS_IN_DOCS))
                .map(line -> line.strip().replace(ADDRESS_IN_DOCS, server.bootstrap()))
                .toList();
        assertThat(commands).hasSize(3);
        try (Target there = target()) {
            assertThat(shell(temp, commands.get(0))).isEmpty();
            assertThat(shell(temp, commands.get(1))).containsExactly("0/0 k1=one from=kcat", "0/1 k2=two from=kcat");
            try (ForeignProgram member =
                    ForeignProgram.start(temp, "", List.of("bash", "-c", "exec " + commands.get(2)))) {
                Target.eventually(() -> member.errors().contains("at offset 2"));
                member.stop();
                assertThat(member.lines()).containsExactly("one", "two");
            }
            assertThat(there.bootstrap()).isEqualTo(server.bootstrap());
        }
    }

    private static List<String> shell(Path temp, String command) throws Exception {
        return ForeignProgram.run(temp, "", List.of("bash", "-c", command));
    }

    @Test
    @DisplayName("K19 K23 K24 Kafka's command-line tools make a topic, write, read in a group and tell its lag")
    void tools() throws Exception {
        KafkaPeer.Tools tools = new KafkaPeer.Tools();
        String[] at = {"--bootstrap-server", server.bootstrap(), "--topic", "orders"};
        try (Target there = target()) {
            assertThat(tools.run("org.apache.kafka.tools.TopicCommand", "", with(at, "--create", "--partitions", "2")))
                    .containsExactly("Created topic orders.");
            tools.run(
                    "org.apache.kafka.tools.ConsoleProducer",
                    "k1\tone\nk2\ttwo\nk3\tthree\n",
                    with(at, "--reader-property", "parse.key=true"));
            assertThat(tools.run(
                            "org.apache.kafka.tools.consumer.ConsoleConsumer",
                            "",
                            with(
                                    at,
                                    "--from-beginning",
                                    "--max-messages",
                                    "3",
                                    "--group",
                                    "readers",
                                    "--formatter-property",
                                    "print.key=true")))
                    .containsExactlyInAnyOrder("k1\tone", "k2\ttwo", "k3\tthree");
            assertThat(tools.run(
                            "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                            "",
                            "--bootstrap-server",
                            there.bootstrap(),
                            "--describe",
                            "--group",
                            "readers"))
                    .filteredOn(line -> line.startsWith("readers"))
                    .hasSize(2)
                    .allMatch(line -> line.split(" +", -1)[5].equals("0"));
        }
    }

    private static String[] with(String[] first, String... then) {
        String[] all = java.util.Arrays.copyOf(first, first.length + then.length);
        System.arraycopy(then, 0, all, first.length, then.length);
        return all;
    }
}
