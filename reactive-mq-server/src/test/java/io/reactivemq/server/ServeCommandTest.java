package io.reactivemq.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

@DisplayName("rmq serve")
class ServeCommandTest {

    private static final Pattern READY = Pattern.compile("rmq: ready at 127\\.0\\.0\\.1:(\\d+) in \\d+\\.\\d\\d s; .*");

    @TempDir
    private Path directory;

    @Test
    @DisplayName(
            "says that it is ready, serves Kafka's clients, stops in good order on SIGTERM, and has its records when it starts again")
    void life() throws Exception {
        for (long offset = 0; offset < 2; offset++) {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            ServeChild.class.getName(),
                            "--port",
                            "0",
                            "--data",
                            directory.resolve("data").toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                Matcher ready = READY.matcher(requireNonNull(out.readLine()));
                assertThat(ready.matches()).isTrue();
                try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                        Map.of("bootstrap.servers", "127.0.0.1:" + ready.group(1)),
                        new StringSerializer(),
                        new StringSerializer())) {
                    assertThat(producer.send(new ProducerRecord<>("made-on-demand", "v"))
                                    .get(30, TimeUnit.SECONDS)
                                    .offset())
                            .isEqualTo(offset);
                }
                assertThat(process.toHandle().destroy()).isTrue(); // its output stays open, other than with the process
                assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
                assertThat(process.exitValue()).isEqualTo(143);
                assertThat(out.readLine()).isEqualTo("rmq: stopped");
            } finally {
                process.destroyForcibly();
            }
        }
    }

    @Test
    @DisplayName(
            "has exit status 2 and one line for a port in use, a directory that is none, a setting or level it does not know, and an open address")
    void couldNotStart() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "x");
        Path config = Files.writeString(directory.resolve("c.properties"), "no.such.setting=1\n");
        Path number = Files.writeString(directory.resolve("n.properties"), "num.partitions=many\n");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int port = taken.getLocalPort();
            assertFails("cannot listen on 127.0.0.1:" + port, "--port", Integer.toString(port));
        }
        assertFails(file.toString(), "--port", "0", "--data", file.toString());
        assertFails("no.such.setting", "--port", "0", "--config", config.toString());
        assertFails("num.partitions must be a number", "--port", "0", "--config", number.toString());
        assertFails(
                "cannot read",
                "--port",
                "0",
                "--config",
                directory.resolve("none").toString());
        assertFails("--durability must be fsync or os-buffered", "--port", "0", "--durability", "maybe");
        assertFails("0.0.0.0 can be reached from other machines", "--port", "0", "--host", "0.0.0.0");
    }

    private static void assertFails(String reason, String... arguments) {
        StringWriter err = new StringWriter();
        int status = new CommandLine(new ServeCommand())
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
        assertThat(status).isEqualTo(2);
        List<String> lines = err.toString().lines().toList();
        assertThat(lines).hasSize(1);
        assertThat(lines.get(0)).startsWith("rmq serve: ").contains(reason);
    }

    /** What runs in a process of its own. */
    static final class ServeChild {
        private ServeChild() {}

        public static void main(String[] arguments) {
            System.exit(new CommandLine(new ServeCommand()).execute(arguments));
        }
    }
}
