package io.reactivemq.transaction;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionApi;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.coordinator.Coordinator;
import io.reactivemq.coordinator.CoordinatorResult;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import io.reactivemq.topic.Partition;
import io.reactivemq.transaction.TransactionShard.EndPlan;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The transactions of a broker: {@link TransactionApi} over the state machine behind {@code __transaction_state}.
 *
 * <p>A commit takes four steps: the transaction's partitions are forced, so that no record of it can be lost any more; {@code PREPARE_COMMIT} is
 * recorded, and from then on it is decided, and answered; each partition gets its marker; {@code COMPLETE_COMMIT} is recorded. After a crash in
 * between, the markers are written (again) when the broker opens. A producer's next request waits until the former transaction is complete, so
 * that it need not ask again.
 */
public final class TransactionService implements TransactionApi {

    /** The internal topic of transactions, by Kafka's name. */
    public static final String TOPIC = "__transaction_state";

    private static final Logger LOG = LoggerFactory.getLogger(TransactionService.class);

    /** One process has the log, so there is no older coordinator to fence. */
    private static final int COORDINATOR_EPOCH = 0;

    /** Requests wait for the end of the former transaction that long; then they are to be sent again. */
    private static final Duration COMPLETION_WAIT_MAX = Duration.ofSeconds(5);

    /** An older producer's transaction is aborted before a newer one begins; a third one in between makes it more than one. */
    private static final int INIT_ATTEMPTS_MAX = 5;

    private static final Duration MARKER_BACKOFF = Duration.ofMillis(100);

    /** Then the round that looks for transactions that are not complete takes it up again. */
    private static final int MARKER_RETRIES_MAX = 4;

    private static final int MARKERS_AT_ONCE = 256;

    private final Coordinator<TransactionShard> coordinator;
    private final TransactionConfig config;
    private final ProducerIds producerIds;
    private final TransactionTargets targets;
    private final MqRuntime runtime;

    /** Decided transactions whose partitions are being told, by transactional id. */
    private final Map<String, Completion> completions = new ConcurrentHashMap<>();

    /** By transactional id, what is known to be part of the open transaction, so that not each append asks. */
    private final Map<String, Enlisted> enlisted = new ConcurrentHashMap<>();

    /** Which partitions have the marker of a transaction that is not complete yet, by transactional id. */
    private final Map<String, Told> told = new ConcurrentHashMap<>();

    private final Disposable.Swap checking = Disposables.swap();

    /** The completions under way. */
    private final Disposable.Composite completing = Disposables.composite();

    public TransactionService(
            Partition partition,
            TransactionConfig config,
            ProducerIds producerIds,
            TransactionTargets targets,
            MqRuntime runtime) {
        this.coordinator = new Coordinator<>(partition, runtime, () -> new TransactionShard(config));
        this.config = config;
        this.producerIds = producerIds;
        this.targets = targets;
        this.runtime = runtime;
    }

    /** Partitions that take appends of the producer's transaction without a question. */
    private record Enlisted(ProducerIdAndEpoch producer, Set<TopicPartition> partitions) {}

    /** Replays the transactions and completes those that are decided; from then on those that are open for too long are aborted. */
    public Mono<Void> load() {
        return coordinator.load().then(Mono.defer(this::check)).doOnSuccess(loaded -> checkLater());
    }

    /** The next round begins an interval after one has ended. */
    private void checkLater() {
        checking.update(runtime.timers()
                .schedule(
                        () -> {
                            Disposable unused = check().subscribe(
                                            null,
                                            failure -> {
                                                LOG.warn("transactions could not be checked", failure);
                                                checkLater();
                                            },
                                            this::checkLater);
                        },
                        config.checkInterval().toMillis(),
                        TimeUnit.MILLISECONDS));
    }

    public void close() {
        checking.dispose();
        completing.dispose();
        coordinator.close();
    }

    private Mono<Void> check() {
        return coordinator
                .handle(transactions -> transactions.check(runtime.currentTimeMillis()))
                .doOnNext(prepared -> prepared.forEach(id -> completeSoon(id, null)))
                .then();
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        String id = request.transactionalId();
        if (id == null) {
            return producerIds.next().map(fresh -> new ProducerIdAndEpoch(fresh, (short) 0));
        }
        return init(id, request, 1);
    }

    private Mono<ProducerIdAndEpoch> init(String id, InitProducerId request, int attempt) {
        return producerIds
                .next()
                .flatMap(fresh -> coordinator.handle(
                        transactions -> transactions.init(request, fresh, runtime.currentTimeMillis())))
                .flatMap(producer -> {
                    if (producer.isPresent()) {
                        return Mono.just(producer.get());
                    }
                    Mono<Void> completed = awaitCompletion(id);
                    return attempt < INIT_ATTEMPTS_MAX
                            ? completed.then(Mono.defer(() -> init(id, request, attempt + 1)))
                            : completed.then(concurrent(id));
                });
    }

    @Override
    public Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions) {
        Set<TopicPartition> wanted = Set.copyOf(partitions);
        for (TopicPartition partition : wanted) {
            MqException refusal = targets.refusal(partition);
            if (refusal != null) {
                return failed(refusal);
            }
        }
        return add(transactionalId, producer, wanted, TransactionVersion.V1);
    }

    @Override
    public Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId) {
        return add(transactionalId, producer, Set.of(targets.offsetsOf(groupId)), TransactionVersion.V1);
    }

    private Mono<Void> add(
            String id, ProducerIdAndEpoch producer, Set<TopicPartition> partitions, TransactionVersion version) {
        Supplier<Mono<Boolean>> adding = () -> coordinator.handle(
                transactions -> transactions.add(id, producer, partitions, version, runtime.currentTimeMillis()));
        return Mono.defer(() -> {
                    Completion former = completions.get(id);
                    // an older producer is told so at once
                    return former != null && producer.equals(former.next)
                            ? awaited(id, former).then(afterCompletion(id, adding))
                            : afterCompletion(id, adding);
                })
                .then();
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        TopicPartition partition = append.partition();
        ByteBuffer records = append.records();
        if (targets.refusal(partition) != null || records.remaining() < RecordBatch.HEADER_BYTES) {
            return targets.append(caller, partition, records, append.acks()); // which says what is wrong
        }
        RecordBatch batch = RecordBatch.at(records, records.position());
        ProducerIdAndEpoch producer = new ProducerIdAndEpoch(batch.producerId(), batch.producerEpoch());
        if (!batch.isTransactional()) {
            return failed(new MqException(
                    ErrorCode.INVALID_TXN_STATE,
                    partition + ": a batch outside of any transaction, under transactional id "
                            + append.transactionalId()));
        }
        Enlisted known = enlisted.get(append.transactionalId());
        if (known != null
                && known.producer.equals(producer)
                && known.partitions.contains(partition)
                && append.version() == TransactionVersion.V2) {
            return targets.append(caller, partition, records, append.acks());
        }
        return enlist(append.transactionalId(), producer, partition, append.version())
                .onErrorMap(TransactionService::isFenced, TransactionService::invalidEpoch)
                .then(Mono.create(sink -> {
                    Disposable unused = targets.append(caller, partition, records, append.acks())
                            .contextWrite(sink.contextView())
                            .subscribe(sink::success, sink::error);
                    // only now that it is on its way: the next append, which does not ask, must not get past it
                    if (append.version() == TransactionVersion.V2) {
                        remember(append.transactionalId(), producer, partition);
                    }
                }));
    }

    private void remember(String id, ProducerIdAndEpoch producer, TopicPartition partition) {
        enlisted.compute(id, (same, known) -> {
            Enlisted now = known != null && known.producer.equals(producer)
                    ? known
                    : new Enlisted(producer, ConcurrentHashMap.newKeySet());
            now.partitions.add(partition);
            return now;
        });
    }

    private Mono<Void> enlist(
            String id, ProducerIdAndEpoch producer, TopicPartition partition, TransactionVersion version) {
        return switch (version) {
            case V1 ->
                coordinator
                        .read(transactions -> transactions.verify(id, producer, partition))
                        .then();
            case V2 -> add(id, producer, Set.of(partition), version);
        };
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
        return enlist(
                        commit.transactionalId(),
                        commit.producer(),
                        targets.offsetsOf(commit.groupId()),
                        commit.version())
                .onErrorMap(TransactionService::isFenced, TransactionService::invalidEpoch)
                .then(Mono.defer(() -> targets.commitOffsets(commit)));
    }

    @Override
    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
        String id = end.transactionalId();
        return afterCompletion(
                        id,
                        () -> coordinator
                                .handle(transactions -> endOrPlan(transactions, end))
                                .flatMap(first -> first.ended != null ? Mono.just(first.ended) : end(end, first.plan)))
                .doOnNext(producer -> completeSoon(id, producer));
    }

    /** The end, where nothing has to be done before; else what has to. */
    private record Ending(EndPlan plan, @Nullable ProducerIdAndEpoch ended) {}

    private CoordinatorResult<Ending> endOrPlan(TransactionShard transactions, EndTransaction end) {
        EndPlan plan = transactions.plan(end);
        if (plan.needsProducerId() || (targets.forces() && !plan.toForce().isEmpty())) {
            return CoordinatorResult.of(new Ending(plan, null));
        }
        CoordinatorResult<ProducerIdAndEpoch> ended =
                transactions.end(end, plan.toForce(), TransactionMetadata.NONE, runtime.currentTimeMillis());
        return new CoordinatorResult<>(ended.records(), new Ending(plan, ended.response()));
    }

    private Mono<ProducerIdAndEpoch> end(EndTransaction end, EndPlan plan) {
        return Flux.fromIterable(targets.forces() ? new TreeSet<>(plan.toForce()) : Set.<TopicPartition>of())
                .flatMap(targets::force, MARKERS_AT_ONCE)
                .then(plan.needsProducerId() ? producerIds.next() : Mono.just(TransactionMetadata.NONE))
                .flatMap(fresh -> coordinator.handle(
                        transactions -> transactions.end(end, plan.toForce(), fresh, runtime.currentTimeMillis())));
    }

    /** How many open transactions take appends without a question. */
    int enlistedCount() {
        return enlisted.size();
    }

    @Override
    public Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId) {
        return coordinator.read(transactions -> transactions.describe(transactionalId));
    }

    @Override
    public Mono<List<TransactionDescription>> listTransactions(Caller caller) {
        return coordinator.read(TransactionShard::list);
    }

    /** Asks, and where the former transaction is still being ended, waits for that and asks once more. */
    private <T> Mono<T> afterCompletion(String id, Supplier<Mono<T>> request) {
        return Mono.defer(request)
                .onErrorResume(
                        failure ->
                                failure instanceof MqException e && e.errorCode() == ErrorCode.CONCURRENT_TRANSACTIONS,
                        failure -> awaitCompletion(id).then(Mono.defer(request)));
    }

    private Mono<Void> awaitCompletion(String id) {
        return awaited(id, complete(id, null));
    }

    private Mono<Void> awaited(String id, Completion completion) {
        return completion
                .ended
                .asMono()
                .timeout(COMPLETION_WAIT_MAX, Mono.defer(() -> concurrent(id)), runtime.timers())
                .onErrorResume(failure -> concurrent(id));
    }

    private void completeSoon(String id, @Nullable ProducerIdAndEpoch next) {
        Completion unused = complete(id, next); // which is under way now
    }

    /**
     * Tells the partitions of a transaction that is decided, unless that is under way already. Goes on whoever waits.
     *
     * @param next as what the producer is going to ask, where that is known
     */
    private Completion complete(String id, @Nullable ProducerIdAndEpoch next) {
        enlisted.remove(id);
        Completion mine = new Completion(id, next);
        Completion before = completions.putIfAbsent(id, mine);
        if (before != null) {
            return before;
        }
        mine.begin();
        return mine;
    }

    /** The completion of one transaction that is decided. */
    private final class Completion {

        private final String id;

        /** As what the producer is going to ask, where that is known. */
        private final @Nullable ProducerIdAndEpoch next;

        /**
         * The transaction is complete as far as the coordinator's state knows. What follows is recorded behind it, so nobody has to wait until the
         * record is durable.
         */
        private final Sinks.Empty<Void> ended = Sinks.empty();

        Completion(String id, @Nullable ProducerIdAndEpoch next) {
            this.id = id;
            this.next = next;
        }

        void begin() {
            Disposable.Swap work = Disposables.swap();
            if (!completing.add(work)) {
                end(closed());
                return;
            }
            work.update(coordinator
                    .read(transactions -> transactions.prepared(id))
                    .flatMap(found -> found.map(this::tell).orElseGet(Mono::empty))
                    .doOnSuccess(done -> end(null))
                    // not by the subscriber: it drops an error that is on its way when the service is closed
                    .onErrorResume(failure -> {
                        LOG.warn(
                                "the end of the transaction of {} could not be completed; it is tried again: {}",
                                id,
                                failure.toString());
                        end(failure);
                        return Mono.empty();
                    })
                    .doOnCancel(() -> end(closed()))
                    .doFinally(how -> completing.remove(work))
                    .subscribe());
        }

        private Mono<Void> tell(TransactionMetadata decided) {
            TransactionMarker marker = new TransactionMarker(
                    decided.state() == State.PREPARE_COMMIT ? Outcome.COMMIT : Outcome.ABORT, COORDINATOR_EPOCH);
            Told known = told.computeIfAbsent(id, same -> Told.nothing(decided));
            if (!known.isOf(decided)) {
                known = Told.nothing(decided);
                told.put(id, known);
            }
            Told mine = known;
            return Flux.fromIterable(new TreeSet<>(decided.partitions()))
                    .filter(partition -> !mine.partitions.contains(partition))
                    .flatMap(
                            partition -> TransactionService.this
                                    .tell(partition, decided.producer(), marker, MARKER_RETRIES_MAX)
                                    .doOnSuccess(done -> mine.partitions.add(partition)),
                            MARKERS_AT_ONCE)
                    .then(coordinator.handle(transactions -> {
                        CoordinatorResult<Boolean> complete =
                                transactions.complete(id, decided.producer(), runtime.currentTimeMillis());
                        // the requests that have waited come behind this event
                        end(null);
                        return complete;
                    }))
                    .doOnSuccess(complete -> told.remove(id, mine))
                    .then();
        }

        private void end(@Nullable Throwable failure) {
            // before anyone hears of it, and may begin the next
            completions.remove(id, this);
            if (failure == null) {
                ended.tryEmitEmpty();
            } else {
                ended.tryEmitError(failure);
            }
        }
    }

    /** The partitions that have the marker of a decided transaction, so that none gets another where the record of that fails. */
    private record Told(ProducerIdAndEpoch producer, long decidedMs, Set<TopicPartition> partitions) {

        static Told nothing(TransactionMetadata decided) {
            return new Told(decided.producer(), decided.updatedMs(), ConcurrentHashMap.newKeySet());
        }

        boolean isOf(TransactionMetadata decided) {
            return producer.equals(decided.producer()) && decidedMs == decided.updatedMs();
        }
    }

    private Mono<Void> tell(
            TopicPartition partition, ProducerIdAndEpoch producer, TransactionMarker marker, int retries) {
        return Mono.defer(() -> targets.end(partition, producer, marker))
                .onErrorResume(
                        failure -> retries > 0 && failure instanceof MqException e && e.isRetriable(),
                        failure -> Mono.delay(MARKER_BACKOFF, runtime.timers())
                                .then(tell(partition, producer, marker, retries - 1)));
    }

    private static MqException closed() {
        return new MqException(ErrorCode.BROKER_NOT_AVAILABLE, "this broker is closed");
    }

    private static boolean isFenced(Throwable failure) {
        return failure instanceof MqException e && e.errorCode() == ErrorCode.PRODUCER_FENCED;
    }

    /** What writes are told, as Kafka has it. */
    private static MqException invalidEpoch(Throwable fenced) {
        return new MqException(ErrorCode.INVALID_PRODUCER_EPOCH, String.valueOf(fenced.getMessage()), fenced);
    }

    private static <T> Mono<T> concurrent(String id) {
        return failed(new MqException(
                ErrorCode.CONCURRENT_TRANSACTIONS,
                "transactional id " + id + ": the former transaction is still being ended: ask again"));
    }

    /** An expected failure; {@link Mono#error} inside an operator would count as that operator's. */
    private static <T> Mono<T> failed(MqException failure) {
        return Mono.create(sink -> sink.error(failure));
    }
}
