package io.reactivemq.examples.tcp;

import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.server.KafkaServer;
import java.nio.file.Path;
import java.time.Duration;
import reactor.netty.DisposableServer;

/** The code in docs/kafka-clients.md. */
final class ServeSnippets {

    private ServeSnippets() {}

    static void serve(Runnable untilItIsToEnd) {
        // snippet: serve
        EmbeddedBroker broker = EmbeddedBroker.openNow(Path.of("data"), Duration.ofMinutes(1), o -> {});
        DisposableServer server =
                KafkaServer.over(broker).host("127.0.0.1").port(9092).bindNow();
        untilItIsToEnd.run();
        server.disposeNow(); // answers what is under way
        broker.closeGracefully(Duration.ofSeconds(10)).block();
        // end
    }
}
