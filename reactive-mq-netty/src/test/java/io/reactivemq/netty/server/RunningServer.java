package io.reactivemq.netty.server;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.reactivemq.Durability;
import io.reactivemq.broker.Broker;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.foreign.Target;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import reactor.netty.DisposableServer;

/** A server in this JVM, with its broker. */
final class RunningServer implements Target {

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

    @Override
    public String bootstrap() {
        return "127.0.0.1:" + port();
    }

    @Override
    public void close() {
        server.disposeNow(PATIENCE);
        broker.closeGracefully(PATIENCE).block(PATIENCE);
    }
}
