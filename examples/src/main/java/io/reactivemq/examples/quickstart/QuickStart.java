package io.reactivemq.examples.quickstart;

import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Ten orders are sent, and a group bills them. */
public final class QuickStart {

    private QuickStart() {}

    public static void main(String[] args) {
        // README: begin
        EmbeddedBroker broker = EmbeddedBroker.inMemory(64 << 20); // holds at most 64 MiB of records
        broker.createTopic(NewTopic.of("orders", 4)).block();
        Serde<String> text = Serdes.string();

        // the orders of one customer go to one partition, and stay in order
        Sender<String, String> sender = Sender.on(broker, SenderOptions.of(text, text));
        Flux<SenderRecord<String, String>> orders =
                Flux.range(1, 10).map(n -> SenderRecord.of("orders", "customer-" + n % 3, "order " + n));
        sender.send(orders).subscribe();

        // one member of the group "billing"; an order that fails three times goes to orders.dlq
        Receiver<String, String> billing = Receiver.on(
                broker, ReceiverOptions.of(text, text, o -> o.group("billing").topics("orders")));
        billing.process(order -> Mono.fromRunnable(() -> System.out.println(order.key() + ": " + order.value())))
                .take(10)
                .blockLast(Duration.ofSeconds(30));
        billing.drain(Duration.ofSeconds(5)).block(); // what was billed is committed
        broker.closeGracefully(Duration.ofSeconds(5)).block();
        // README: end
    }
}
