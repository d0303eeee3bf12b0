package io.reactivemq.netty.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.netty.foreign.ForeignProgram;
import io.reactivemq.netty.foreign.KafkaPeer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Kafka's own command-line tools, unmodified, do the same on this server as on Apache Kafka, and print the same. */
@DisplayName("Kafka's command-line tools print on this server what they print on Apache Kafka,")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("kafka")
@Tag("wire")
class KafkaToolsTest {

    private static final String TOOLS = "org.apache.kafka.tools.";
    private static final String GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand";

    private static final String PRODUCED = "K06 K18 kafka-verifiable-producer has all acknowledged";
    private static final String CONSUMED = "K15 kafka-verifiable-consumer has each record once";
    private static final String CONSUMED_848 = "K14 kafka-verifiable-consumer does so with the consumer protocol";

    private static final Pattern COUNT = Pattern.compile("\"name\":\"records_consumed\",\"count\":(\\d+)");

    private Path temp;
    private KafkaPeer.Tools tools;
    private Map<String, List<String>> expected;

    @BeforeAll
    void onApacheKafka(@TempDir Path directory) throws Exception {
        temp = directory;
        tools = new KafkaPeer.Tools();
        try (KafkaPeer.Node node = KafkaPeer.Node.start(Files.createDirectory(temp.resolve("kafka")))) {
            expected = scenario(node.bootstrap());
        }
        // 20 sends and a summary; three of the console, one of them deleted, and those 20: nothing is compared with
        // nothing
        assertThat(expected.get(PRODUCED)).hasSize(21);
        assertThat(expected.get(CONSUMED)).containsExactly("22 records");
        assertThat(expected.get(CONSUMED_848)).containsExactly("22 records");
    }

    @TestFactory
    @DisplayName("over a broker in memory:")
    Stream<DynamicTest> inMemory() throws Exception {
        try (RunningServer server = RunningServer.inMemory()) {
            return compared(scenario(server.bootstrap()));
        }
    }

    @TestFactory
    @DisplayName("over a broker on files:")
    Stream<DynamicTest> onFiles() throws Exception {
        try (RunningServer server = RunningServer.onFiles(temp.resolve("data"))) {
            return compared(scenario(server.bootstrap()));
        }
    }

    private Stream<DynamicTest> compared(Map<String, List<String>> actual) {
        return expected.entrySet().stream()
                .map(step -> DynamicTest.dynamicTest(
                        step.getKey(),
                        () -> assertThat(actual.get(step.getKey())).isEqualTo(step.getValue())));
    }

    /** What each step printed, without what differs from run to run. */
    private Map<String, List<String>> scenario(String bootstrap) throws Exception {
        Map<String, List<String>> steps = new LinkedHashMap<>();
        String topics = TOOLS + "TopicCommand";
        String[] at = {"--bootstrap-server", bootstrap};

        steps.put(
                "K23 kafka-topics creates, lists and describes",
                print(List.of(
                        run(topics, "", at, "--create", "--topic", "orders", "--partitions", "2"),
                        run(topics, "", at, "--list").filter(name -> !name.startsWith("__")),
                        run(topics, "", at, "--describe", "--topic", "orders")
                                .map(line -> line.replaceAll("TopicId: \\S+", "TopicId: ID")
                                        .replaceAll("Configs: .*", "Configs")))));
        steps.put(
                "K23 kafka-configs alters and describes",
                print(List.of(
                        run(
                                "kafka.admin.ConfigCommand",
                                "",
                                at,
                                "--alter",
                                "--topic",
                                "orders",
                                "--add-config",
                                "retention.ms=3600000,max.message.bytes=500000"),
                        run("kafka.admin.ConfigCommand", "", at, "--describe", "--topic", "orders")
                                .filter(line -> line.contains("retention.ms") || line.contains("max.message.bytes"))
                                .map(line -> line.replaceAll(" synonyms=.*", ""))
                                .sorted())));
        steps.put(
                "K01 K19 kafka-console-producer and kafka-console-consumer move keys, headers and values to the same partitions",
                print(List.of(
                        run(
                                TOOLS + "ConsoleProducer",
                                "a:1,b:2\tk1\tone\na:3\tk2\ttwo\nc:4\tk3\tthree\n",
                                at,
                                "--topic",
                                "orders",
                                "--reader-property",
                                "parse.key=true",
                                "--reader-property",
                                "parse.headers=true"),
                        run(
                                        TOOLS + "consumer.ConsoleConsumer",
                                        "",
                                        at,
                                        "--topic",
                                        "orders",
                                        "--from-beginning",
                                        "--max-messages",
                                        "3",
                                        "--timeout-ms",
                                        "30000",
                                        "--group",
                                        "readers",
                                        "--formatter-property",
                                        "print.key=true",
                                        "--formatter-property",
                                        "print.headers=true",
                                        "--formatter-property",
                                        "print.partition=true",
                                        "--formatter-property",
                                        "print.offset=true")
                                .sorted())));
        steps.put(
                "K11 kafka-get-offsets finds the begin, the end, and a time",
                print(List.of(
                        run(TOOLS + "GetOffsetShell", "", at, "--topic", "orders"),
                        run(TOOLS + "GetOffsetShell", "", at, "--topic", "orders", "--time", "earliest"),
                        run(TOOLS + "GetOffsetShell", "", at, "--topic", "orders", "--time", "1000"))));
        steps.put(
                "K02 K24 M13 kafka-consumer-groups lists, describes lag, resets and deletes",
                print(List.of(
                        run(GROUPS, "", at, "--list"),
                        run(GROUPS, "", at, "--describe", "--group", "readers"),
                        run(
                                GROUPS,
                                "",
                                at,
                                "--reset-offsets",
                                "--to-earliest",
                                "--topic",
                                "orders",
                                "--group",
                                "readers",
                                "--execute"),
                        run(GROUPS, "", at, "--describe", "--group", "readers"),
                        run(GROUPS, "", at, "--delete", "--group", "readers"),
                        run(GROUPS, "", at, "--list"))));
        Path first = Files.writeString(
                temp.resolve("delete.json"),
                "{\"partitions\":[{\"topic\":\"orders\",\"partition\":0,\"offset\":1}],\"version\":1}");
        steps.put(
                "K23 kafka-delete-records deletes up to an offset",
                print(List.of(
                        run(TOOLS + "DeleteRecordsCommand", "", at, "--offset-json-file", first.toString()),
                        run(TOOLS + "GetOffsetShell", "", at, "--topic", "orders", "--time", "earliest"))));
        steps.put(
                PRODUCED,
                print(List.of(runAlone(
                                TOOLS + "VerifiableProducer",
                                at,
                                "--topic",
                                "orders",
                                "--max-messages",
                                "20",
                                "--throughput",
                                "1000",
                                "--acks",
                                "-1")
                        .filter(line -> line.contains("producer_send") || line.contains("tool_data"))
                        .map(line -> line.replaceAll("\"timestamp\":\\d+", "")
                                .replaceAll("\"(offset|partition)\":\\d+", "")
                                .replaceAll("\"avg_throughput\":[0-9.E]+", ""))
                        .sorted())));
        steps.put(
                CONSUMED,
                consumed(runAlone(
                        TOOLS + "VerifiableConsumer",
                        at,
                        "--topic",
                        "orders",
                        "--group-id",
                        "verifiable",
                        "--max-messages",
                        "22",
                        "--reset-policy",
                        "earliest")));
        steps.put(
                CONSUMED_848,
                consumed(runAlone(
                        TOOLS + "VerifiableConsumer",
                        at,
                        "--topic",
                        "orders",
                        "--group-id",
                        "verifiable-848",
                        "--group-protocol",
                        "consumer",
                        "--max-messages",
                        "22",
                        "--reset-policy",
                        "earliest")));
        steps.put(
                "kafka-producer-perf-test and kafka-consumer-perf-test come to their ends",
                print(List.of(
                        run(
                                        TOOLS + "ProducerPerformance",
                                        "",
                                        at,
                                        "--topic",
                                        "orders",
                                        "--num-records",
                                        "5000",
                                        "--record-size",
                                        "100",
                                        "--throughput",
                                        "-1")
                                // of a slow run it prints the parts too, a line for five seconds
                                .filter(line -> line.startsWith("5000 "))
                                .map(line -> line.replaceAll(" sent, .*", " sent")),
                        run(
                                        TOOLS + "ConsumerPerformance",
                                        "",
                                        at,
                                        "--topic",
                                        "orders",
                                        "--num-records",
                                        "5000",
                                        "--timeout",
                                        "60000",
                                        "--hide-header")
                                .map(line ->
                                        Integer.parseInt(line.split(", ", -1)[4]) >= 5_000 ? "5000 read" : line))));
        steps.put(
                "K05 kafka-transactions lists what is there",
                print(List.of(run(TOOLS + "TransactionsCommand", "", at, "list"))));
        steps.putAll(AdminScenario.run(bootstrap));
        steps.put(
                "K22 kafka-topics adds partitions; what is there stays",
                print(List.of(
                        run(topics, "", at, "--alter", "--topic", "orders", "--partitions", "3"),
                        run(topics, "", at, "--describe", "--topic", "orders")
                                .map(line -> line.replaceAll("TopicId: \\S+", "TopicId: ID")
                                        .replaceAll("Configs: .*", "Configs")),
                        run(TOOLS + "GetOffsetShell", "", at, "--topic", "orders", "--partitions", "2"))));
        steps.put(
                "K23 kafka-topics deletes",
                print(List.of(
                        run(topics, "", at, "--delete", "--topic", "orders"),
                        run(topics, "", at, "--list").filter(name -> !name.startsWith("__")))));
        return steps;
    }

    private Stream<String> run(String tool, String input, String[] at, String... arguments) throws Exception {
        String[] all = Stream.concat(Stream.of(at), Stream.of(arguments)).toArray(String[]::new);
        return tools.run(tool, input, all).stream();
    }

    /** In a JVM of its own: what it prints last, it prints at the end of its JVM. */
    private Stream<String> runAlone(String tool, String[] at, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(tool));
        command.addAll(List.of(at));
        command.addAll(List.of(arguments));
        List<String> lines = ForeignProgram.run(temp, "", KafkaPeer.java(command.toArray(String[]::new)));
        assertThat(lines).isNotEmpty();
        return lines.stream();
    }

    private static List<String> print(List<Stream<String>> outputs) {
        return outputs.stream().flatMap(lines -> lines).map(String::strip).toList();
    }

    /** How many records, in however many polls. */
    private static List<String> consumed(Stream<String> lines) {
        int count = lines.mapToInt(line -> COUNT.matcher(line)
                        .results()
                        .map(MatchResult::group)
                        .mapToInt(found -> Integer.parseInt(found.replaceAll(".*:", "")))
                        .sum())
                .sum();
        return List.of(count + " records");
    }
}
