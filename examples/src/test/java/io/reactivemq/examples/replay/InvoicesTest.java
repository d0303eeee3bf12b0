package io.reactivemq.examples.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.Serdes;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Outcome;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

@Tag("memory")
class InvoicesTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    @Test
    @DisplayName("M13 after a bug fix a group goes back to the release that had it, and no further")
    void replay() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(16 << 20);
        broker.createTopic(NewTopic.of(Invoices.TOPIC, 2)).block(LIMIT);
        Map<String, Long> store = Invoices.newStore();

        send(broker, 0, 10, 1_000);
        handle(new Invoices(broker, cents -> cents * 19 / 100, store), 10);
        send(broker, 10, 30, 2_000);
        handle(new Invoices(broker, cents -> cents * 91 / 100, store), 20);
        assertThat(store).containsEntry("order-9", 1_900L).containsEntry("order-10", 9_100L);

        AtomicInteger handled = new AtomicInteger();
        Invoices fixed = new Invoices(
                broker,
                cents -> {
                    handled.incrementAndGet();
                    return cents * 19 / 100;
                },
                store);
        Flux<Outcome> outcomes = fixed.run().replay().autoConnect(1);
        outcomes.subscribe();
        fixed.replaySince(2_000).block(LIMIT);
        outcomes.take(20).blockLast(LIMIT);
        fixed.stop().block(LIMIT);

        assertThat(store).hasSize(30).allSatisfy((order, tax) -> assertThat(tax).isEqualTo(1_900L));
        assertThat(handled).as("the orders since then alone").hasValue(20);
        broker.closeGracefully(LIMIT).block(LIMIT);
    }

    private static void send(EmbeddedBroker broker, int from, int to, long timestampMs) {
        Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.longNumber()))
                .send(Flux.range(from, to - from)
                        .map(n -> SenderRecord.of(Invoices.TOPIC, "order-" + n, 10_000L)
                                .withTimestamp(timestampMs)))
                .blockLast(LIMIT);
    }

    private static void handle(Invoices release, int orders) {
        release.run().take(orders).blockLast(LIMIT);
        release.stop().block(LIMIT);
    }
}
