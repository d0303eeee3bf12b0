package io.reactivemq.test.simulation;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Acks;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.test.history.Guarantee;
import io.reactivemq.test.history.ProducerHistory;
import java.time.Duration;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;

/** A client that sends, one stream of records after the other, without transactions. */
final class Writer {

    private final World world;
    private final String name;
    private final Link link;
    private final ProducerHistory history;
    private final Sender<String, String> sender;
    private Disposable sending = Disposables.disposed();
    private int sent;

    Writer(World world, String name, Guarantee guarantee) {
        this.world = world;
        this.name = name;
        this.link = world.link(null, producer -> {});
        this.history = world.history.producer(name, guarantee);
        this.sender = Sender.on(link, options(guarantee == Guarantee.IDEMPOTENT));
    }

    static SenderOptions<String, String> options(boolean idempotent) {
        return SenderOptions.of(
                Serdes.string(),
                Serdes.string(),
                o -> o.acks(Acks.ALL)
                        .idempotence(idempotent)
                        .batchSizeBytes(400)
                        .retryBackoff(Duration.ofMillis(20))
                        .deliveryTimeout(Duration.ofSeconds(15))
                        .stopOnError(true));
    }

    boolean isIdle() {
        return sending.isDisposed();
    }

    /** Sends that many records, where nothing is being sent. */
    void send(int count) {
        if (!isIdle() || link.isCut()) {
            return;
        }
        sending = sender.send(Flux.range(0, count).map(i -> next(world.topic())))
                .subscribe(
                        result -> history.sent(
                                String.valueOf(result.record().value()), result.partition(), result.offset()),
                        failure -> world.note(name, "gives up: " + failure.getMessage()));
    }

    private SenderRecord<String, String> next(String topic) {
        String value = name + ":" + sent++;
        history.sending(topic, value);
        return SenderRecord.of(topic, "k" + sent % 5, value);
    }

    void crash() {
        world.note(name, "crashes");
        link.cut();
        sending.dispose();
    }
}
