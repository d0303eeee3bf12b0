package io.reactivemq.produce;

import io.reactivemq.broker.Broker;
import io.reactivemq.produce.FluxSend.OnFailure;
import io.reactivemq.record.Codec;
import java.time.Duration;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Sends records to the topics of a broker.
 *
 * <pre>{@code
 * Sender<String, String> sender = Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()));
 * sender.send(lines.map(line -> SenderRecord.of("lines", line))).subscribe(result -> log.info("at {}", result.offset()));
 * }</pre>
 *
 * <p>Safe for use by many threads. It holds no resources, so there is nothing to close: what a send needs lives as long as
 * its subscription.
 *
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public final class Sender<K, V> {

    private final Broker broker;
    private final SenderOptions<K, V> options;

    private final PartitionCounts partitionCounts;

    private final Producers producers;
    private final UnaryOperator<SenderRecord<K, V>> interceptor;

    private Sender(
            Broker broker,
            SenderOptions<K, V> options,
            Producers producers,
            UnaryOperator<SenderRecord<K, V>> interceptor) {
        this.broker = Objects.requireNonNull(broker, "broker");
        this.options = Objects.requireNonNull(options, "options");
        this.partitionCounts = new PartitionCounts(broker, options);
        this.producers = producers;
        this.interceptor = Objects.requireNonNull(interceptor, "interceptor");
    }

    /**
     * A sender to that broker. With a compression whose library brings native code, the first one loads that, which reads
     * files.
     *
     * @throws io.reactivemq.MqException UNSUPPORTED_COMPRESSION_TYPE if the library of the options' compression is missing
     */
    public static <K, V> Sender<K, V> on(Broker broker, SenderOptions<K, V> options) {
        // now, and not on the sender's worker, which must not block
        Codec.load(options.compression());
        return new Sender<>(broker, options, new PooledProducers(broker), UnaryOperator.identity());
    }

    /**
     * This sender, with a function that every record goes through before it is sent, behind those that are there already: to add headers, to
     * count, to choose another topic. It is called on the threads of the source. What it throws ends the send.
     */
    public Sender<K, V> intercept(UnaryOperator<SenderRecord<K, V>> next) {
        Objects.requireNonNull(next, "next");
        return new Sender<>(broker, options, producers, record -> next.apply(interceptor.apply(record)));
    }

    /**
     * Sends the records in their order, batched by partition. Each subscription is a send of its own.
     *
     * <p>Results come one a record, in the order of the records, each when its batch is acknowledged and all earlier
     * results are out, never beyond demand. Records are requested from upstream as long as fewer than {@link
     * SenderOptions#maxInFlight() maxInFlight} have no emitted result and their batches take less than {@link
     * SenderOptions#bufferBytes() bufferBytes}: who takes no results soon stops the source.
     *
     * <p>Order within a partition is the order of sending, also when an append is retried: a partition has one append
     * under way at a time. An append whose error is retriable is tried again until the {@link
     * SenderOptions#deliveryTimeout() deliveryTimeout}. With {@link SenderOptions#idempotence() idempotence}, the default, a retry of an
     * append that had reached the log though its answer was lost is recognised there; without it, its records are there twice.
     *
     * <p>A record that can't be sent (its topic or partition is not there, a Serde or partitioner fails, it is too large), or whose append fails for good, has
     * that {@linkplain SenderResult#error() error} as its result, in its place, and the send goes on with the next. So look at the results; or let the
     * first failed record end the send, with {@link SenderOptions.Builder#stopOnError stopOnError}. The error names topic and partition; with {@code
     * REQUEST_TIMED_OUT} the record may be in the log.
     *
     * <p>Ends: when the source completes, after the last result. When it fails, after the results of all that came before,
     * with its error. With a {@link io.reactivemq.MqException} where going on would not help or would break the order: the broker is closed, permission is
     * missing, there is no producer id to be had, or the producer is fenced or out of order; that comes after the results of all records before the
     * one that failed; later records may or may not be in other partitions.
     *
     * <p>Cancelling takes back nothing that was handed to the broker; what was not is discarded ({@link
     * Flux#doOnDiscard}), and the broker's answers are awaited no more. Serdes, the partitioner and the subscriber's
     * {@code onNext} are called on the send's own worker thread, and must not block. The subscriber's context is that of the
     * requests to the broker; where it has a {@link io.reactivemq.TraceContext}, records that carry none are sent with it.
     */
    public Flux<SenderResult<K, V>> send(Publisher<SenderRecord<K, V>> records) {
        return FluxSend.of(
                Flux.from(records).map(interceptor),
                broker,
                options,
                partitionCounts,
                producers,
                options.stopOnError() ? OnFailure.STOP : OnFailure.GO_ON);
    }

    /**
     * Sends one record at once, in a batch of its own. There is no order between two such sends that are under way
     * together; for more than a few records, {@link #send(Publisher)} is the way. Where it fails, the Mono does.
     */
    public Mono<SenderResult<K, V>> send(SenderRecord<K, V> record) {
        return FluxSend.of(
                        Flux.just(record).map(interceptor), broker, options, partitionCounts, producers, OnFailure.STOP)
                .single();
    }

    /** As {@link #transactional(String, Duration)} with Kafka's timeout of a minute. */
    public TransactionalSender<K, V> transactional(String transactionalId) {
        return transactional(transactionalId, TransactionalSender.TIMEOUT_DEFAULT);
    }

    /**
     * Transactions under a name that stays the same when the program is started anew: what a former sender of that name has left open is
     * aborted by the first transaction, or before {@link TransactionalSender#process} reads, and that sender can do nothing any more.
     *
     * @param transactionalId one name for each sender that runs at the same time, not blank
     * @param timeout how long a transaction may be open before the broker aborts it
     */
    public TransactionalSender<K, V> transactional(String transactionalId, Duration timeout) {
        return new TransactionalSender<>(broker, options, partitionCounts, interceptor, transactionalId, timeout);
    }
}
