package io.reactivemq.netty.server;

import io.reactivemq.netty.foreign.ApacheKafka;
import io.reactivemq.netty.foreign.KafkaPeer;
import io.reactivemq.netty.foreign.SharedTarget;
import io.reactivemq.netty.foreign.StreamsContract;
import io.reactivemq.netty.foreign.Target;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What Kafka Streams does at the server, it does at Apache Kafka. */
@DisplayName("Kafka Streams")
class KafkaStreamsTest {

    @Nested
    @Tag("wire")
    @DisplayName("over a broker on files:")
    class OnFiles extends StreamsContract {
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
    class OnApacheKafka extends StreamsContract {

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
