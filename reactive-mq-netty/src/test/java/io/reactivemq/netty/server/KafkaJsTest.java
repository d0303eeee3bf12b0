package io.reactivemq.netty.server;

import io.reactivemq.netty.foreign.ApacheKafka;
import io.reactivemq.netty.foreign.KafkaJsContract;
import io.reactivemq.netty.foreign.KafkaPeer;
import io.reactivemq.netty.foreign.SharedTarget;
import io.reactivemq.netty.foreign.Target;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What kafkajs does at the server, it does at Apache Kafka. */
@DisplayName("kafkajs")
class KafkaJsTest {

    @Nested
    @Tag("wire")
    @DisplayName("over a broker in memory:")
    class InMemory extends KafkaJsContract {
        @Override
        protected Target target() {
            return RunningServer.inMemory();
        }
    }

    @Nested
    @Tag("wire")
    @DisplayName("over a broker on files:")
    class OnFiles extends KafkaJsContract {
        @TempDir
        private Path directory;

        @Override
        protected Target target() {
            return RunningServer.onFiles(directory);
        }
    }

    @Nested
    @Tag("kafka")
    @ExtendWith(ApacheKafka.class)
    @DisplayName("on Apache Kafka:")
    class OnApacheKafka extends KafkaJsContract {

        private final KafkaPeer.Node node;

        OnApacheKafka(KafkaPeer.Node node) {
            this.node = node;
        }

        @Override
        protected Target target() throws Exception {
            return SharedTarget.emptied(node);
        }
    }
}
