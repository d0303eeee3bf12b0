package io.reactivemq.netty.server;

import io.reactivemq.netty.foreign.ApacheKafka;
import io.reactivemq.netty.foreign.KafkaPeer;
import io.reactivemq.netty.foreign.KcatContract;
import io.reactivemq.netty.foreign.SharedTarget;
import io.reactivemq.netty.foreign.Target;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What kcat, with librdkafka, does at the server, it does at Apache Kafka. */
@DisplayName("kcat")
class KcatTest {

    @Nested
    @Tag("wire")
    @DisplayName("over a broker in memory:")
    class InMemory extends KcatContract {
        @Override
        protected Target target() {
            return RunningServer.inMemory();
        }
    }

    @Nested
    @Tag("wire")
    @DisplayName("over a broker on files:")
    class OnFiles extends KcatContract {
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
    class OnApacheKafka extends KcatContract {

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
