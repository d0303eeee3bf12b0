package io.reactivemq.engine;

import io.reactivemq.Durability;
import io.reactivemq.log.LogConfig;
import io.reactivemq.storage.FileStore;
import io.reactivemq.topic.Admission;
import java.nio.file.Path;
import java.util.function.Consumer;
import reactor.core.publisher.Mono;

/** An embedded broker on a store of the test's choosing, in the directory {@code /data}. */
public final class StoredBroker {

    private StoredBroker() {}

    public static Mono<EmbeddedBroker> open(FileStore store, Consumer<BrokerOptions> configure) {
        BrokerOptions options = new BrokerOptions(Durability.FSYNC, LogConfig.defaults());
        configure.accept(options);
        return Mono.defer(() -> EmbeddedBroker.start(store, Path.of("/data"), options, Admission.OPEN, null, null));
    }
}
