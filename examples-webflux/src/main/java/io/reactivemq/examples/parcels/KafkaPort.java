package io.reactivemq.examples.parcels;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import java.time.Duration;
import org.springframework.stereotype.Component;
import reactor.netty.DisposableServer;

/** The broker's port for Kafka's clients, on loopback. It answers what is under way before it ends. */
@Component
final class KafkaPort implements AutoCloseable {

    /** For the sockets, once what was under way has ended or was cut. */
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

    private final DisposableServer server;
    private final Duration drain;

    KafkaPort(EmbeddedBroker broker, ParcelsProperties properties, MeterRegistry meters) {
        drain = properties.drain();
        server = KafkaServer.over(broker)
                .port(properties.kafkaPort())
                .drainTimeout(drain)
                .meterRegistry(meters)
                .bindNow();
    }

    DisposableServer server() {
        return server;
    }

    @Override
    public void close() {
        server.disposeNow(drain.plus(CLOSE_TIMEOUT));
    }
}
