package io.reactivemq.broker.testing;

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
import io.reactivemq.broker.GroupType;
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
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.ContextView;

/**
 * A broker in memory that does what the test says. Without a script it behaves: appends are written and answered at once,
 * fetches wait for appends, commits are kept, and a group's only member gets every partition of its topics. Every call is
 * recorded, in the order in which the calls were subscribed.
 *
 * <p>Scripts: {@link #holdAppends} keeps appends back until the test answers each; {@link #failNextAppend}, {@link
 * #failNextFetch}, {@link #failNextCommit}, {@link #failNextDescribe} plan a failure; {@link #answerAppendsOn} and {@link
 * #answerAppendsAfter} move answers to another thread or to a later time; {@link #onHeartbeat} takes over the groups.
 */
public final class ScriptedBroker implements Broker {

    private final AtomicLong producerIds = new AtomicLong();
    private @Nullable TopicPartition refusedCommits;

    private static final int LENGTH_POSITION = 8;
    private static final int LENGTH_OVERHEAD = 12;
    private static final int LAST_OFFSET_DELTA_POSITION = 23;
    private static final int MAX_TIMESTAMP_POSITION = 35;

    /** What its topics say of themselves. */
    public static final int MAX_MESSAGE_BYTES = 1 << 20;

    private final MqRuntime runtime;
    private final Map<String, TopicDescription> topics = new TreeMap<>();
    private final Map<TopicPartition, Log> logs = new HashMap<>();
    private final List<AppendCall> appends = new ArrayList<>();
    private final List<FetchRequest> fetches = new ArrayList<>();
    private final List<FetchCall> waitingFetches = new ArrayList<>();
    private final List<String> describes = new ArrayList<>();
    private final List<MonoSink<TopicDescription>> heldDescribes = new ArrayList<>();
    private final List<GroupHeartbeat> heartbeats = new ArrayList<>();
    private final List<OffsetCommit> commits = new ArrayList<>();
    private final Map<String, Map<TopicPartition, CommittedOffset>> committed = new TreeMap<>();
    private final Map<TopicPartition, Map<Integer, EpochEnd>> epochEnds = new TreeMap<>();
    private volatile boolean unstable;
    private final Map<TopicPartition, Deque<RuntimeException>> appendFailures = new HashMap<>();
    private final Map<TopicPartition, Deque<MqException>> fetchFailures = new HashMap<>();
    private final Deque<RuntimeException> describeFailures = new ArrayDeque<>();
    private final Deque<RuntimeException> commitFailures = new ArrayDeque<>();
    private Function<GroupHeartbeat, Mono<GroupHeartbeatResult>> heartbeatScript = this::soleMember;
    private int topicsMade;
    private boolean holdAppends;
    private boolean holdDescribes;
    private boolean closed;
    private long logAppendTimeMs = -1;
    private @Nullable Scheduler appendAnswers;
    private Duration appendDelay = Duration.ZERO;

    public ScriptedBroker(MqRuntime runtime) {
        this.runtime = runtime;
    }

    // ---------------------------------------------------------------- topics

    /** Adds a topic, or partitions to one that is there. */
    public synchronized ScriptedBroker topic(String name, int partitions) {
        TopicDescription before = topics.get(name);
        topics.put(
                name,
                new TopicDescription(
                        name,
                        before != null ? before.topicId() : new UUID(0x4000, 1L << 63 | topicsMade++),
                        partitions,
                        Map.of(),
                        MAX_MESSAGE_BYTES,
                        false));
        for (int i = 0; i < partitions; i++) {
            logs.computeIfAbsent(new TopicPartition(name, i), p -> new Log());
        }
        return this;
    }

    /** Calls of {@code describeTopic} stay unanswered until {@link #releaseDescribes}. */
    public synchronized void holdDescribes() {
        holdDescribes = true;
    }

    public void releaseDescribes() {
        List<MonoSink<TopicDescription>> held;
        synchronized (this) {
            holdDescribes = false;
            held = List.copyOf(heldDescribes);
            heldDescribes.clear();
        }
        int first = describes().size() - held.size();
        for (int i = 0; i < held.size(); i++) {
            answerDescribe(describes().get(first + i), held.get(i));
        }
    }

    public synchronized void failNextDescribe(RuntimeException failure) {
        describeFailures.add(failure);
    }

    /** The topics described, one entry a call. */
    public synchronized List<String> describes() {
        return List.copyOf(describes);
    }

    /** A failure is an answer here, and not an operator's fault, which Reactor would report. */
    private static <T> Mono<T> answer(Callable<@Nullable T> call) {
        return Mono.create(sink -> {
            T value;
            try {
                value = call.call();
            } catch (Exception e) {
                sink.error(e);
                return;
            }
            sink.success(value);
        });
    }

    @Override
    public Mono<TopicDescription> createTopic(Caller caller, NewTopic topic) {
        return answer(() -> {
            synchronized (this) {
                if (topics.containsKey(topic.name())) {
                    throw new MqException(
                            ErrorCode.TOPIC_ALREADY_EXISTS, "topic " + topic.name() + " is there already");
                }
                topic(topic.name(), topic.partitions());
                return description(topic.name());
            }
        });
    }

    @Override
    public Mono<Void> deleteTopic(Caller caller, String topic) {
        return ScriptedBroker.<Void>answer(() -> {
            synchronized (this) {
                description(topic);
                topics.remove(topic);
                logs.keySet().removeIf(partition -> partition.topic().equals(topic));
            }
            return null;
        });
    }

    @Override
    public Mono<List<TopicDescription>> listTopics(Caller caller) {
        return answer(() -> {
            synchronized (this) {
                return List.copyOf(topics.values());
            }
        });
    }

    @Override
    public Mono<TopicDescription> describeTopic(Caller caller, String topic) {
        return Mono.create(sink -> {
            synchronized (this) {
                describes.add(topic);
                if (holdDescribes) {
                    heldDescribes.add(sink);
                    return;
                }
            }
            answerDescribe(topic, sink);
        });
    }

    private void answerDescribe(String topic, MonoSink<TopicDescription> sink) {
        TopicDescription description;
        try {
            synchronized (this) {
                RuntimeException failure = describeFailures.poll();
                if (failure != null) {
                    throw failure;
                }
                description = description(topic);
            }
        } catch (RuntimeException e) {
            sink.error(e);
            return;
        }
        sink.success(description);
    }

    private TopicDescription description(String topic) {
        TopicDescription description = topics.get(topic);
        if (description == null) {
            throw new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "topic " + topic + " is not there");
        }
        return description;
    }

    private Log log(TopicPartition partition) {
        Log log = logs.get(partition);
        if (log == null) {
            throw new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, partition + " is not there");
        }
        return log;
    }

    // ---------------------------------------------------------------- appends

    /** From now on appends stay unanswered, and unwritten, until the test answers them: {@link #pendingAppends()}. */
    public synchronized void holdAppends() {
        holdAppends = true;
    }

    /** Answers what is held, in order, and holds no more. */
    public void releaseAppends() {
        synchronized (this) {
            holdAppends = false;
        }
        pendingAppends().forEach(AppendCall::complete);
    }

    /** The next append to the partition that has no other failure planned is not written and fails. */
    public synchronized void failNextAppend(TopicPartition partition, RuntimeException failure) {
        appendFailures.computeIfAbsent(partition, p -> new ArrayDeque<>()).add(failure);
    }

    /** Answers to appends come on that scheduler; the writing stays where the append was subscribed. */
    public synchronized void answerAppendsOn(Scheduler scheduler) {
        appendAnswers = scheduler;
    }

    /** Answers to appends come that much later, on the runtime's timers where {@link #answerAppendsOn} says nothing else. */
    public synchronized void answerAppendsAfter(Duration delay) {
        appendDelay = delay;
    }

    /** The log gives its records this timestamp; -1: they keep their own. */
    public synchronized void logAppendTime(long timestampMs) {
        logAppendTimeMs = timestampMs;
    }

    /** All appends so far, retries included. */
    public synchronized List<AppendCall> appends() {
        return List.copyOf(appends);
    }

    /** All appends to the partition so far, retries included. */
    public List<AppendCall> appends(TopicPartition partition) {
        return appends().stream()
                .filter(call -> call.partition.equals(partition))
                .toList();
    }

    /** Held appends neither answered nor cancelled. */
    public List<AppendCall> pendingAppends() {
        return appends().stream().filter(AppendCall::isPending).toList();
    }

    /** Writes batches past all scripts, as another producer would; returns the first offset. */
    public long write(TopicPartition partition, ByteBuffer records) {
        long offset;
        synchronized (this) {
            offset = log(partition).append(records);
        }
        wakeFetches();
        return offset;
    }

    /** The batches of a partition, each in a buffer of its own. */
    public synchronized List<ByteBuffer> batches(TopicPartition partition) {
        return log(partition).batches.stream()
                .map(batch -> batch.bytes.asReadOnlyBuffer())
                .toList();
    }

    /** The offset behind the last record. */
    public synchronized long endOffset(TopicPartition partition) {
        return log(partition).endOffset;
    }

    /** Takes away the batches that lie wholly below the offset, as retention does. */
    public synchronized void deleteBefore(TopicPartition partition, long offset) {
        Log log = log(partition);
        log.batches.removeIf(batch -> batch.endOffset <= offset);
        log.startOffset = Math.max(log.startOffset, offset);
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return Mono.create(sink -> {
            AppendCall call = new AppendCall(caller, partition, records, acks, sink);
            sink.onDispose(() -> call.ended = true);
            RuntimeException failure;
            synchronized (this) {
                appends.add(call);
                Deque<RuntimeException> failures = appendFailures.get(partition);
                failure = failures == null ? null : failures.poll();
                if (failure == null && holdAppends) {
                    return;
                }
            }
            if (failure != null) {
                call.fail(failure);
            } else {
                call.complete();
            }
        });
    }

    /** An append as it arrived; with {@link #holdAppends} the test answers it. */
    public final class AppendCall {
        private final Caller caller;
        private final TopicPartition partition;
        private final ByteBuffer records;
        private final ByteBuffer asTheyArrived;
        private final Acks acks;
        private final MonoSink<AppendResult> sink;
        private volatile boolean answered;
        private volatile boolean ended;

        private AppendCall(
                Caller caller, TopicPartition partition, ByteBuffer records, Acks acks, MonoSink<AppendResult> sink) {
            this.caller = caller;
            this.partition = partition;
            this.records = records;
            this.asTheyArrived = ByteBuffer.allocate(records.remaining())
                    .put(records.duplicate())
                    .flip()
                    .asReadOnlyBuffer();
            this.acks = acks;
            this.sink = sink;
        }

        public Caller caller() {
            return caller;
        }

        public TopicPartition partition() {
            return partition;
        }

        public Acks acks() {
            return acks;
        }

        /** The batches as they arrived: a copy, since the sender may use its buffer again after the answer. */
        public ByteBuffer records() {
            return asTheyArrived.duplicate();
        }

        /** The context with which the append was subscribed. */
        public ContextView context() {
            return sink.contextView();
        }

        public boolean isPending() {
            return !answered && !ended;
        }

        /** Writes and answers. */
        public void complete() {
            AppendResult result;
            try {
                result = written();
            } catch (MqException e) {
                answer(() -> sink.error(e));
                return;
            }
            answer(() -> sink.success(result));
            wakeFetches();
        }

        /** Fails without writing. */
        public void fail(Throwable failure) {
            answered = true;
            answer(() -> sink.error(failure));
        }

        /** Writes, and loses the answer: fails all the same. */
        public void completeButFail(Throwable failure) {
            written();
            answer(() -> sink.error(failure));
            wakeFetches();
        }

        private AppendResult written() {
            synchronized (ScriptedBroker.this) {
                answered = true;
                Log log = log(partition);
                long offset = log.append(records);
                return new AppendResult(acks == Acks.NONE ? -1 : offset, logAppendTimeMs, log.startOffset);
            }
        }

        private void answer(Runnable answer) {
            Scheduler scheduler;
            Duration delay;
            synchronized (ScriptedBroker.this) {
                scheduler = appendAnswers;
                delay = appendDelay;
            }
            if (scheduler == null && delay.isZero()) {
                answer.run();
            } else {
                Disposable unused = (scheduler == null ? runtime.timers() : scheduler)
                        .schedule(answer, delay.toNanos(), TimeUnit.NANOSECONDS);
            }
        }
    }

    // ---------------------------------------------------------------- fetches

    /** The partition's part of the next fetch that asks for it and has no other failure planned is this error. */
    public synchronized void failNextFetch(TopicPartition partition, MqException failure) {
        fetchFailures.computeIfAbsent(partition, p -> new ArrayDeque<>()).add(failure);
    }

    /** All fetches so far. */
    public synchronized List<FetchRequest> fetches() {
        return List.copyOf(fetches);
    }

    /** Fetches that wait for an append. */
    public synchronized int waitingFetches() {
        return waitingFetches.size();
    }

    @Override
    public Mono<FetchResult> fetch(Caller caller, FetchRequest request) {
        return Mono.create(sink -> {
            FetchCall call = new FetchCall(request, sink);
            FetchResult result;
            synchronized (this) {
                fetches.add(request);
                result = read(request);
                if (!isEnough(request, result) && !request.maxWait().isZero()) {
                    waitingFetches.add(call);
                    Disposable timer = runtime.timers()
                            .schedule(call::timeOut, request.maxWait().toNanos(), TimeUnit.NANOSECONDS);
                    sink.onDispose(() -> {
                        timer.dispose();
                        forget(call);
                    });
                    return;
                }
            }
            sink.success(result);
        });
    }

    private synchronized boolean forget(FetchCall call) {
        return waitingFetches.remove(call);
    }

    private void wakeFetches() {
        Map<FetchCall, FetchResult> answers = new HashMap<>();
        synchronized (this) {
            for (FetchCall call : waitingFetches) {
                FetchResult result = read(call.request);
                if (isEnough(call.request, result)) {
                    answers.put(call, result);
                }
            }
            waitingFetches.removeAll(answers.keySet());
        }
        answers.forEach((call, result) -> call.sink.success(result));
    }

    private static boolean isEnough(FetchRequest request, FetchResult result) {
        int bytes = 0;
        for (FetchResult.Partition part : result.partitions()) {
            if (part.error() != null) {
                return true;
            }
            bytes += part.records().remaining();
        }
        return bytes >= request.minBytes();
    }

    private FetchResult read(FetchRequest request) {
        List<FetchResult.Partition> parts = new ArrayList<>();
        int left = request.maxBytes();
        boolean first = true;
        for (FetchRequest.Partition asked : request.partitions()) {
            FetchResult.Partition part = read(asked, Math.min(left, asked.maxBytes()), first);
            parts.add(part);
            left -= Math.min(left, part.records().remaining());
            first &= !part.records().hasRemaining();
        }
        return new FetchResult(parts);
    }

    private FetchResult.Partition read(FetchRequest.Partition asked, int maxBytes, boolean firstMayBeLarger) {
        Deque<MqException> failures = fetchFailures.get(asked.partition());
        if (failures != null && !failures.isEmpty()) {
            return failed(asked.partition(), failures.remove());
        }
        Log log = logs.get(asked.partition());
        if (log == null) {
            return failed(
                    asked.partition(),
                    new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, asked.partition() + " is not there"));
        }
        if (asked.offset() < log.startOffset || asked.offset() > log.endOffset) {
            return failed(
                    asked.partition(),
                    new MqException(
                            ErrorCode.OFFSET_OUT_OF_RANGE,
                            asked.partition() + ": offset " + asked.offset() + " is not in [" + log.startOffset + ", "
                                    + log.endOffset + "]"));
        }
        return new FetchResult.Partition(
                asked.partition(),
                null,
                log.startOffset,
                log.endOffset,
                log.read(asked.offset(), maxBytes, firstMayBeLarger));
    }

    private static FetchResult.Partition failed(TopicPartition partition, MqException failure) {
        return new FetchResult.Partition(partition, failure, -1, -1, ByteBuffer.allocate(0));
    }

    @Override
    public Mono<Long> listOffset(Caller caller, TopicPartition partition, OffsetSpec spec) {
        return answer(() -> {
            synchronized (this) {
                Log log = log(partition);
                if (spec instanceof OffsetSpec.Earliest) {
                    return log.startOffset;
                }
                if (spec instanceof OffsetSpec.AtOrAfter at) {
                    // to the batch, not to the record
                    return log.batches.stream()
                            .filter(batch -> batch.bytes.getLong(MAX_TIMESTAMP_POSITION) >= at.timestampMs())
                            .findFirst()
                            .map(batch -> batch.baseOffset)
                            .orElse(log.endOffset);
                }
                return log.endOffset;
            }
        });
    }

    private final class FetchCall {
        final FetchRequest request;
        final MonoSink<FetchResult> sink;

        FetchCall(FetchRequest request, MonoSink<FetchResult> sink) {
            this.request = request;
            this.sink = sink;
        }

        void timeOut() {
            if (!forget(this)) {
                return;
            }
            FetchResult result;
            synchronized (ScriptedBroker.this) {
                result = read(request);
            }
            sink.success(result);
        }
    }

    // ---------------------------------------------------------------- groups

    /** Answers heartbeats from now on. */
    public synchronized void onHeartbeat(Function<GroupHeartbeat, Mono<GroupHeartbeatResult>> script) {
        heartbeatScript = script;
    }

    public synchronized List<GroupHeartbeat> heartbeats() {
        return List.copyOf(heartbeats);
    }

    /** Commits of the partition are refused, and others of the same request taken; null: no more. */
    public synchronized void refuseCommitsOf(@Nullable TopicPartition partition) {
        refusedCommits = partition;
    }

    /** The next commit without another failure planned is not kept and fails. */
    public synchronized void failNextCommit(RuntimeException failure) {
        commitFailures.add(failure);
    }

    /** All commits so far, failed ones too. */
    public synchronized List<OffsetCommit> commits() {
        return List.copyOf(commits);
    }

    /** Whether a transaction is about to move what groups have committed. */
    public void setUnstable(boolean now) {
        unstable = now;
    }

    /** What the group has committed. */
    public synchronized Map<TopicPartition, CommittedOffset> committed(String groupId) {
        return Map.copyOf(committed.getOrDefault(groupId, Map.of()));
    }

    /** Commits past all scripts, as an earlier run would have. */
    public void commit(String groupId, TopicPartition partition, long offset) {
        commit(groupId, partition, CommittedOffset.of(offset));
    }

    /** Commits past all scripts, as an earlier run would have. */
    public synchronized void commit(String groupId, TopicPartition partition, CommittedOffset offset) {
        committed.computeIfAbsent(groupId, g -> new HashMap<>()).put(partition, offset);
    }

    @Override
    public Mono<GroupHeartbeatResult> heartbeat(Caller caller, GroupHeartbeat heartbeat) {
        return Mono.defer(() -> {
            Function<GroupHeartbeat, Mono<GroupHeartbeatResult>> script;
            synchronized (this) {
                heartbeats.add(heartbeat);
                script = heartbeatScript;
            }
            return script.apply(heartbeat);
        });
    }

    private Mono<GroupHeartbeatResult> soleMember(GroupHeartbeat heartbeat) {
        Duration interval = Duration.ofSeconds(5);
        if (heartbeat.memberEpoch() == GroupHeartbeat.LEAVE) {
            return Mono.just(new GroupHeartbeatResult(heartbeat.memberId(), GroupHeartbeat.LEAVE, interval, null));
        }
        if (heartbeat.memberEpoch() > GroupHeartbeat.JOIN) {
            return Mono.just(new GroupHeartbeatResult(heartbeat.memberId(), heartbeat.memberEpoch(), interval, null));
        }
        Set<TopicPartition> all = new HashSet<>();
        synchronized (this) {
            Set<String> wanted = heartbeat.subscribedTopics() == null ? Set.of() : heartbeat.subscribedTopics();
            for (TopicPartition partition : logs.keySet()) {
                if (wanted.contains(partition.topic())) {
                    all.add(partition);
                }
            }
        }
        return Mono.just(new GroupHeartbeatResult(heartbeat.memberId(), 1, interval, all));
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
        return answer(() -> {
            synchronized (this) {
                commits.add(commit);
                RuntimeException failure = commitFailures.poll();
                if (failure != null) {
                    throw failure;
                }
                Map<TopicPartition, CommittedOffset> taken = new HashMap<>(commit.offsets());
                boolean refused = refusedCommits != null && taken.remove(refusedCommits) != null;
                committed
                        .computeIfAbsent(commit.groupId(), g -> new HashMap<>())
                        .putAll(taken);
                return refused
                        ? Map.of(Objects.requireNonNull(refusedCommits), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
                        : Map.of();
            }
        });
    }

    @Override
    public Mono<Map<TopicPartition, CommittedOffset>> fetchOffsets(Caller caller, OffsetFetch fetch) {
        return answer(() -> {
            if (unstable && fetch.requireStable()) {
                throw new MqException(ErrorCode.UNSTABLE_OFFSET_COMMIT, "a transaction is open");
            }
            Map<TopicPartition, CommittedOffset> offsets = new HashMap<>(committed(fetch.groupId()));
            Set<TopicPartition> wanted = fetch.partitions();
            if (wanted != null) {
                offsets.keySet().retainAll(wanted);
            }
            return offsets;
        });
    }

    @Override
    public Mono<List<GroupListing>> listGroups(Caller caller) {
        return answer(() -> {
            synchronized (this) {
                return committed.keySet().stream()
                        .map(id -> new GroupListing(id, GroupType.CONSUMER, GroupDescription.State.EMPTY, "consumer"))
                        .toList();
            }
        });
    }

    @Override
    public Mono<GroupDescription> describeGroup(Caller caller, String groupId) {
        return Mono.error(new MqException(ErrorCode.GROUP_ID_NOT_FOUND, "group " + groupId + " is not there"));
    }

    @Override
    public Mono<ClassicJoinResult> joinClassic(Caller caller, ClassicJoin join) {
        return notScripted();
    }

    @Override
    public Mono<ClassicSyncResult> syncClassic(Caller caller, ClassicSync sync) {
        return notScripted();
    }

    @Override
    public Mono<Void> heartbeatClassic(Caller caller, ClassicHeartbeat heartbeat) {
        return notScripted();
    }

    @Override
    public Mono<ClassicLeaveResult> leaveClassic(Caller caller, ClassicLeave leave) {
        return notScripted();
    }

    @Override
    public Mono<Map<TopicPartition, ErrorCode>> deleteOffsets(
            Caller caller, String groupId, Collection<TopicPartition> partitions) {
        return notScripted();
    }

    @Override
    public Mono<Void> deleteGroup(Caller caller, String groupId) {
        return notScripted();
    }

    private static <T> Mono<T> notScripted() {
        return Mono.error(new MqException(ErrorCode.UNSUPPORTED_VERSION, "this is not scripted"));
    }

    @Override
    public Mono<List<ConfigEntry>> describeTopicConfigs(Caller caller, String topic) {
        return Mono.error(new MqException(ErrorCode.INVALID_REQUEST, "no settings are scripted"));
    }

    @Override
    public Mono<TopicDescription> alterTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return Mono.error(new MqException(ErrorCode.INVALID_REQUEST, "no settings are scripted"));
    }

    @Override
    public Mono<TopicDescription> createPartitions(Caller caller, String topic, int total) {
        return Mono.error(new MqException(ErrorCode.INVALID_REQUEST, "no partitions are scripted"));
    }

    @Override
    public Mono<Long> deleteRecords(Caller caller, TopicPartition partition, RecordsToDelete records) {
        return Mono.error(new MqException(ErrorCode.INVALID_REQUEST, "no deletions are scripted"));
    }

    // ---------------------------------------------------------------- life

    @Override
    public MqRuntime runtime() {
        return runtime;
    }

    @Override
    public SecurityApi security() {
        throw new UnsupportedOperationException("nobody comes to a scripted broker through a door");
    }

    @Override
    public Mono<ProducerIdAndEpoch> initProducerId(Caller caller, InitProducerId request) {
        return Mono.fromSupplier(() -> new ProducerIdAndEpoch(producerIds.getAndIncrement(), (short) 0));
    }

    @Override
    public Mono<Void> addPartitions(
            Caller caller, String transactionalId, ProducerIdAndEpoch producer, Collection<TopicPartition> partitions) {
        return Mono.error(noTransactions());
    }

    @Override
    public Mono<Void> addOffsets(Caller caller, String transactionalId, ProducerIdAndEpoch producer, String groupId) {
        return Mono.error(noTransactions());
    }

    @Override
    public Mono<AppendResult> append(Caller caller, TransactionalAppend append) {
        return Mono.error(noTransactions());
    }

    @Override
    public Mono<Void> commitOffsets(Caller caller, TransactionalOffsetCommit commit) {
        return Mono.error(noTransactions());
    }

    @Override
    public Mono<ProducerIdAndEpoch> endTransaction(Caller caller, EndTransaction end) {
        return Mono.error(noTransactions());
    }

    @Override
    public synchronized Mono<EpochEnd> epochEnd(Caller caller, TopicPartition partition, int leaderEpoch) {
        return Mono.just(epochEnds.getOrDefault(partition, Map.of()).getOrDefault(leaderEpoch, EpochEnd.UNKNOWN));
    }

    /** What is said of that epoch; of the others nothing is known. */
    public synchronized void epochEnds(TopicPartition partition, int leaderEpoch, EpochEnd end) {
        epochEnds.computeIfAbsent(partition, made -> new TreeMap<>()).put(leaderEpoch, end);
    }

    @Override
    public Mono<List<ConfigEntry>> validateTopic(Caller caller, NewTopic topic) {
        return notScripted();
    }

    @Override
    public Mono<Void> validateTopicConfigs(Caller caller, String topic, List<ConfigChange> changes) {
        return notScripted();
    }

    @Override
    public Mono<Void> validatePartitions(Caller caller, String topic, int total) {
        return notScripted();
    }

    @Override
    public Mono<List<ProducerDescription>> describeProducers(Caller caller, TopicPartition partition) {
        return notScripted();
    }

    @Override
    public Mono<LogDirDescription> describeLogDir(Caller caller) {
        return notScripted();
    }

    @Override
    public Mono<TransactionDescription> describeTransaction(Caller caller, String transactionalId) {
        return Mono.error(noTransactions());
    }

    @Override
    public Mono<List<TransactionDescription>> listTransactions(Caller caller) {
        return Mono.error(noTransactions());
    }

    private static MqException noTransactions() {
        return new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "this broker has no transactions yet");
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return Mono.fromRunnable(() -> {
            synchronized (this) {
                closed = true;
            }
        });
    }

    public synchronized boolean isClosed() {
        return closed;
    }

    /** A partition's batches. Guarded by the broker's lock. */
    private static final class Log {
        final List<Batch> batches = new ArrayList<>();
        long startOffset;
        long endOffset;

        long append(ByteBuffer records) {
            long first = endOffset;
            ByteBuffer rest = records.duplicate();
            while (rest.hasRemaining()) {
                int size = rest.getInt(rest.position() + LENGTH_POSITION) + LENGTH_OVERHEAD;
                ByteBuffer copy = ByteBuffer.allocate(size);
                copy.put(rest.slice(rest.position(), size)).flip();
                rest.position(rest.position() + size);
                long next = endOffset + copy.getInt(LAST_OFFSET_DELTA_POSITION) + 1;
                copy.putLong(0, endOffset);
                batches.add(new Batch(endOffset, next, copy));
                endOffset = next;
            }
            return first;
        }

        ByteBuffer read(long offset, int maxBytes, boolean firstMayBeLarger) {
            List<ByteBuffer> found = new ArrayList<>();
            int bytes = 0;
            for (Batch batch : batches) {
                if (batch.endOffset <= offset) {
                    continue;
                }
                int size = batch.bytes.remaining();
                if (bytes + size > maxBytes && !(found.isEmpty() && firstMayBeLarger)) {
                    break;
                }
                bytes += size;
                found.add(batch.bytes);
            }
            ByteBuffer all = ByteBuffer.allocate(bytes);
            found.forEach(batch -> all.put(batch.duplicate()));
            return all.flip().asReadOnlyBuffer();
        }
    }

    private record Batch(long baseOffset, long endOffset, ByteBuffer bytes) {}
}
