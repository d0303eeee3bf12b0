package io.reactivemq.engine;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ClassicHeartbeat;
import io.reactivemq.broker.ClassicJoin;
import io.reactivemq.broker.ClassicJoinResult;
import io.reactivemq.broker.ClassicLeave;
import io.reactivemq.broker.ClassicLeaveResult;
import io.reactivemq.broker.ClassicSync;
import io.reactivemq.broker.ClassicSyncResult;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.ConfigChange;
import io.reactivemq.broker.ConfigEntry;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.EpochEnd;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.GroupDescription;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.GroupListing;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.LogDirDescription;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.ProducerDescription;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.broker.SecurityApi;
import io.reactivemq.broker.TopicDescription;
import io.reactivemq.broker.TransactionDescription;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.group.GroupConfig;
import io.reactivemq.group.GroupService;
import io.reactivemq.log.LogConfig;
import io.reactivemq.metrics.BrokerMeters;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.DirectoryLock;
import io.reactivemq.storage.FileStore;
import io.reactivemq.topic.Admission;
import io.reactivemq.topic.LongPoll;
import io.reactivemq.topic.Partition;
import io.reactivemq.transaction.TransactionService;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;

/**
 * A broker inside this JVM: partitioned logs, in memory or on files, with consumer groups and transactions.
 *
 * <pre>{@code
 * EmbeddedBroker broker = EmbeddedBroker.inMemory(256 << 20);               // at most 256 MiB of records
 * Mono<EmbeddedBroker> durable = EmbeddedBroker.open(Path.of("data"));      // on files, each append forced to disk
 * }</pre>
 *
 * <p>On files a record is acknowledged when it is as durable as its topic's level says ({@link Durability#FSYNC} by default), and
 * the broker opens again with what it had. In memory nothing survives the process, and the records are bound to a number of
 * bytes: at the bound, segments that every group has passed are let go, but for topics that are only compacted, and where that is
 * not enough, appends wait.
 *
 * <p>Safe for many threads. Answers come on the broker's threads or on the caller's; hop before you run code of your own there.
 * Senders and receivers do.
 */
public final class EmbeddedBroker implements Broker {

    private static final Logger LOG = LoggerFactory.getLogger(EmbeddedBroker.class);

    /** The least bound of a broker in memory: room for a batch of the largest size and a few segments. */
    private static final long MEMORY_BYTES_MIN = 1024 * 1024;

    /** Segments a broker in memory has for its bound; what is let go goes segment by segment. */
    private static final int SEGMENTS_IN_MEMORY = 64;

    /** {@code __consumer_offsets} has one partition, whose appends share each force. */
    private static final TopicPartition OFFSETS = new TopicPartition(GroupService.TOPIC, 0);

    private static final int SEGMENT_IN_MEMORY_BYTES_MIN = 16 * 1024;
    private static final int SEGMENT_IN_MEMORY_BYTES_MAX = 16 * 1024 * 1024;

    private final MqRuntime runtime;
    private final TopicRegistry topics;
    private final GroupService groups;
    private final Transactions transactions;
    private final RetentionCheck retention;
    private final CompactionCheck compaction;
    private final @Nullable MetersRound meters;
    private final @Nullable MemoryBound memory;
    private final @Nullable DirectoryLock lock;
    private final Mono<Void> closing;
    private volatile boolean closed;

    private EmbeddedBroker(
            MqRuntime runtime,
            TopicRegistry topics,
            GroupService groups,
            Transactions transactions,
            RetentionCheck retention,
            CompactionCheck compaction,
            @Nullable BrokerMeters meters,
            @Nullable MemoryBound memory,
            @Nullable DirectoryLock lock) {
        this.retention = retention;
        this.compaction = compaction;
        this.meters = meters == null ? null : new MetersRound(this, meters, runtime);
        this.runtime = runtime;
        this.topics = topics;
        this.groups = groups;
        this.transactions = transactions;
        this.memory = memory;
        this.lock = lock;
        this.closing = Mono.defer(this::close).cache();
        if (memory != null) {
            memory.onFull(this::reclaim);
        }
    }

    /** A broker in memory that holds at most that many bytes of records; see {@link #inMemory(long, Consumer)}. */
    public static EmbeddedBroker inMemory(long maxBytes) {
        return inMemory(maxBytes, options -> {});
    }

    /**
     * A broker in memory, ready for use.
     *
     * @param maxBytes the bound on the records of all topics together, {@value #MEMORY_BYTES_MIN} or more; the broker's own
     *     topics (committed offsets) are beside it
     * @param configure sets what differs from the defaults
     */
    public static EmbeddedBroker inMemory(long maxBytes, Consumer<? super BrokerOptions> configure) {
        if (maxBytes < MEMORY_BYTES_MIN) {
            throw new IllegalArgumentException("maxBytes must be " + MEMORY_BYTES_MIN + " or more, was " + maxBytes);
        }
        int segmentBytes = (int) Math.min(
                SEGMENT_IN_MEMORY_BYTES_MAX, Math.max(SEGMENT_IN_MEMORY_BYTES_MIN, maxBytes / SEGMENTS_IN_MEMORY));
        BrokerOptions options =
                new BrokerOptions(Durability.MEMORY, LogConfig.defaults().withSegmentBytes(segmentBytes));
        configure.accept(options);
        MemoryBound memory = new MemoryBound(maxBytes);
        // nothing here waits: an in-memory log answers on the caller's thread
        return Objects.requireNonNull(start(FileStore.memory(), Path.of("memory"), options, memory, memory, null)
                .toFuture()
                .getNow(null));
    }

    /** Opens a broker on a directory with the defaults; see {@link #open(Path, Consumer)}. */
    public static Mono<EmbeddedBroker> open(Path directory) {
        return open(directory, options -> {});
    }

    /**
     * Opens a broker on a directory, which is made where it is missing. What a crash has left unfinished is finished. A partition whose log is
     * damaged or missing is offline: nothing of it is changed, an error is logged that names file and position and says what to do, requests to it end
     * with {@code KAFKA_STORAGE_ERROR}, {@link TopicDescription#offline} tells of it, and all others are served. Damage in the broker's own topics refuses
     * the opening. The directory belongs to this broker until it is closed. Cancelling closes it again.
     *
     * @param configure sets what differs from the defaults
     * @return the broker, ready for use; an error is {@code KAFKA_STORAGE_ERROR}: in use by another process, or not writable; {@code CORRUPT_MESSAGE}: one
     *     of the broker's own topics is damaged
     */
    public static Mono<EmbeddedBroker> open(Path directory, Consumer<? super BrokerOptions> configure) {
        BrokerOptions options = new BrokerOptions(Durability.FSYNC, LogConfig.defaults());
        configure.accept(options);
        FileStore store = FileStore.disk(options.openFilesMax(), options.forcing());
        Scheduler io = options.runtime().io();
        Mono<EmbeddedBroker> opening = Blocking.call(
                        () -> {
                            store.createForcedDirectories(directory);
                            return store.lock(directory);
                        },
                        io)
                .flatMap(lock -> start(store, directory, options, Admission.OPEN, null, lock)
                        .onErrorResume(failure -> Blocking.call(
                                        () -> {
                                            lock.close();
                                            return true;
                                        },
                                        io)
                                .then(Blocking.failed(failure))));
        return Mono.create(sink -> {
            AtomicBoolean decided = new AtomicBoolean();
            sink.onCancel(() -> decided.set(true));
            opening.subscribe(
                    broker -> {
                        if (decided.compareAndSet(false, true)) {
                            sink.success(broker);
                        } else {
                            // nobody waits for it any more: it must not keep the directory
                            broker.closing.subscribe();
                        }
                    },
                    sink::error);
        });
    }

    /**
     * {@link #open(Path, Consumer)} for main methods: waits for it.
     *
     * @throws MqException as {@code open}; {@code REQUEST_TIMED_OUT} where it takes longer than the timeout
     */
    public static EmbeddedBroker openNow(Path directory, Duration timeout, Consumer<? super BrokerOptions> configure) {
        try {
            return Objects.requireNonNull(open(directory, configure).block(timeout));
        } catch (IllegalStateException e) {
            if (!(e.getCause() instanceof TimeoutException)) {
                throw e;
            }
            throw new MqException(
                    ErrorCode.REQUEST_TIMED_OUT, "the broker on " + directory + " did not open within " + timeout, e);
        }
    }

    /** On any store: for tests, which record and break its calls. */
    static Mono<EmbeddedBroker> start(
            FileStore store,
            Path directory,
            BrokerOptions options,
            Admission admission,
            @Nullable MemoryBound memory,
            @Nullable DirectoryLock lock) {
        MqRuntime runtime = options.runtime();
        GroupConfig groupConfig = options.groupConfig();
        boolean blocking = options.topicDefaults().durability() != Durability.MEMORY;
        return Blocking.call(
                        () -> new TopicRegistry(store, directory, options.topicDefaults(), runtime, admission),
                        blocking ? runtime.io() : null)
                .flatMap(topics -> topics.load()
                        .then(Mono.defer(() -> createOffsetsTopic(topics)))
                        .then(Mono.defer(() -> {
                            Partition offsets = Objects.requireNonNull(topics.find(OFFSETS));
                            GroupService groups = new GroupService(offsets, groupConfig, topics, runtime);
                            RetentionCheck retention =
                                    new RetentionCheck(topics, options.retentionCheckInterval(), runtime);
                            CompactionCheck compaction = new CompactionCheck(
                                    topics,
                                    options.compactionMemory(),
                                    options.compactionInterval(),
                                    runtime,
                                    options.compactionMeters());
                            Transactions transactions = new Transactions(
                                    topics,
                                    groups,
                                    OFFSETS,
                                    options.transactionConfig(),
                                    options.transactionDurability(),
                                    runtime);
                            Mono<?> loaded = transactions.exist() ? transactions.service() : Mono.empty();
                            return groups.load().then(loaded).then(Mono.fromCallable(() -> {
                                retention.start();
                                compaction.start();
                                EmbeddedBroker broker = new EmbeddedBroker(
                                        runtime,
                                        topics,
                                        groups,
                                        transactions,
                                        retention,
                                        compaction,
                                        options.brokerMeters(),
                                        memory,
                                        lock);
                                if (broker.meters != null) {
                                    broker.meters.start();
                                }
                                return broker;
                            }));
                        }))
                        .onErrorResume(
                                failure -> topics.close().onErrorComplete().then(Blocking.failed(failure))));
    }

    private static Mono<TopicDescription> createOffsetsTopic(TopicRegistry topics) {
        return topics.describe(GroupService.TOPIC) != null
                ? Mono.empty()
                : topics.create(NewTopic.of(GroupService.TOPIC, 1), true);
    }

    /** What the opening cut from the ends of logs that a crash had torn; each was logged as a warning. Empty after a clean end. */
    public List<CutTail> cutTails() {
        return topics.cutTails();
    }

    @Override
    public MqRuntime runtime() {
        return runtime;
    }

    @Override
    public SecurityApi security() {
        return topics.security();
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return whileOpen(() -> {
            Partition target = require(partition);
            refuseOwn(partition.topic());
            if (records.remaining() >= RecordBatch.HEADER_BYTES
                    && RecordBatch.at(records, records.position()).isTransactional()) {
                throw new MqException(
                        ErrorCode.INVALID_TXN_STATE,
                        "partition " + partition + ": a batch of a transaction is appended under its transactional id");
            }
            return Appends.append(caller, target, records, acks);
        });
    }

    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        return whileOpen(() -> LongPoll.fetch(request, topics::find, runtime));
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return whileOpen(() -> {
            Partition target = require(partition);
            if (spec instanceof OffsetSpec.AtOrAfter at) {
                return Blocking.call(
                        () -> target.offsetForTimestamp(at.timestampMs()), target.isBlocking() ? runtime.io() : null);
            }
            if (spec == OffsetSpec.MaxTimestamp.INSTANCE) {
                return target.offsetOfMaxTimestamp();
            }
            if (spec == OffsetSpec.Earliest.INSTANCE) {
                return Mono.just(target.logStartOffset());
            }
            return Mono.just(
                    spec == OffsetSpec.LatestStable.INSTANCE ? target.lastStableOffset() : target.highWatermark());
        });
    }

    @Override
    public Mono<EpochEnd> epochEnd(Caller caller, TopicPartition partition, int leaderEpoch) {
        return whileOpen(() -> Mono.just(require(partition).epochEnd(leaderEpoch)));
    }

    @Override
    public Mono<List<ConfigEntry>> validateTopic(Caller caller, NewTopic topic) {
        return whileOpen(() -> topics.validate(topic));
    }

    @Override
    public Mono<Void> validateTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return whileOpen(() -> topics.validateAlter(topic, changes));
    }

    @Override
    public Mono<Void> validatePartitions(Caller caller, String topic, int total) {
        return whileOpen(() -> topics.validateGrow(topic, total));
    }

    @Override
    public Mono<List<ProducerDescription>> describeProducers(Caller caller, TopicPartition partition) {
        return whileOpen(() -> require(partition)
                .producers()
                .map(known -> known.stream()
                        .map(producer -> new ProducerDescription(
                                new ProducerIdAndEpoch(producer.producerId(), producer.epoch()),
                                producer.lastSequence(),
                                producer.heardMs(),
                                producer.coordinatorEpoch(),
                                producer.transactionFirstOffset()))
                        .toList()));
    }

    @Override
    public Mono<LogDirDescription> describeLogDir(Caller caller) {
        return whileOpen(() -> Mono.just(topics.describeDirectory()));
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return whileOpen(() -> topics.create(topic, false));
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return whileOpen(() -> topics.delete(topic, topicId -> groups.forget(topic, topicId)));
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return whileOpen(() -> Mono.just(topics.list()));
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return whileOpen(() -> {
            TopicDescription found = topics.describe(topic);
            return found == null
                    ? Mono.error(
                            new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no topic '" + topic + "'"))
                    : Mono.just(found);
        });
    }

    @Override
    public Mono<List<ConfigEntry>> describeTopicConfigs(Caller caller, String topic) {
        return whileOpen(() -> {
            List<ConfigEntry> entries = topics.describeConfigs(topic);
            return entries == null
                    ? Mono.error(
                            new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no topic '" + topic + "'"))
                    : Mono.just(entries);
        });
    }

    @Override
    public Mono<TopicDescription> alterTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return whileOpen(() -> topics.alter(topic, changes));
    }

    @Override
    public Mono<TopicDescription> createPartitions(Caller caller, String topic, int total) {
        return whileOpen(() -> topics.grow(topic, total));
    }

    @Override
    public Mono<Long> deleteRecords(Caller caller, TopicPartition partition, RecordsToDelete records) {
        return whileOpen(() -> {
            TopicDescription topic = topics.describe(partition.topic());
            if (topic != null && topic.internal()) {
                return Mono.error(new MqException(
                        ErrorCode.INVALID_TOPIC_EXCEPTION,
                        "topic " + topic.name() + " is the broker's own and its records are not deleted"));
            }
            return topics.deleteRecords(require(partition), records);
        });
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return whileOpen(() -> groups.heartbeat(caller, heartbeat));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        return whileOpen(() -> {
            Mono<Map<TopicPartition, ErrorCode>> committed = groups.commitOffsets(caller, commit);
            return memory == null
                    ? committed
                    : committed.doOnSuccess(
                            refused -> reclaimIfFull(commit.offsets().keySet()));
        });
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        return whileOpen(() -> groups.fetchOffsets(caller, fetch));
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return whileOpen(() -> groups.joinClassic(caller, join));
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return whileOpen(() -> groups.syncClassic(caller, sync));
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return whileOpen(() -> groups.heartbeatClassic(caller, heartbeat));
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return whileOpen(() -> groups.leaveClassic(caller, leave));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return whileOpen(() -> groups.deleteOffsets(caller, groupId, partitions));
    }

    @Override
    public Mono<List<GroupListing>> listGroups(Caller caller) {
        return whileOpen(() -> groups.listGroups(caller));
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return whileOpen(() -> groups.describeGroup(caller, groupId));
    }

    @Override
    public Mono<Void> deleteGroup(Caller caller, String groupId) {
        return whileOpen(() -> groups.deleteGroup(caller, groupId));
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        return request.transactionalId() == null
                ? whileOpen(() -> transactions.producerIds().next().map(id -> new ProducerIdAndEpoch(id, (short) 0)))
                : inTransactions(service -> service.initProducerId(caller, request));
    }

    @Override
    public Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions) {
        return inTransactions(service -> service.addPartitions(caller, transactionalId, producer, partitions));
    }

    @Override
    public Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId) {
        return inTransactions(service -> service.addOffsets(caller, transactionalId, producer, groupId));
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        return inTransactions(service -> {
            refuseOwn(append.partition().topic());
            return service.append(caller, append);
        });
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
        return inTransactions(service -> service.commitOffsets(caller, commit));
    }

    @Override
    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
        return inTransactions(service -> service.endTransaction(caller, end));
    }

    @Override
    public Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId) {
        return inTransactions(service -> service.describeTransaction(caller, transactionalId));
    }

    @Override
    public Mono<List<TransactionDescription>> listTransactions(Caller caller) {
        return transactions.exist()
                ? inTransactions(service -> service.listTransactions(caller))
                : whileOpen(() -> Mono.just(List.of()));
    }

    private <T> Mono<T> inTransactions(Function<TransactionService, Mono<T>> request) {
        return whileOpen(() -> transactions.service().flatMap(request));
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return closing.timeout(
                timeout,
                Mono.fromRunnable(
                        () -> LOG.warn("the broker did not close within {}; it goes on in the background", timeout)),
                runtime.timers());
    }

    private Mono<Void> close() {
        closed = true;
        retention.stop();
        compaction.stop();
        if (meters != null) {
            meters.stop();
        }
        transactions.close();
        groups.close();
        Mono<Void> partitions = topics.close();
        DirectoryLock held = lock;
        if (held == null) {
            return partitions;
        }
        // given back before the Mono ends: who waited for it may open the directory at once
        Mono<Void> unlocked = Mono.<Void>fromRunnable(held::close).subscribeOn(runtime.io());
        return partitions
                .onErrorResume(failure -> unlocked.then(Mono.defer(() -> Mono.error(failure))))
                .then(unlocked);
    }

    private <T> Mono<T> whileOpen(Supplier<Mono<T>> request) {
        return Mono.defer(() -> {
            if (closed) {
                return Mono.error(new MqException(ErrorCode.BROKER_NOT_AVAILABLE, "this broker is closed"));
            }
            try {
                return request.get();
            } catch (MqException e) {
                return Mono.error(e);
            }
        });
    }

    private Partition require(TopicPartition id) {
        Partition partition = topics.find(id);
        if (partition == null) {
            throw new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + id + " does not exist");
        }
        return partition;
    }

    /** The broker reads its state from its own topics: nobody else writes to them. */
    private void refuseOwn(String topic) {
        if (topics.isInternal(topic)) {
            throw new MqException(
                    ErrorCode.INVALID_TOPIC_EXCEPTION, "topic " + topic + " is the broker's own and takes no records");
        }
    }

    /** An append waits in memory: lets go of what every group has passed. */
    private void reclaim() {
        for (Partition partition : topics.partitionsOfUsers()) {
            reclaim(partition);
        }
    }

    private void reclaimIfFull(Collection<TopicPartition> committed) {
        if (memory != null && memory.isFull()) {
            for (TopicPartition id : committed) {
                Partition partition = topics.find(id);
                if (partition != null) {
                    reclaim(partition);
                }
            }
        }
    }

    private void reclaim(Partition partition) {
        groups.passedByAll(partition.id())
                .subscribe(
                        partition::reclaim,
                        failure -> LOG.warn("partition {} could not be reclaimed", partition.id(), failure));
    }

    @Override
    public String toString() {
        return "EmbeddedBroker[" + topics + (closed ? ", closed" : "") + "]";
    }
}
