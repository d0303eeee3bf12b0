package io.reactivemq.examples.parcels;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.Serdes;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.operator.Overflow;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;

/** The scans as browsers see them: each browser reads for itself, and loses the oldest of what it does not take in time. */
@Component
class ScanFeed {

    private final EmbeddedBroker broker;
    private final ParcelsProperties properties;
    private final MeterRegistry meters;
    private final Sinks.Empty<Void> closing = Sinks.empty();

    ScanFeed(EmbeddedBroker broker, ParcelsProperties properties, MeterRegistry meters) {
        this.broker = broker;
        this.properties = properties;
        this.meters = meters;
    }

    /**
     * One record of the topic.
     *
     * @param dropped how many records this browser has lost since its last item, for it was too slow
     * @param scan null where the record is none; Kafka's clients may write anything
     */
    record Item(
            int partition,
            long offset,
            long dropped,
            @Nullable Scan scan) {

        private static Item of(ReceiverRecord<String, Scan> record, long dropped) {
            return new Item(
                    record.partition(), record.offset(), dropped, record.undecodable() == null ? record.value() : null);
        }
    }

    /** The records from there on, without end, until the application closes. */
    Flux<Item> from(OffsetSpec start) {
        return Flux.defer(() -> {
            AtomicLong dropped = new AtomicLong();
            return Receiver.on(
                            broker,
                            ReceiverOptions.of(
                                    Serdes.string(),
                                    Serdes.json(Scan.class),
                                    o -> o.topics(properties.topic())
                                            .startFrom(start)
                                            .clientId("browser")))
                    .receiveAutoAck()
                    .transform(Overflow.dropOldest(
                            properties.browserBuffer(),
                            o -> o.name("browsers")
                                    .meterRegistry(meters)
                                    .onDropped(record -> dropped.incrementAndGet())))
                    .map(record -> Item.of(record, dropped.getAndSet(0)))
                    .takeUntilOther(closing.asMono());
        });
    }

    /** Comes before the web server ends, which would wait for the streams. */
    @EventListener(ContextClosedEvent.class)
    void close() {
        closing.tryEmitEmpty();
    }
}
