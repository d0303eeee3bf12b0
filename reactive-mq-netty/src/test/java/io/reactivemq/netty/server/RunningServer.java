package io.reactivemq.netty.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.broker.Broker;
import io.reactivemq.engine.EmbeddedBroker;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import reactor.netty.DisposableServer;

/** A server with its broker, and Kafka's clients for it. */
final class RunningServer implements AutoCloseable {

    static final Duration PATIENCE = Duration.ofMinutes(2);

    private final Broker broker;
    private final DisposableServer server;
    private final MeterRegistry meters;

    private RunningServer(Broker broker, DisposableServer server, MeterRegistry meters) {
        this.broker = broker;
        this.server = server;
        this.meters = meters;
    }

    static RunningServer inMemory() {
        return over(EmbeddedBroker.inMemory(64 << 20), server -> server);
    }

    static RunningServer onFiles(Path directory) {
        return over(
                EmbeddedBroker.openNow(directory, PATIENCE, o -> o.durability(Durability.OS_BUFFERED)),
                server -> server);
    }

    static RunningServer over(Broker broker, UnaryOperator<KafkaServer> configure) {
        MeterRegistry meters = new SimpleMeterRegistry();
        DisposableServer server = configure
                .apply(KafkaServer.over(broker).port(0).meterRegistry(meters))
                .bindNow();
        return new RunningServer(broker, server, meters);
    }

    Broker broker() {
        return broker;
    }

    DisposableServer server() {
        return server;
    }

    MeterRegistry meters() {
        return meters;
    }

    int port() {
        return server.port();
    }

    String bootstrap() {
        return "127.0.0.1:" + port();
    }

    Admin admin() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap());
        return Admin.create(properties);
    }

    KafkaProducer<String, String> producer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap(), "max.block.ms", 120_000));
        all.putAll(configs);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(Map<String, Object> configs) {
        Map<String, Object> all = new HashMap<>(
                Map.of("bootstrap.servers", bootstrap(), "auto.offset.reset", "earliest", "enable.auto.commit", false));
        all.putAll(configs);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    @Override
    public void close() {
        server.disposeNow(PATIENCE);
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }
}
