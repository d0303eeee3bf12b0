package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.produce.TransactionInput;
import io.reactivemq.produce.TransactionalSender;
import io.reactivemq.record.Codec;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.GroupedFlux;
import reactor.core.publisher.Mono;
import reactor.util.concurrent.Queues;

/**
 * Reads topics as a Flux: with {@link ReceiverOptions#group() a group} as a member of it, which shares the partitions with the
 * other members and commits what is acknowledged; without one with a cursor of its own over all partitions.
 *
 * <p>A Receiver has one active subscription at a time, to one of its publishers; another one fails with an IllegalStateException until the first has ended. Order is that of the partition.
 * Nothing is fetched without demand.
 *
 * <p>Delivery is at least once, but for {@link #receiveAtmostOnce}: a record that was emitted and not acknowledged, or acknowledged and not yet committed, is
 * delivered again after a crash. Cancelling commits what is acknowledged and leaves the group, in the background and bounded;
 * {@link #drain} does so in good order and tells when it is done.
 *
 * <p>Safe for use by many threads.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class Receiver<K, V> implements TransactionInput<ReceiverRecord<K, V>> {

    private final Broker broker;
    private final ReceiverOptions<K, V> options;
    private final Subscriptions subscriptions = new Subscriptions();

    private Receiver(Broker broker, ReceiverOptions<K, V> options) {
        this.broker = Objects.requireNonNull(broker, "broker");
        this.options = Objects.requireNonNull(options, "options");
    }

    /**
     * A receiver on that broker. Nothing is sent before one of its publishers is subscribed. The first receiver loads the libraries
     * of compressions that are on the class path, unless the calling thread must not block; native ones read files for that.
     */
    public static <K, V> Receiver<K, V> on(Broker broker, ReceiverOptions<K, V> options) {
        if (broker.runtime().mayPark()) {
            // now, and not on the receiver's worker, which must not block
            Codec.loadAll();
        }
        return new Receiver<>(broker, options);
    }

    /**
     * The records, each to be {@linkplain ReceiverRecord#acknowledge acknowledged} when it is done with, in any order and
     * from any thread. At most {@code maxInFlight} offsets of a partition are emitted beyond the oldest unacknowledged one.
     */
    public Flux<ReceiverRecord<K, V>> receive() {
        return new FluxReceive<>(broker, options, subscriptions, FluxReceive.Acknowledgement.EXPLICIT);
    }

    /**
     * The records, each acknowledged when the subscriber's {@code onNext} has returned. That is at least once for a handler
     * that runs inside the pipeline's own thread ({@code doOnNext}, {@code map}); behind an asynchronous boundary ({@code
     * publishOn}, {@code flatMap}) a record counts as acknowledged while its handler may still run: use {@link #process} or
     * {@link #receive} there. A record during whose {@code onNext} the subscription was cancelled, as an operator does whose
     * function threw, is not acknowledged.
     */
    public Flux<ReceiverRecord<K, V>> receiveAutoAck() {
        return new FluxReceive<>(broker, options, subscriptions, FluxReceive.Acknowledgement.ON_RETURN);
    }

    /**
     * The records, each of them committed before it is emitted: a record may be lost at a crash, and none is delivered twice. Needs a
     * group. A crash loses what was committed ahead, at most {@code maxPollRecords} records of each partition, and never more than there was
     * demand for; an end in good order, such as a cancellation or a rebalance, loses nothing.
     */
    public Flux<ReceiverRecord<K, V>> receiveAtmostOnce() {
        if (options.group() == null) {
            throw new IllegalStateException(options
                    + ": receiveAtmostOnce commits before it emits, and that needs a group: o.group(\"billing\")");
        }
        return new FluxReceive<>(broker, options, subscriptions, FluxReceive.Acknowledgement.BEFORE);
    }

    /**
     * The records in batches of one partition each, at most {@code maxPollRecords} long: what is there, without a wait for more. The
     * subscriber acknowledges a batch, or its records one by one. Demand counts batches.
     */
    public Flux<ReceiverBatch<K, V>> receiveBatches() {
        return new FluxReceiveBatches<>(broker, options, subscriptions, false);
    }

    /**
     * Runs a pipeline for each partition, and emits what the pipelines do. A pipeline gets the records of its partition under its
     * own demand, to be acknowledged as with {@link #receive}, and the end of them when the partition is to be handed over; the partition
     * is given back when the pipeline's publisher has ended, at the latest after three quarters of {@code rebalanceTimeout}, when it is
     * cancelled. A pipeline that ends before gets no more records, and its partition waits for the next rebalance. The error of a pipeline
     * ends the whole Flux.
     *
     * <p>{@code receiver.receivePartitions(lane -> lane.concatMap(record -> bill(record).doOnSuccess(done -> record.acknowledge())))}
     *
     * @param pipeline gets the partition, as the {@linkplain GroupedFlux#key() key}, and its records; called on the receiver's worker
     */
    public <R> Flux<R> receivePartitions(
            Function<? super GroupedFlux<TopicPartition, ReceiverRecord<K, V>>, ? extends Publisher<? extends R>>
                    pipeline) {
        Objects.requireNonNull(pipeline, "pipeline");
        return new FluxLanes<>(broker, options, subscriptions)
                .flatMap(lane -> lane.run(pipeline), Integer.MAX_VALUE, Queues.XS_BUFFER_SIZE);
    }

    /** As {@link #process(Function, Consumer)} with three attempts and then {@code <topic>.dlq}. */
    public Flux<Outcome> process(Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler) {
        return process(handler, options -> {});
    }

    /**
     * Runs the handler for every record: partitions side by side, the records of one in order, one after the other. A record
     * is done when the publisher that the handler returned has completed; its elements are ignored. If it fails, it is
     * attempted again in place; after the last attempt, and at once where its bytes can't be deserialized, the record is moved
     * to the dead-letter topic, and when it is durable there the partition goes on. An error of the handler never ends the
     * stream; one of the dead-letter topic does, after several tries, and the record is then not acknowledged.
     *
     * <p>A record is started only under demand for its outcome, so demand bounds how many handlers run at once.
     */
    public Flux<Outcome> process(
            Function<ReceiverRecord<K, V>, ? extends Publisher<?>> handler,
            Consumer<? super ProcessOptions.Builder> configure) {
        Objects.requireNonNull(handler, "handler");
        return new FluxProcess<>(broker, options, subscriptions, handler, ProcessOptions.of(configure));
    }

    /** For {@link TransactionalSender#process}: the records in batches, as {@link #receiveBatches}. Needs a group. */
    @Override
    public Flux<? extends TransactionInput.Batch<ReceiverRecord<K, V>>> transactionBatches() {
        if (options.group() == null) {
            throw new IllegalStateException(
                    options + ": a transaction commits what was read, and that needs a group: o.group(\"billing\")");
        }
        return new FluxReceiveBatches<>(broker, options, subscriptions, true)
                .map(batch -> new TransactionBatch<>(batch, subscriptions.activeLoop()));
    }

    /**
     * Ends the active subscription in good order: no more records are emitted or started; what is in flight is awaited
     * until the timeout, except that waits between attempts are cut short; what is acknowledged is committed, the group is
     * left, and the Flux completes. After a cancellation there is nothing left to begin, and this completes when the last commit
     * is done and the group is left. Completes with an empty report where there is no subscription.
     *
     * @param timeout the bound on the wait for what is in flight, more than zero; commit and leave have a bound of their own
     *     of 5 s
     */
    public Mono<DrainReport> drain(Duration timeout) {
        if (timeout.isZero() || timeout.isNegative()) {
            throw new IllegalArgumentException("timeout must be more than zero, was " + timeout);
        }
        return Mono.defer(() -> {
            ConsumeLoop loop = subscriptions.activeOrLeavingLoop();
            return loop == null ? Mono.just(DrainReport.NOTHING) : loop.drain(timeout);
        });
    }

    /** Stops reading all partitions, those too that are assigned later, until {@link #resume()}. What is in flight is not touched. */
    public Mono<Void> pause() {
        return onActive(loop -> loop.pause(null));
    }

    /**
     * Stops reading these partitions until they are {@linkplain #resume resumed} or assigned anew. Demand and transactions are further
     * reasons for a pause, and none ends another; {@link #health} shows them.
     *
     * @return fails with an IllegalStateException where there is no subscription or one of them is not assigned
     */
    public Mono<Void> pause(Collection<TopicPartition> partitions) {
        List<TopicPartition> chosen = List.copyOf(partitions);
        return onActive(loop -> loop.pause(chosen));
    }

    /** Ends every pause by {@link #pause}. */
    public Mono<Void> resume() {
        return onActive(loop -> loop.resume(null));
    }

    /** Ends the pause of these partitions by {@link #pause}. */
    public Mono<Void> resume(Collection<TopicPartition> partitions) {
        List<TopicPartition> chosen = List.copyOf(partitions);
        return onActive(loop -> loop.resume(chosen));
    }

    /**
     * Goes on at that offset of an assigned partition; where that is outside the log, as the options say for such a case. What is in
     * flight of it is not waited for: handlers are cancelled, and acknowledgements of what was emitted have no effect any more. The next
     * commit is that of the new position.
     *
     * @return fails with an IllegalStateException where there is no subscription or the partition is not assigned
     */
    public Mono<Void> seek(TopicPartition partition, long offset) {
        if (offset < 0) {
            throw new IllegalArgumentException("offset must be 0 or more, was " + offset);
        }
        return onActive(loop -> loop.seek(Map.of(partition, offset)));
    }

    /** As {@link #seek(TopicPartition, long)} to the begin, the end or a time. */
    public Mono<Void> seek(TopicPartition partition, OffsetSpec to) {
        return onActive(loop -> resolve(List.of(partition), to).flatMap(loop::seek));
    }

    /** As {@link #seek(TopicPartition, OffsetSpec)} for all partitions that are assigned now. */
    public Mono<Void> seek(OffsetSpec to) {
        return onActive(loop -> loop.assigned().flatMap(all -> resolve(all, to)).flatMap(loop::seek));
    }

    private Mono<Map<TopicPartition, Long>> resolve(Collection<TopicPartition> partitions, OffsetSpec to) {
        Caller caller = Caller.embedded(options.clientId());
        return Flux.fromIterable(partitions)
                .flatMap(partition ->
                        broker.listOffset(caller, partition, to).map(offset -> Map.entry(partition, offset)))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Void> onActive(Function<ConsumeLoop, Mono<Void>> command) {
        return Mono.defer(() -> {
            ConsumeLoop loop = subscriptions.activeLoop();
            return loop == null
                    ? Mono.error(new IllegalStateException(options + " has no active subscription"))
                    : command.apply(loop);
        });
    }

    /**
     * How the partitions are getting on: what is in flight, for how long the oldest of it has been, which of them are paused and why, and
     * which are stalled. Without partitions where there is no subscription. A subscription whose worker is blocked by its subscriber
     * does not answer: put a timeout on it.
     */
    public Mono<ReceiverHealth> health() {
        return Mono.defer(() -> {
                    ConsumeLoop loop = subscriptions.activeLoop();
                    return loop == null ? Mono.empty() : loop.health();
                })
                .defaultIfEmpty(ReceiverHealth.NONE);
    }

    /**
     * How far behind this receiver is, for each partition it has: the records between the first one that is not acknowledged
     * and the end of what it sees, asked of the broker now: the high watermark, or the last stable offset where it receives
     * committed records alone.
     */
    public Mono<Map<TopicPartition, Long>> lag() {
        return Mono.defer(() -> {
                    ConsumeLoop loop = subscriptions.activeLoop();
                    return loop == null ? Mono.empty() : loop.acknowledgedOffsets();
                })
                .flatMap(this::behind)
                .defaultIfEmpty(Map.of());
    }

    /**
     * The partitions this receiver has: the set of now, then each change; what a slow subscriber misses is left out. Never
     * ends by itself.
     */
    public Flux<Set<TopicPartition>> assignments() {
        return subscriptions.assignments();
    }

    private Mono<Map<TopicPartition, Long>> behind(Map<TopicPartition, Long> acknowledged) {
        Caller caller = Caller.embedded(options.clientId());
        OffsetSpec endOfLog =
                options.isolation() == IsolationLevel.READ_COMMITTED ? OffsetSpec.latestStable() : OffsetSpec.latest();
        return Flux.fromIterable(acknowledged.entrySet())
                .flatMap(entry -> broker.listOffset(caller, entry.getKey(), endOfLog)
                        .map(end -> Map.entry(entry.getKey(), Math.max(0, end - entry.getValue()))))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }
}
