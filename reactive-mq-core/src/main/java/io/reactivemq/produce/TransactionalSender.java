package io.reactivemq.produce;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.produce.FluxSend.OnFailure;
import io.reactivemq.produce.TransactionalProducer.Transaction;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Sends records in transactions: those of one transaction become visible to receivers of committed records together, or never, whatever
 * crashes. With {@link #process} the offsets of what was read are part of it: read, process and write happen exactly once.
 *
 * <p>One transaction at a time; one that is begun while another is under way fails with an IllegalStateException. When a newer sender has begun under the same transactional id, this one
 * is fenced: its transaction fails with {@code PRODUCER_FENCED} or {@code INVALID_PRODUCER_EPOCH}, at once, and so does every later one.
 *
 * <p>Safe for use by many threads; no thread ever waits. It holds no resources.
 *
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public final class TransactionalSender<K, V> {

    static final Duration TIMEOUT_DEFAULT = Duration.ofMinutes(1);

    /** Codes that say: what was read belongs to another member now. */
    private static final Set<ErrorCode> LOST = Set.of(
            ErrorCode.FENCED_MEMBER_EPOCH,
            ErrorCode.UNKNOWN_MEMBER_ID,
            ErrorCode.ILLEGAL_GENERATION,
            ErrorCode.STALE_MEMBER_EPOCH);

    private final Broker broker;
    private final SenderOptions<K, V> options;
    private final PartitionCounts partitionCounts;
    private final UnaryOperator<SenderRecord<K, V>> interceptor;
    private final TransactionalProducer producer;

    TransactionalSender(
            Broker broker,
            SenderOptions<K, V> options,
            PartitionCounts partitionCounts,
            UnaryOperator<SenderRecord<K, V>> interceptor,
            String transactionalId,
            Duration timeout) {
        Objects.requireNonNull(transactionalId, "transactionalId");
        if (transactionalId.isBlank()) {
            throw new IllegalArgumentException("transactionalId must not be blank");
        }
        if (timeout.toMillis() <= 0) {
            throw new IllegalArgumentException("timeout must be 1 ms or more, was " + timeout);
        }
        if (!options.idempotence()) {
            throw new IllegalArgumentException("a transactional sender needs idempotence, which the options turn off");
        }
        this.broker = broker;
        this.options = options;
        this.partitionCounts = partitionCounts;
        this.interceptor = interceptor;
        this.producer = new TransactionalProducer(broker, options, transactionalId, timeout);
    }

    /**
     * Sends the records in one transaction, as {@link Sender#send(Publisher)} does. It is committed when the source has completed and all
     * records are appended; then the Flux completes. Results come before that: a record counts when the Flux has completed.
     *
     * <p>An error of the source or of any record aborts, and so does cancelling; the error is emitted when the abort is done, or left to the
     * broker after 10 s. Where the commit itself fails with {@code REQUEST_TIMED_OUT}, it may have happened or not. Who cancels while it is under
     * way does not stop it; if it fails then, that is logged.
     */
    public Flux<SenderResult<K, V>> send(Publisher<SenderRecord<K, V>> records) {
        return Flux.defer(() -> {
            Transaction transaction = producer.transaction();
            return sendIn(transaction, records, () -> {})
                    .concatWith(transaction.ended().then(Mono.empty()));
        });
    }

    /**
     * The results; where it completes, the commit is under way.
     *
     * @param failed hears that the commit has failed
     */
    private Flux<SenderResult<K, V>> sendIn(
            Transaction transaction, Publisher<SenderRecord<K, V>> records, Runnable failed) {
        return Flux.usingWhen(
                        Mono.just(transaction),
                        mine -> mine.begin().flatMapMany(begun -> sending(records, begun)),
                        mine -> mine.commit(failed),
                        (mine, failure) -> mine.abort(),
                        Transaction::abort)
                .onErrorResume(transaction::endedBy);
    }

    /**
     * Sends each of the publishers in a transaction of its own, one after the other. The first that fails ends the Flux.
     *
     * <p>While one transaction is being committed the next publisher is subscribed and its first records are taken; none of them is appended before
     * that commit is done, and where it fails, they are discarded. Cancelling aborts the transaction whose records are taken, behind the commit
     * of the one before, which goes on; if that fails, it is logged. An error waits for that commit, too. Who has to know of the commit before reading on, as one who sends from a table
     * what is not yet sent, uses {@code transactions.concatMap(sender::send)}.
     */
    public Flux<SenderResult<K, V>> sendTransactionally(
            Publisher<? extends Publisher<SenderRecord<K, V>>> transactions) {
        return Flux.defer(() -> new Sequence().send(transactions));
    }

    /** Transactions of which each begins while the one before is being committed. */
    private final class Sequence {

        /** Completes when a commit has failed, so that no further publisher is asked for; {@link #ended} tells why. */
        private final Sinks.Empty<Publisher<SenderRecord<K, V>>> broken = Sinks.empty();

        /** Comes behind the last: it ends when that is committed. */
        private final Publisher<SenderRecord<K, V>> end =
                Flux.<SenderRecord<K, V>>empty().hide();

        private volatile @Nullable Transaction last;

        Flux<SenderResult<K, V>> send(Publisher<? extends Publisher<SenderRecord<K, V>>> transactions) {
            return Flux.<Publisher<SenderRecord<K, V>>>from(transactions)
                    .takeUntilOther(broken.asMono())
                    .concatWith(Mono.just(end))
                    .concatMap(records -> records == end ? ended() : sendNext(records), 0);
        }

        private Flux<SenderResult<K, V>> sendNext(Publisher<SenderRecord<K, V>> records) {
            Transaction next = producer.transactionAfter(last);
            last = next;
            return sendIn(next, records, broken::tryEmitEmpty);
        }

        private Mono<SenderResult<K, V>> ended() {
            Transaction mine = last;
            return mine == null ? Mono.empty() : mine.ended().then(Mono.empty());
        }
    }

    /**
     * Reads, processes and writes: for each batch of the input, what the function makes of its records is sent, and committed together with the
     * offset behind the batch. Results are emitted when their transaction is committed.
     *
     * <p>An error of the function or of the send aborts the transaction and ends the Flux; cancelling aborts, too. Who subscribes again reads
     * from what is committed, so nothing is left out and nothing counts twice. A batch whose partition another member has got meanwhile is
     * aborted, and the Flux goes on with the next.
     *
     * <p>The input is subscribed when the broker has ended what a former sender of the transactional id has left open, so that its offsets can be read
     * without waiting for the transaction's timeout; that sender is fenced from then on.
     *
     * <p>{@code sender.transactional("enricher-1").process(receiver, batch -> batch.map(r -> SenderRecord.of("enriched", r.key(), enrich(r))))}
     *
     * @param input a Receiver with a group; one that reads committed records alone, where what it reads is written in transactions
     */
    public <R> Flux<SenderResult<K, V>> process(
            TransactionInput<R> input, Function<? super Flux<R>, ? extends Publisher<SenderRecord<K, V>>> function) {
        Objects.requireNonNull(function, "function");
        Flux<SenderResult<K, V>> processing = input.transactionBatches()
                .concatMap(batch -> process(batch, function), 0)
                .flatMapIterable(results -> results);
        // offsets that a former sender's transaction is about to change can't be read, so no batch would come before
        // its timeout
        return producer.known().thenMany(processing);
    }

    private <R> Mono<List<SenderResult<K, V>>> process(
            TransactionInput.Batch<R> batch,
            Function<? super Flux<R>, ? extends Publisher<SenderRecord<K, V>>> function) {
        return Mono.defer(() -> {
            Transaction transaction = producer.transaction();
            return Mono.usingWhen(
                            Mono.just(transaction),
                            mine -> Mono.firstWithSignal(
                                    mine.begin()
                                            .flatMapMany(begun ->
                                                    sending(function.apply(Flux.fromIterable(batch.records())), begun))
                                            .collectList(),
                                    batch.lost().then(lost(batch))),
                            mine -> mine.commit(batch),
                            (mine, failure) -> mine.abort(),
                            Transaction::abort)
                    .onErrorResume(transaction::endedBy)
                    .delayUntil(results -> transaction.ended())
                    .onErrorResume(
                            failure -> failure instanceof MqException e && LOST.contains(e.errorCode()),
                            failure -> Mono.empty());
        });
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    private static <T> Mono<T> lost(TransactionInput.Batch<?> batch) {
        return Mono.create(sink -> sink.error(new MqException(
                ErrorCode.FENCED_MEMBER_EPOCH,
                batch + " was lost while it was processed: it will be delivered again, here or elsewhere")));
    }

    private Flux<SenderResult<K, V>> sending(Publisher<SenderRecord<K, V>> records, Transaction transaction) {
        return FluxSend.of(
                Flux.from(records).map(interceptor), broker, options, partitionCounts, transaction, OnFailure.STOP);
    }
}
