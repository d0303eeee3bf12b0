package io.reactivemq.examples.tcp;

import io.reactivemq.broker.AclBinding;
import io.reactivemq.broker.AclOperation;
import io.reactivemq.broker.ResourcePattern;
import io.reactivemq.broker.ResourceType;
import io.reactivemq.broker.ScramCredential;
import io.reactivemq.broker.ScramMechanism;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.netty.security.SaslMechanism;
import io.reactivemq.netty.security.Secrets;
import io.reactivemq.netty.security.ServerTls;
import io.reactivemq.netty.server.KafkaServer;
import java.nio.file.Path;
import java.time.Duration;
import reactor.netty.DisposableServer;

/** The code in docs/kafka-clients.md and docs/security.md. */
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

    static DisposableServer secured(EmbeddedBroker broker, String adminPassword) {
        // snippet: secured
        SecurityApi security = broker.security();
        ScramCredential password = Secrets.ofSystem().credential(ScramMechanism.SCRAM_SHA_512, adminPassword);
        security.upsertCredential("admin", password).block();
        security.createAcls(AclBinding.allow(
                        "User:shop", AclOperation.WRITE, ResourcePattern.prefixed(ResourceType.TOPIC, "orders-")))
                .block();
        DisposableServer server = KafkaServer.over(broker)
                .host("0.0.0.0")
                .tls(ServerTls.ofPem(Path.of("server.pem"), Path.of("server.key")))
                .sasl(SaslMechanism.SCRAM_SHA_512)
                .superUsers("User:admin")
                .bindNow();
        // end
        return server;
    }
}
