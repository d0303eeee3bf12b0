package io.reactivemq.server;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.netty.DisposableServer;

@DisplayName("A server's limit, under Kafka's name,")
class LimitsConfigTest {

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final Broker broker = EmbeddedBroker.inMemory(1 << 20);
    private final MeterRegistry meters = new SimpleMeterRegistry();

    @TempDir
    private Path directory;

    private @Nullable DisposableServer server;

    /** With a file that has nothing but that. */
    private void serve(String setting) throws Exception {
        Path file = Files.writeString(directory.resolve("limits.properties"), setting + "\n");
        server = ServerConfig.read(file)
                .apply(KafkaServer.over(broker).port(0).meterRegistry(meters))
                .bindNow();
    }

    @AfterEach
    void close() {
        if (server != null) {
            server.disposeNow(PATIENCE);
        }
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }

    @ParameterizedTest(name = "{0}=1 closes the second connection")
    @ValueSource(strings = {"max.connections", "max.connections.per.ip"})
    void connections(String name) throws Exception {
        serve(name + "=1");
        try (Socket first = connect()) {
            awaitAnswer(first); // it counts: connections are taken by several threads, in any order
            try (Socket second = connect()) {
                assertThat(isClosed(second)).isTrue();
                assertThat(refused()).isEqualTo(1);
            }
            awaitAnswer(first);
        }
    }

    /** To ApiVersions 0 without a client id. */
    private static void awaitAnswer(Socket socket) throws IOException {
        socket.getOutputStream()
                .write(ByteBuffer.allocate(14)
                        .putInt(10)
                        .putShort((short) 18)
                        .putShort((short) 0)
                        .putInt(1)
                        .putShort((short) -1)
                        .array());
        int length = new DataInputStream(socket.getInputStream()).readInt();
        assertThat(socket.getInputStream().readNBytes(length)).hasSize(length);
    }

    @Test
    @DisplayName("socket.request.max.bytes closes a connection whose request is longer")
    void requestBytes() throws Exception {
        serve("socket.request.max.bytes=1024");
        try (Socket client = connect()) {
            client.getOutputStream().write(ByteBuffer.allocate(4).putInt(1_025).array());
            assertThat(isClosed(client)).isTrue();
            assertThat(refused()).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("connections.max.idle.ms closes a connection on which nothing comes")
    void idle() throws Exception {
        serve("connections.max.idle.ms=1");
        try (Socket client = connect()) {
            assertThat(isClosed(client)).isTrue();
            assertThat(refused()).isZero();
        }
    }

    @Test
    @DisplayName("queued.max.request.bytes has a client try again whose records are more")
    void queuedBytes() throws Exception {
        broker.createTopic(NewTopic.of("orders", 1)).block(PATIENCE);
        serve("queued.max.request.bytes=1");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap(), "retries", 0, "enable.idempotence", false),
                new StringSerializer(),
                new StringSerializer())) {
            assertThatThrownBy(() -> producer.send(new ProducerRecord<>("orders", "v"))
                            .get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                    .hasCauseInstanceOf(TimeoutException.class)
                    .hasMessageContaining("wait to be written, of 1: try again");
        }
    }

    @ParameterizedTest(name = "max.incremental.fetch.session.cache.slots={0} gives so many fetch sessions")
    @ValueSource(ints = {0, 1})
    void fetchSessions(int slots) throws Exception {
        broker.createTopic(NewTopic.of("orders", 1)).block(PATIENCE);
        serve("max.incremental.fetch.session.cache.slots=" + slots);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                        Map.of("bootstrap.servers", bootstrap()), new StringSerializer(), new StringSerializer());
                KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
                        Map.of("bootstrap.servers", bootstrap()), new StringDeserializer(), new StringDeserializer())) {
            producer.send(new ProducerRecord<>("orders", "v")).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            TopicPartition partition = new TopicPartition("orders", 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            assertThat(consumer.poll(PATIENCE).count()).isEqualTo(1);
            assertThat(meters.get("reactivemq.server.fetch.sessions").gauge().value())
                    .isEqualTo(slots);
        }
    }

    private String bootstrap() {
        return "127.0.0.1:" + port();
    }

    private int port() {
        return requireNonNull(server, "it serves").port();
    }

    private Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port());
        socket.setSoTimeout((int) PATIENCE.toMillis());
        return socket;
    }

    /** Which is waited for. */
    private static boolean isClosed(Socket socket) throws IOException {
        try {
            return socket.getInputStream().read() < 0;
        } catch (SocketException e) {
            return true;
        }
    }

    private double refused() {
        return meters.get("reactivemq.server.connections.refused").counter().count();
    }
}
