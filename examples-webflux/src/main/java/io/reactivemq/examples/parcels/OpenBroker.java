package io.reactivemq.examples.parcels;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.engine.EmbeddedBroker;
import java.time.Duration;
import org.springframework.stereotype.Component;

/** The broker from its opening to its end. Spring closes it when all beans that use the broker have ended. */
@Component
final class OpenBroker implements AutoCloseable {

    /** Recovery reads what was written last; far more than that takes. */
    private static final Duration OPEN_TIMEOUT = Duration.ofMinutes(1);

    private final EmbeddedBroker broker;
    private final Duration drain;

    OpenBroker(ParcelsProperties properties, MeterRegistry meters) {
        drain = properties.drain();
        broker = properties.data() == null
                ? EmbeddedBroker.inMemory(properties.memory().toBytes(), o -> o.meterRegistry(meters))
                : EmbeddedBroker.openNow(properties.data(), OPEN_TIMEOUT, o -> o.meterRegistry(meters));
        try {
            broker.createTopic(NewTopic.of(properties.topic(), properties.partitions()))
                    .onErrorComplete(OpenBroker::isThereAlready)
                    .block(OPEN_TIMEOUT);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static boolean isThereAlready(Throwable error) {
        return error instanceof MqException mq && mq.errorCode() == ErrorCode.TOPIC_ALREADY_EXISTS;
    }

    EmbeddedBroker broker() {
        return broker;
    }

    @Override
    public void close() {
        broker.closeGracefully(drain).block();
    }
}
