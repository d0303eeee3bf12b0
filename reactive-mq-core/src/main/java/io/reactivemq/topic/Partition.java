package io.reactivemq.topic;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.EpochEnd;
import io.reactivemq.broker.RecordsToDelete;
import io.reactivemq.log.AppendInfo;
import io.reactivemq.log.CommittedRead;
import io.reactivemq.log.CommittedRegion;
import io.reactivemq.log.CompactionStats;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig.RecordCheck;
import io.reactivemq.log.LogRegion;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.log.ProducerInfo;
import io.reactivemq.topic.PartitionQueue.Append;
import io.reactivemq.topic.PartitionQueue.Content;
import io.reactivemq.topic.PartitionQueue.Task;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * A partition: its log, the one writer of it, and its watermarks.
 *
 * <p>Appends arrive on a bounded MPSC ring from any thread. One drain loop takes all that is there, writes it, forces the
 * log once (level {@code fsync}), publishes the high watermark, and only then answers the appends and wakes the readers
 * that wait. What arrives meanwhile is served by the next force: group commit without a delay when idle.
 *
 * <p>Invariant: {@code logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset}. Readers see records below the high
 * watermark only, so a reader never sees what a crash can take away at the topic's level; readers of committed records see those
 * below the last stable offset, where the first open transaction begins.
 */
public final class Partition {

    private static final Logger LOG = LoggerFactory.getLogger(Partition.class);

    /** Written before a force at most, so that the first of a long queue is not kept waiting for the last. */
    private static final int BYTES_PER_FORCE_MAX = 8 * 1024 * 1024;

    private final TopicPartition id;
    private final PartitionLog log;
    private final MqRuntime runtime;
    private final Admission admission;
    private final boolean blocking;

    private final PartitionQueue queue = new PartitionQueue();

    private final AtomicInteger wip = new AtomicInteger();
    private final Waiters waiters = new Waiters();

    private final Sinks.Empty<Void> whenClosed = Sinks.empty();

    /** Written by the drain loop. */
    private volatile long highWatermark;

    /** Written by the drain loop, after the high watermark. */
    private volatile long lastStableOffset;

    /** Set by whoever closes; read by all. */
    private volatile boolean closing;

    private final PartitionCompaction compaction;

    /** Set before {@link #closing} by whoever closes it to delete its files. */
    private volatile boolean deleted;

    /** Written by the drain loop: the log is closed. */
    private volatile boolean closed;

    /** Raised by anyone, applied by the drain loop. Guarded by this. */
    private long reclaimTo;

    // The fields below belong to the drain loop.
    private TopicConfig config;
    private final Disposable.Swap flushTimer = Disposables.swap();
    private volatile boolean flushTimerRuns;
    private final ArrayDeque<Append> written = new ArrayDeque<>();
    private final ArrayDeque<AppendInfo> infos = new ArrayDeque<>();

    /** Whether a marker that is to be forced is among what was written. */
    private boolean mustForceMarker;

    private @Nullable Append parked;

    /** What is parked takes so long that it waits for an io thread. */
    private boolean parkedForIo;

    public Partition(TopicPartition id, PartitionLog log, TopicConfig config, MqRuntime runtime, Admission admission) {
        this.id = id;
        this.log = log;
        this.config = config;
        this.blocking = config.durability() != Durability.MEMORY;
        this.runtime = runtime;
        this.admission = admission;
        this.highWatermark = log.logEndOffset();
        this.lastStableOffset = Math.min(log.firstUnstableOffset(), highWatermark);
        this.compaction = new PartitionCompaction(this, log, runtime);
    }

    public TopicPartition id() {
        return id;
    }

    /** The offset of the first record. */
    public long logStartOffset() {
        return log.logStartOffset();
    }

    /** The offset behind the last record that is durable, and so the end of what readers see. */
    public long highWatermark() {
        return highWatermark;
    }

    /** Where the first open transaction begins; the high watermark where none is open. */
    public long lastStableOffset() {
        return Math.max(lastStableOffset, log.logStartOffset());
    }

    /** Whether reads and writes block on files, so that they belong on the runtime's io threads. */
    public boolean isBlocking() {
        return blocking;
    }

    /**
     * Changes the settings: the Mono ends when they hold for all that comes. Where the partition becomes {@code fsync}, all that readers see is forced
     * by then. The order of calls is kept, whenever the Monos are subscribed.
     */
    public Mono<Void> configure(TopicConfig next) {
        return onWriter(() -> {
                    boolean forcesFromNowOn =
                            next.durability() == Durability.FSYNC && config.durability() != Durability.FSYNC;
                    config = next;
                    log.configure(next.effectiveLog());
                    if (forcesFromNowOn) {
                        log.force();
                    }
                    flushTimerRuns = false;
                    flushTimer.update(Disposables.disposed());
                    armFlushTimer();
                    return Boolean.TRUE;
                })
                .then();
    }

    /** Does the work on the drain loop, whether the Mono is subscribed or not; the Mono is its result. */
    <T> Mono<T> onWriter(Callable<T> work) {
        Sinks.One<T> result = Sinks.one();
        if (closing) {
            result.tryEmitError(gone());
        } else if (queue.offer(new Task<>(work, result))) {
            schedule();
        } else {
            result.tryEmitError(new MqException(
                    ErrorCode.THROTTLING_QUOTA_EXCEEDED,
                    "partition " + id + " has " + PartitionQueue.TASKS_MAX
                            + " administrative requests waiting; send it again later"));
        }
        return result.asMono();
    }

    /**
     * Appends whole batches, which belong to the partition until the listener is told. Appends of one thread are written in
     * its order. Refused at once with a retriable error where {@value PartitionQueue#APPENDS_MAX} appends wait already.
     */
    public void append(ByteBuffer records, AppendListener listener) {
        append(records, Acks.LEADER, listener);
    }

    /** As {@link #append(ByteBuffer, AppendListener)}; with {@link Acks#ALL} where {@code min.insync.replicas} allows it. */
    public void append(ByteBuffer records, Acks acks, AppendListener listener) {
        append(records, acks, RecordCheck.BATCH, listener);
    }

    /** As {@link #append(ByteBuffer, Acks, AppendListener)}, of batches that are looked at at least that closely. */
    public void append(ByteBuffer records, Acks acks, RecordCheck check, AppendListener listener) {
        Content content = acks == Acks.ALL ? Content.DATA_FOR_ALL_REPLICAS : Content.DATA;
        offer(new Append(records, content, check, Append::always, listener));
    }

    /**
     * As {@link #append}, of the control batch that ends a transaction: for the transaction's coordinator.
     *
     * @param decided the durability of the decision. Where that is {@code fsync} the marker is forced at level {@code os-buffered}, too: with a
     *     lost one the transaction would never end
     */
    public void appendMarker(ByteBuffer marker, Durability decided, AppendListener listener) {
        appendMarker(marker, decided, Append::always, listener);
    }

    /**
     * As {@link #append(ByteBuffer, AppendListener)}, if the condition still holds when its turn comes; else it fails with {@code
     * COORDINATOR_NOT_AVAILABLE}: for a coordinator, whose records mean nothing without those before them. The condition is asked on the drain loop.
     */
    public void appendIf(BooleanSupplier condition, ByteBuffer records, AppendListener listener) {
        offer(new Append(records, Content.DATA, condition, listener));
    }

    /** As {@link #appendIf}, of a batch that a coordinator writes in the name of a producer, as part of its transaction. */
    public void appendUnnumberedIf(BooleanSupplier condition, ByteBuffer records, AppendListener listener) {
        offer(new Append(records, Content.UNNUMBERED, condition, listener));
    }

    /** As {@link #appendMarker(ByteBuffer, Durability, AppendListener)}, with a condition as that of {@link #appendIf}. */
    public void appendMarker(
            ByteBuffer marker, Durability decided, BooleanSupplier condition, AppendListener listener) {
        Content content = decided == Durability.FSYNC ? Content.FORCED_MARKER : Content.MARKER;
        offer(new Append(marker, content, condition, listener));
    }

    /** Ends when all that readers see can't be lost any more, whatever the durability; in memory at once. */
    public Mono<Void> force() {
        return onWriter(() -> {
                    if (config.durability() == Durability.OS_BUFFERED) {
                        log.force();
                    }
                    return Boolean.TRUE;
                })
                .then();
    }

    private void offer(Append append) {
        AppendListener listener = append.listener();
        if (closing) {
            listener.onFailed(gone());
        } else if (queue.offer(append)) {
            schedule();
        } else {
            listener.onFailed(new MqException(
                    ErrorCode.THROTTLING_QUOTA_EXCEEDED,
                    "partition " + id + " has " + PartitionQueue.APPENDS_MAX + " appends waiting; send again later"));
        }
    }

    /**
     * Whole batches from the one that holds the offset up to the high watermark; at least one, also where it is larger than
     * {@code maxBytes}; empty at the end. Blocks on files.
     *
     * @throws MqException {@code OFFSET_OUT_OF_RANGE}
     */
    public ByteBuffer read(long offset, int maxBytes) {
        return read(offset, maxBytes, highWatermark);
    }

    /** As {@link #read(long, int)}, up to an end that is at most the high watermark. */
    ByteBuffer read(long offset, int maxBytes, long end) {
        return log.read(offset, maxBytes, Math.max(end, log.logStartOffset()));
    }

    /**
     * As {@link #read(long, int, long)}, left in the file; to be closed.
     *
     * @throws MqException {@code OFFSET_OUT_OF_RANGE}, {@code CORRUPT_MESSAGE} where the log is damaged
     */
    LogRegion region(long offset, int maxBytes, long end) {
        return log.region(offset, maxBytes, Math.max(end, log.logStartOffset()));
    }

    /** As {@link #region}, with what a reader of committed records leaves out of it. */
    CommittedRegion committedRegion(long offset, int maxBytes, long end) {
        return log.committedRegion(offset, maxBytes, Math.max(end, log.logStartOffset()));
    }

    /** As {@link #read(long, int, long)}, with what a reader of committed records leaves out of it. */
    CommittedRead readCommitted(long offset, int maxBytes, long end) {
        return log.readCommitted(offset, maxBytes, Math.max(end, log.logStartOffset()));
    }

    /** The first offset whose record's timestamp is at or after the given one; the high watermark where there is none. */
    public long offsetForTimestamp(long timestampMs) {
        long end = highWatermark;
        long offset = log.offsetForTimestamp(timestampMs, end);
        return offset < 0 ? end : offset;
    }

    /** The first of the records with the largest timestamp that readers see; -1 where none has one. */
    public Mono<Long> offsetOfMaxTimestamp() {
        return onWriter(() -> {
            long offset = log.offsetOfMaxTimestamp();
            return offset < highWatermark ? offset : -1; // beyond it where the last force has failed
        });
    }

    /** Where the records of a leader epoch end that readers see. */
    public EpochEnd epochEnd(int leaderEpoch) {
        int known = log.floorEpoch(leaderEpoch);
        return known < 0 ? EpochEnd.UNKNOWN : new EpochEnd(known, log.endOfEpoch(known, highWatermark));
    }

    /** What is known of producers, by id. */
    public Mono<List<ProducerInfo>> producers() {
        return onWriter(log::producers);
    }

    /** The bytes of all batches. */
    public long sizeInBytes() {
        return log.sizeInBytes();
    }

    /** Whether the records from there on are in the segment that is written to. */
    boolean isInActiveSegment(long offset) {
        return log.isInActiveSegment(offset);
    }

    /** Runs the waiter, on the drain loop, each time the high watermark has moved or the partition closes. */
    void addWaiter(Runnable waiter) {
        waiters.add(waiter);
    }

    void removeWaiter(Runnable waiter) {
        waiters.remove(waiter);
    }

    boolean isClosed() {
        return closed;
    }

    /** Whether it takes no more requests. */
    public boolean isClosing() {
        return closing;
    }

    /** The drain loop's. */
    TopicConfig config() {
        return config;
    }

    /** Takes up appends that the {@link Admission} had held back. */
    public void resume() {
        schedule();
    }

    /**
     * Lets go of the records below the offset, as far as whole segments reach; an active segment that lies below it is
     * rolled first. Does nothing where the topic is only compacted: the last record of a key stays. Done by the writer, soon; what fails is logged,
     * and tried again with the next.
     */
    public void reclaim(long beforeOffset) {
        synchronized (this) {
            if (beforeOffset <= reclaimTo) {
                return;
            }
            reclaimTo = beforeOffset;
        }
        schedule();
    }

    /** As {@link #close}, before the files are deleted: what is not forced yet need not be. */
    public Mono<Void> closeForDeletion() {
        return Mono.defer(() -> {
            deleted = true;
            return close();
        });
    }

    /** Takes no more appends, writes those that wait, and closes the log. Idempotent. */
    public Mono<Void> close() {
        return whenClosed.asMono().doOnSubscribe(s -> {
            closing = true;
            schedule();
        });
    }

    private void schedule() {
        if (wip.getAndIncrement() == 0) {
            if (!isBlocking()) {
                drain(false);
            } else if (!WriterTurn.goesOnWith(this)) {
                if (!WriterTurn.isUnderWay() && runtime.quickFiles().areQuick()) {
                    WriterTurn.begin(this, false);
                } else {
                    wakeWriter();
                }
            }
        }
    }

    void wakeWriter() {
        runtime.io().schedule(() -> WriterTurn.begin(this, true));
    }

    /** What there is to do, on the thread whose turn it is: all of it, or, where files are used on another thread than io's, what is brief. */
    void drain(boolean onIo) {
        int missed = 1;
        boolean appendsOnly = blocking && !onIo;
        long mayWriteTo = log.bytesAppended() + PartitionQueue.BRIEF_BYTES_MAX;
        do {
            try {
                if (!appendsOnly) {
                    applyReclaim();
                    runTasks();
                } else if (isForIo()) {
                    wakeWriter(); // what comes behind this look is counted, and makes another round
                    return;
                }
                while (!closed && writeSome(onIo, mayWriteTo)) {
                    commit();
                    if (queue.hasAppends()) {
                        WriterTurn.passOn();
                    }
                }
                if (parkedForIo) {
                    parkedForIo = false;
                    wakeWriter(); // which goes on where this loop leaves off, and nobody else before it
                    return;
                }
                if (closing && !appendsOnly && !compaction.isRunning()) {
                    closeLog();
                }
            } catch (Throwable e) {
                failed(e);
            }
            missed = wip.addAndGet(-missed);
            if (missed != 0) {
                WriterTurn.passOn();
            }
        } while (missed != 0);
    }

    /**
     * Something was thrown that nobody expects, an error of the JVM perhaps: nothing more is written, since it is not known what was, all that
     * waits is answered, and the loop goes on, so that readers and the end of the partition do not wait for ever.
     */
    private void failed(Throwable e) {
        LOG.error("partition {} takes no more appends", id, e);
        MqException refusal = log.fence(e);
        answer(refusal);
        refuseParked(refusal);
        waiters.wake();
    }

    /** Whether what there is to do may wait for files: for a force, the deletion of segments, administration. */
    private boolean isForIo() {
        return closing
                || config.durability() == Durability.FSYNC
                || config.flush().messages() != FlushPolicy.NEVER
                || queue.hasTasks()
                || isReclaimDue();
    }

    /** Whether another thread than io's may write it. */
    private boolean isBrief(Append append, long mayWriteTo) {
        return blocking
                ? runtime.quickFiles().areQuick()
                        && append.isBrief()
                        && log.bytesAppended() + append.records().remaining() <= mayWriteTo
                        && log.isReadyFor(append.records(), runtime.currentTimeMillis())
                : !append.isLong();
    }

    /** Writes what is there, within the bound; false where there was nothing, or nothing that this thread may write. */
    private boolean writeSome(boolean onIo, long mayWriteTo) {
        int bytes = 0;
        while (bytes < BYTES_PER_FORCE_MAX) {
            Append append = parked != null ? parked : queue.pollAppend();
            if (append == null) {
                break;
            }
            parked = null;
            if (!onIo && !isBrief(append, mayWriteTo)) {
                parked = append;
                parkedForIo = true;
                break;
            }
            if (!append.condition().getAsBoolean()) {
                append.listener()
                        .onFailed(new MqException(
                                ErrorCode.COORDINATOR_NOT_AVAILABLE,
                                "partition " + id + ": what was to be appended before it was not"));
                continue;
            }
            int size = append.records().remaining();
            if (!admission.tryAdmit(this, size)) {
                if (closing) {
                    append.listener().onFailed(gone());
                    continue;
                }
                parked = append;
                break;
            }
            try {
                long before = log.bytesAppended();
                infos.add(onIo || !blocking ? write(append) : writeQuickly(append));
                written.add(append);
                mustForceMarker |= append.content() == Content.FORCED_MARKER;
                long stored = log.bytesAppended() - before;
                if (stored != size) {
                    admission.onFreed(size - stored); // a repeated batch, or one that was compressed anew
                }
                bytes += (int) stored;
            } catch (MqException e) {
                admission.onFreed(size);
                append.listener().onFailed(e);
            } catch (RuntimeException e) {
                admission.onFreed(size);
                append.listener().onFailed(unexpected("append", e));
            } catch (Error e) {
                admission.onFreed(size);
                append.listener().onFailed(log.fence(e));
                throw e;
            }
        }
        return !written.isEmpty();
    }

    private AppendInfo write(Append append) {
        long nowMs = runtime.currentTimeMillis();
        return switch (append.content()) {
            case DATA_FOR_ALL_REPLICAS -> {
                requireReplicas();
                yield log.append(append.records(), append.check(), nowMs);
            }
            case DATA -> log.append(append.records(), append.check(), nowMs);
            case UNNUMBERED -> log.appendUnnumbered(append.records(), nowMs);
            case MARKER, FORCED_MARKER -> log.appendMarker(append.records(), nowMs);
        };
    }

    /** On a thread that has leave to use files while they are quick. */
    private AppendInfo writeQuickly(Append append) {
        long since = runtime.quickFiles().now();
        try {
            return write(append);
        } finally {
            runtime.quickFiles().took(since);
        }
    }

    /** A broker is one replica. */
    private void requireReplicas() {
        if (config.minInsyncReplicas() > 1) {
            throw new MqException(
                    ErrorCode.NOT_ENOUGH_REPLICAS,
                    "partition " + id + " has 1 replica in sync; min.insync.replicas asks for "
                            + config.minInsyncReplicas() + " before an append with acks=all is taken");
        }
    }

    /** Makes what was written durable, shows it to readers and answers. */
    private void commit() {
        MqException failure = null;
        if (mustForce()) {
            try {
                log.force();
            } catch (MqException e) {
                failure = e;
            } catch (RuntimeException e) {
                failure = unexpected("force", e);
            }
        }
        if (failure == null) {
            publish();
        }
        answer(failure);
        armFlushTimer();
        waiters.wake();
    }

    /** Tells those that wait for what was written, each once, how it ended. */
    private void answer(@Nullable MqException failure) {
        while (!written.isEmpty()) {
            AppendListener listener = written.remove().listener();
            AppendInfo info = infos.remove();
            if (failure == null) {
                listener.onAppended(info);
            } else {
                listener.onFailed(failure);
            }
        }
        mustForceMarker = false;
    }

    /** Shows readers all that is written: it is durable now, and so is the end of every transaction that has one. */
    private void publish() {
        long end = log.logEndOffset();
        highWatermark = end;
        lastStableOffset = Math.min(log.firstUnstableOffset(), end);
    }

    private boolean mustForce() {
        return switch (config.durability()) {
            case FSYNC -> true;
            case OS_BUFFERED ->
                mustForceMarker
                        || log.logEndOffset() - log.forcedOffset()
                                >= config.flush().messages();
            case MEMORY -> false;
        };
    }

    /** One force at a time is due: that of the oldest record which is not forced. */
    private void armFlushTimer() {
        if (config.durability() != Durability.OS_BUFFERED
                || config.flush().ms() == FlushPolicy.NEVER
                || flushTimerRuns
                || closed
                || log.forcedOffset() >= log.logEndOffset()) {
            return;
        }
        flushTimerRuns = true;
        flushTimer.update(runtime.timers()
                .schedule(
                        () -> onWriter(() -> {
                                    flushTimerRuns = false;
                                    log.force();
                                    return Boolean.TRUE;
                                })
                                // too much waits for the writer: the next append sets the timer again
                                .subscribe(forced -> {}, refused -> flushTimerRuns = false),
                        config.flush().ms(),
                        TimeUnit.MILLISECONDS));
    }

    private void runTasks() {
        Task<?> task = queue.pollTask();
        while (task != null) {
            task.run(closed ? gone() : null);
            task = queue.pollTask();
            if (task != null || parked != null || queue.hasAppends()) {
                WriterTurn.passOn();
            }
        }
    }

    private void refuseParked(MqException refusal) {
        Append waiting = parked;
        if (waiting != null) {
            parked = null;
            parkedForIo = false;
            waiting.listener().onFailed(refusal);
        }
    }

    private synchronized long reclaimTo() {
        return reclaimTo;
    }

    private boolean isReclaimDue() {
        return reclaimTo() > log.logStartOffset() && !closed && config.deletes();
    }

    private void applyReclaim() {
        if (!isReclaimDue()) {
            return;
        }
        long to = reclaimTo();
        try {
            deleteSegmentsBefore(to);
        } catch (RuntimeException e) {
            LOG.warn("partition {}: records below {} could not be let go", id, to, e);
        }
    }

    /** As far as whole segments reach; an active one that lies below the offset is rolled first. */
    private void deleteSegmentsBefore(long offset) {
        long to = Math.min(offset, highWatermark);
        if (to >= log.logEndOffset()) {
            log.roll();
        }
        freeing(() -> log.deleteSegmentsBefore(to));
    }

    void freeing(Runnable deletion) {
        long before = log.sizeInBytes();
        try {
            deletion.run();
        } finally {
            long freed = before - log.sizeInBytes();
            if (freed != 0) {
                admission.onFreed(freed); // less than nothing where a horizon for tombstones was added
            }
        }
    }

    /**
     * Deletes records from the begin.
     *
     * @return the log start offset then; OFFSET_OUT_OF_RANGE beyond the high watermark, POLICY_VIOLATION where the topic is only compacted
     */
    public Mono<Long> deleteRecords(RecordsToDelete records) {
        return onWriter(() -> {
            if (!config.deletes()) {
                throw new MqException(
                        ErrorCode.POLICY_VIOLATION,
                        "partition " + id + ": records are deleted where cleanup.policy has delete, it is compact");
            }
            long offset = switch (records.bound()) {
                case BEFORE_OFFSET ->
                    records.value() == RecordsToDelete.HIGH_WATERMARK ? highWatermark : records.value();
                case ALL_BUT_LAST -> Math.min(highWatermark, log.offsetOfLast(records.value()));
            };
            if (offset > highWatermark) {
                throw new MqException(
                        ErrorCode.OFFSET_OUT_OF_RANGE,
                        "partition " + id + ": records can be deleted up to the high watermark " + highWatermark
                                + ", asked for " + offset);
            }
            switch (records.precision()) {
                case EXACT -> freeing(() -> log.deleteRecordsBefore(offset));
                case WHOLE_SEGMENTS -> deleteSegmentsBefore(offset);
            }
            return log.logStartOffset();
        });
    }

    /** Lets go of the segments that are beyond what is to be kept, and of what is known of producers that have been silent for long. */
    public Mono<Void> applyRetention() {
        return onWriter(() -> {
                    long nowMs = runtime.currentTimeMillis();
                    log.expireProducers(nowMs);
                    if (config.deletes()) {
                        long before = SegmentRetention.deletableBefore(log, config.retention(), nowMs, highWatermark);
                        if (before > log.logStartOffset()) {
                            deleteSegmentsBefore(before);
                        }
                    }
                    return Boolean.TRUE;
                })
                .then();
    }

    /**
     * One pass of compaction, where the topic is compacted and it is worth while: on the io threads, beside the writer, which only puts the new
     * segments in place. Ends early, with nothing, when the partition closes. One at a time; not to be cancelled.
     *
     * @return what was done; nothing where nothing was
     */
    public Mono<CompactionStats> compact(LogCleaner cleaner) {
        return compaction.pass(cleaner);
    }

    private void closeLog() {
        WriterTurn.passOn();
        refuseParked(gone());
        for (Append late = queue.pollAppend(); late != null; late = queue.pollAppend()) {
            late.listener().onFailed(gone());
        }
        if (closed) {
            return;
        }
        closed = true;
        flushTimer.dispose();
        runTasks();
        admission.onFreed(log.sizeInBytes());
        try {
            if (deleted) {
                log.abandon();
            } else {
                log.close();
            }
            whenClosed.tryEmitEmpty();
        } catch (Throwable e) {
            whenClosed.tryEmitError(e);
        }
        waiters.wake();
    }

    private MqException gone() {
        return new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + id + " is closed on this broker");
    }

    private MqException unexpected(String what, RuntimeException e) {
        return new MqException(ErrorCode.UNKNOWN_SERVER_ERROR, what + " on partition " + id + " failed: " + e, e);
    }

    @Override
    public String toString() {
        return "Partition " + id;
    }
}
