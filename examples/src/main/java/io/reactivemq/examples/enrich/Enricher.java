package io.reactivemq.examples.enrich;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Adds to each order what is known of its customer. What is written and how far was read are one transaction: an enricher that is killed in the middle
 * leaves neither, and the next one goes on from there. Readers of committed records see each enriched order once.
 */
public final class Enricher {

    /** Key is the customer, value the order. */
    public static final String ORDERS = "orders";

    /** Key is the customer, value the order and what is known of the customer. */
    public static final String ENRICHED = "enriched-orders";

    private static final int ORDERS_PER_TRANSACTION = 50;

    private final Receiver<String, String> receiver;
    private final TransactionalSender<String, String> sender;
    private final Function<String, Mono<String>> knownOf;

    /**
     * @param name the same after each restart: who begins under it ends what a former enricher of that name has left open, and fences that one
     * @param knownOf looks up what is known of a customer
     */
    public Enricher(Broker broker, String name, Function<String, Mono<String>> knownOf) {
        this.receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.group("enrichers").topics(ORDERS).maxPollRecords(ORDERS_PER_TRANSACTION)));
        this.sender = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                .transactional(name);
        this.knownOf = knownOf;
    }

    /**
     * Enriches until it is cancelled; each result is committed when it is emitted. When looking something up fails, the transaction is aborted and its orders are read again, after a
     * while. It ends with an error when another enricher of its name has begun.
     */
    public Flux<SenderResult<String, String>> run() {
        return sender.process(
                        receiver,
                        orders -> orders.concatMap(order -> {
                            String customer = Objects.requireNonNull(order.key(), "an order without a customer");
                            return knownOf.apply(customer)
                                    .map(known -> SenderRecord.of(ENRICHED, customer, order.value() + " for " + known));
                        }))
                .retryWhen(Retry.backoff(Long.MAX_VALUE, Duration.ofMillis(10))
                        .maxBackoff(Duration.ofSeconds(1))
                        .filter(error -> !isFenced(error)));
    }

    private static boolean isFenced(Throwable error) {
        return error instanceof MqException mq
                && (mq.errorCode() == ErrorCode.PRODUCER_FENCED || mq.errorCode() == ErrorCode.INVALID_PRODUCER_EPOCH);
    }
}
