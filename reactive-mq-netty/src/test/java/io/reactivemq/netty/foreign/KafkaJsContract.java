package io.reactivemq.netty.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What kafkajs does at a server: the steps are in {@code src/test/js/clients.js}. */
public abstract class KafkaJsContract {

    private static final Path JS = Path.of("..", "reactive-mq-netty", "src", "test", "js");

    @TempDir
    private Path temp;

    /** A server with nothing in it, that the caller closes. */
    protected abstract Target target() throws Exception;

    @BeforeEach
    void kafkaJsIsThere() {
        ForeignProgram.requires(ForeignProgram.onPath("node"), "node");
        ForeignProgram.requires(
                Files.isRegularFile(JS.resolve("node_modules/kafkajs/package.json")), "kafkajs in " + JS);
    }

    @Test
    @DisplayName("creates a topic once, describes it and its settings, and deletes it")
    void admin() throws Exception {
        try (Target server = target()) {
            assertThat(step(server, "admin"))
                    .isEqualTo("{'created':true,'again':false,'partitions':3,'retention':'3600000','address':'"
                            + server.bootstrap() + "','before':['made'],'after':[]}");
        }
    }

    @Test
    @DisplayName("K19 K20 produces plainly, compressed and idempotently, and a group reads keys and headers")
    void roundTrip() throws Exception {
        try (Target server = target()) {
            server.create("orders", 2);
            List<String> expected = new ArrayList<>();
            int before = 0;
            for (String text : List.of("plain", "gzip", "idempotent")) {
                for (int i = 0; i < 4; i++) {
                    expected.add(record(i % 2, before + i / 2, i, text));
                }
                before += 2;
            }
            assertThat(step(server, "roundTrip")).isEqualTo(sorted(expected));
        }
    }

    @Test
    @DisplayName("K02 K15 a group goes on where its last member ended; it is listed, described and deleted")
    void group() throws Exception {
        try (Target server = target()) {
            server.create("orders", 2);
            assertThat(step(server, "group"))
                    .isEqualTo("{'first':"
                            + sorted(List.of(
                                    record(0, 0, 0, "first"),
                                    record(1, 0, 1, "first"),
                                    record(0, 1, 2, "first"),
                                    record(1, 1, 3, "first")))
                            + ",'second':" + sorted(List.of(record(0, 2, 0, "second"), record(1, 2, 1, "second")))
                            + ",'offsets':['0/3','1/3'],'groups':['readers'],'state':'Empty','left':[]}");
        }
    }

    @Test
    @DisplayName("K04 K12 aborts a transaction, commits another with offsets, and reads what is committed")
    void transaction() throws Exception {
        try (Target server = target()) {
            server.create("orders", 2);
            // an aborted record and its marker are at 0 and 1 of each partition
            assertThat(step(server, "transaction"))
                    .isEqualTo("{'seen':"
                            + sorted(List.of(record(0, 2, 0, "committed"), record(1, 2, 1, "committed")))
                            + ",'source':'1'}");
        }
    }

    /** What the step printed, with ' for ". */
    private String step(Target server, String name) throws Exception {
        List<String> lines = ForeignProgram.run(
                temp,
                "",
                List.of(
                        "node",
                        JS.resolve("clients.js").toString(),
                        server.bootstrap(),
                        name,
                        server.deletesLater() ? "deletes-later" : "deletes-at-once"));
        return String.join("\n", lines).replace('"', '\'');
    }

    private static String record(int partition, int offset, int key, String text) {
        return partition + "/" + offset + " k" + key + " " + text + "-" + key + " from:" + text;
    }

    private static String sorted(List<String> records) {
        return records.stream().sorted().map(one -> "'" + one + "'").collect(Collectors.joining(",", "[", "]"));
    }
}
