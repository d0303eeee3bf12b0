package io.reactivemq.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import reactor.core.publisher.Mono;

@DisplayName("rmq serve with a port for its meters")
class MetricsTest {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private static final Pattern READY =
            Pattern.compile("rmq: ready at .*; meters at (http://127\\.0\\.0\\.1:\\d+/metrics)");

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(PATIENCE).build();

    @TempDir
    private Path directory;

    @Test
    @DisplayName("tells of each API's requests, errors and times, of connections, bytes, the broker and the JVM")
    void served() throws Exception {
        Path config = Files.writeString(
                directory.resolve("c.properties"), "metrics.port=0\ntransaction.durability=os-buffered\n");
        try (ServeProcess server = ServeProcess.start(
                "--port", "0", "--data", directory.resolve("data").toString(), "--config", config.toString())) {
            Matcher ready = READY.matcher(server.readyLine());
            assertThat(ready.matches()).isTrue();
            produceAndConsume(server.bootstrap());
            askForWhatIsNotThere(server.bootstrap());
            String lag = "reactivemq_consumer_lag_records{group=\"billing\",partition=\"0\",topic=\"orders\"}";
            String text = untilThereIs(lag, URI.create(ready.group(1)));
            assertThat(value(text, lag)).isEqualTo(3);
            assertThat(value(text, "reactivemq_log_size_bytes{partition=\"0\",topic=\"orders\"}"))
                    .isGreaterThan(10_000);
            for (String api : List.of("ApiVersions", "Metadata", "Produce", "Fetch")) {
                String tags = "{api=\"" + api + "\",outcome=\"success\"}";
                assertThat(value(text, "reactivemq_server_requests_seconds_count" + tags))
                        .as(api)
                        .isPositive();
                assertThat(value(text, "reactivemq_server_requests_seconds_sum" + tags))
                        .as(api)
                        .isPositive();
            }
            assertThat(value(text, "reactivemq_server_requests_seconds_count{api=\"Produce\",outcome=\"success\"}"))
                    .isEqualTo(10);
            assertThat(
                            value(
                                    text,
                                    "reactivemq_server_errors_total{api=\"DescribeConfigs\",error=\"UNKNOWN_TOPIC_OR_PARTITION\"}"))
                    .isEqualTo(1);
            assertThat(text).doesNotContain("reactivemq_server_errors_total{api=\"Produce\"");
            assertThat(value(text, "reactivemq_server_connections")).isNotNegative();
            assertThat(value(text, "reactivemq_server_connections_refused_total"))
                    .isZero();
            assertThat(value(text, "reactivemq_server_received_bytes_total")).isGreaterThan(10_000);
            assertThat(value(text, "reactivemq_server_sent_bytes_total")).isGreaterThan(10_000);
            assertThat(value(text, "reactivemq_compaction_failures_passes_total"))
                    .isZero();
            assertThat(value(text, "process_uptime_seconds")).isPositive();
        }
    }

    /** It is looked up from time to time. */
    private String untilThereIs(String meter, URI uri) {
        return requireNonNull(Mono.fromCallable(() -> get(uri, "*/*").body())
                .filter(text -> text.contains("\n" + meter))
                .repeatWhenEmpty(looks -> looks.delayElements(Duration.ofMillis(100)))
                .block(PATIENCE));
    }

    /** Ten requests to produce, of 1,000 bytes each and a little; all of them read again. */
    private static void produceAndConsume(String bootstrap) throws Exception {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>("orders", "v".repeat(1_000))).get(120, TimeUnit.SECONDS);
            }
        }
        Properties reading = new Properties();
        reading.putAll(Map.of(
                "bootstrap.servers",
                bootstrap,
                "auto.offset.reset",
                "earliest",
                "group.id",
                "billing",
                "enable.auto.commit",
                "false"));
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(new TopicPartition("orders", 0)));
            int read = 0;
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (read < 10) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                read += consumer.poll(Duration.ofSeconds(1)).count();
            }
            consumer.commitSync(
                    Map.of(new TopicPartition("orders", 0), new OffsetAndMetadata(7)), Duration.ofMinutes(2));
        }
    }

    private static void askForWhatIsNotThere(String bootstrap) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            ConfigResource nobody = new ConfigResource(ConfigResource.Type.TOPIC, "nobody");
            assertThatThrownBy(
                            () -> admin.describeConfigs(List.of(nobody)).all().get(120, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(UnknownTopicOrPartitionException.class);
        }
    }

    @Test
    @DisplayName("speaks Prometheus' text format, and OpenMetrics to who accepts it; there is nothing else to get")
    void formats() throws Exception {
        try (MetricsEndpoint endpoint = MetricsEndpoint.open(0)) {
            endpoint.registry().counter("orders.billed").increment(3);
            URI uri = URI.create(endpoint.address());
            HttpResponse<String> text = get(uri, "text/plain");
            assertThat(text.headers().firstValue("content-type")).hasValue("text/plain; version=0.0.4; charset=utf-8");
            assertThat(text.body()).contains("\norders_billed_total 3.0\n").doesNotContain("# EOF");
            HttpResponse<String> open =
                    get(uri, "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5");
            assertThat(open.headers().firstValue("content-type"))
                    .hasValue("application/openmetrics-text; version=1.0.0; charset=utf-8");
            assertThat(open.body()).contains("\norders_billed_total 3.0\n").endsWith("# EOF\n");
            assertThat(get(uri.resolve("/"), "*/*").statusCode()).isEqualTo(404);
            HttpRequest post = HttpRequest.newBuilder(uri)
                    .POST(HttpRequest.BodyPublishers.ofString("x"))
                    .build();
            assertThat(http.send(post, BodyHandlers.discarding()).statusCode()).isEqualTo(404);
        }
    }

    /** Several times, since threads that merely end close what they serve only now and then. */
    @RepeatedTest(8)
    @DisplayName("lets go of that port and of the connections that clients keep alive when it ends")
    void closed() throws Exception {
        MetricsEndpoint endpoint = MetricsEndpoint.open(0);
        URI uri = URI.create(endpoint.address());
        try (Socket answered = new Socket(uri.getHost(), uri.getPort());
                Socket silent = new Socket(uri.getHost(), uri.getPort())) {
            answered.setSoTimeout((int) PATIENCE.toMillis());
            silent.setSoTimeout((int) PATIENCE.toMillis());
            answered.getOutputStream().write("HEAD /nothing HTTP/1.1\r\nHost: rmq\r\n\r\n".getBytes(UTF_8));
            assertThat(answered.getInputStream().readNBytes(12)).asString(UTF_8).isEqualTo("HTTP/1.1 404");
            endpoint.close();
            requireClosed(answered);
            requireClosed(silent);
        }
        assertThatThrownBy(() -> new Socket(uri.getHost(), uri.getPort()).close())
                .isInstanceOf(ConnectException.class);
    }

    /** The other side has closed it: there is an end, or a reset where something was under way. */
    private static void requireClosed(Socket socket) throws IOException {
        try {
            socket.getInputStream().readAllBytes();
        } catch (SocketException e) {
            assertThat(e).hasMessageContaining("reset");
        }
    }

    private HttpResponse<String> get(URI uri, String accept) throws Exception {
        return http.send(
                HttpRequest.newBuilder(uri)
                        .timeout(PATIENCE)
                        .header("Accept", accept)
                        .build(),
                BodyHandlers.ofString());
    }

    /** Of the one line of that meter. */
    private static double value(String text, String meter) {
        List<String> lines =
                text.lines().filter(line -> line.startsWith(meter + " ")).toList();
        assertThat(lines).as(meter).hasSize(1);
        return Double.parseDouble(lines.get(0).substring(meter.length() + 1));
    }
}
