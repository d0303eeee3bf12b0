package io.reactivemq.topic;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.FetchLease;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.log.AbortedTransaction;
import io.reactivemq.log.CommittedRead;
import io.reactivemq.log.CommittedRegion;
import io.reactivemq.log.LogRegion;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Mono;
import reactor.core.publisher.MonoSink;

/**
 * A fetch over several partitions that answers as soon as there is enough to read. It does not poll: at the end of the logs
 * it registers with each partition and reads again when a high watermark has moved. It registers before it reads, so an
 * append between the two is not missed.
 *
 * <p>Attempts are serialised by {@code wip}; they run on the runtime's io threads where one of the partitions blocks, unless the thread that
 * brought the news has leave to use {@linkplain io.reactivemq.QuickFiles quick files} and the attempt is brief; else on the thread that brought the news.
 */
public final class LongPoll {

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

    /** Less than that is copied sooner than it is sent from a file by a call of its own. */
    private static final int LENT_BYTES_MIN = 16 << 10;

    /** Each is a file that stays open until a client has taken the answer. */
    private static final int LENT_PARTS_MAX = 64;

    /** Of so many a thread may read that must not wait. */
    private static final int BRIEF_PARTITIONS_MAX = 64;

    private final FetchRequest request;
    private final List<@Nullable Partition> partitions;

    /** Of those that are not there to be read, why, by their place in the request. */
    private final Map<Integer, MqException> refused;

    private final boolean blocking;
    private final MqRuntime runtime;
    private final MonoSink<FetchResult> sink;
    private final AtomicInteger wip = new AtomicInteger();
    private final Runnable onAdvance = this::signal;
    private final Disposable.Swap timer = Disposables.swap();

    /** What was there of each partition when its end was looked at last; of none where any byte is enough. Of attempts, which are one at a time. */
    private final @Nullable There[] there;

    /** Of the records that the attempt which is being made has found, as what follows. */
    private int bytes;

    private int lentParts;

    /** Whether something had to be left out for want of memory. */
    private boolean isShort;

    private volatile boolean expired;
    private volatile boolean ended;

    private LongPoll(
            FetchRequest request,
            List<@Nullable Partition> partitions,
            Map<Integer, MqException> refused,
            MqRuntime runtime,
            MonoSink<FetchResult> sink) {
        this.request = request;
        this.refused = refused;
        this.partitions = partitions;
        this.runtime = runtime;
        this.sink = sink;
        this.blocking = partitions.stream().anyMatch(p -> p != null && p.isBlocking());
        this.there = new There[request.minBytes() > 1 ? partitions.size() : 0];
    }

    /**
     * The answer to the request.
     *
     * @param lookup finds the partition that is meant, null where there is none; it may throw why it can't be read
     */
    public static Mono<FetchResult> fetch(
            FetchRequest request, Function<FetchRequest.Partition, @Nullable Partition> lookup, MqRuntime runtime) {
        return Mono.create(sink -> {
            List<@Nullable Partition> partitions = new ArrayList<>();
            Map<Integer, MqException> refused = new HashMap<>();
            for (FetchRequest.Partition wanted : request.partitions()) {
                try {
                    partitions.add(lookup.apply(wanted));
                } catch (MqException e) {
                    refused.put(partitions.size(), e);
                    partitions.add(null);
                }
            }
            new LongPoll(request, partitions, refused, runtime, sink).start();
        });
    }

    private void start() {
        sink.onDispose(this::end);
        if (request.minBytes() == 0 || request.maxWait().isZero()) {
            expired = true;
        } else {
            timer.update(runtime.timers()
                    .schedule(
                            () -> {
                                expired = true;
                                signal();
                            },
                            request.maxWait().toNanos(),
                            TimeUnit.NANOSECONDS));
            for (Partition partition : partitions) {
                if (partition != null) {
                    partition.addWaiter(onAdvance);
                }
            }
            if (ended) {
                end(); // cancelled meanwhile, perhaps before it was a waiter everywhere
            }
            if (there.length == 0 && !isEnough()) {
                return; // nothing to read, which is known without files: the next append tells
            }
        }
        signal();
    }

    private void end() {
        ended = true;
        timer.dispose();
        for (Partition partition : partitions) {
            if (partition != null) {
                partition.removeWaiter(onAdvance);
            }
        }
        FetchLease lease = request.lease();
        if (lease != null) {
            lease.noLongerWaits();
        }
    }

    private void signal() {
        if (wip.getAndIncrement() == 0) {
            if (!blocking) {
                drain();
            } else if (isBrief() && runtime.quickFiles().areQuick()) {
                drainQuickly();
            } else {
                runtime.io().schedule(this::drain);
            }
        }
    }

    /** Whether a thread may look for it that must not wait: the system sends the records, and the index that tells which is on the heap. */
    private boolean isBrief() {
        FetchLease lease = request.lease();
        if (lease == null || !lease.lends() || partitions.size() > BRIEF_PARTITIONS_MAX) {
            return false;
        }
        for (int i = 0; i < partitions.size(); i++) {
            Partition partition = partitions.get(i);
            if (partition != null
                    && !partition.isInActiveSegment(request.partitions().get(i).offset())) {
                return false;
            }
        }
        return true;
    }

    /** On a thread that has leave to use files while they are quick, and that may be a partition's writer: what is thrown is this fetch's failure alone. */
    private void drainQuickly() {
        long since = runtime.quickFiles().now();
        try {
            drain();
        } catch (Throwable e) {
            ended = true;
            sink.error(e);
        } finally {
            runtime.quickFiles().took(since);
        }
    }

    private void drain() {
        int missed = 1;
        do {
            if (!ended) {
                attempt();
            }
            missed = wip.addAndGet(-missed);
        } while (missed != 0);
    }

    private void attempt() {
        boolean last = expired;
        if (!last && !isEnough()) {
            isShort = false;
            tryAgain();
            return;
        }
        List<FetchResult.Partition> parts = new ArrayList<>(partitions.size());
        bytes = 0;
        boolean failed = false;
        lentParts = 0;
        isShort = false;
        for (int i = 0; i < partitions.size(); i++) {
            FetchRequest.Partition wanted = request.partitions().get(i);
            MqException refusal = refused.get(i);
            FetchResult.Partition part =
                    refusal == null ? read(wanted, partitions.get(i)) : failed(wanted.partition(), refusal);
            bytes += part.sizeInBytes();
            failed |= part.error() != null;
            parts.add(part);
        }
        if (last || failed || bytes > 0) {
            ended = true;
            lend(parts);
            sink.success(new FetchResult(parts));
        } else {
            parts.forEach(LongPoll::giveBack);
            tryAgain();
        }
    }

    /** When a partition moves, or, where memory is what is wanting, when it is this one's turn and some is given back. */
    private void tryAgain() {
        FetchLease lease = request.lease();
        if (lease != null) {
            lease.dropCopies();
            if (isShort) {
                lease.await(onAdvance);
            }
            if (!isShort || ended) {
                lease.noLongerWaits(); // there is nothing to read any more, or nobody who waits
            }
        }
    }

    /** Whether there is as much as the answer waits for, or something to tell at once. Nothing is read for it but a few headers of what has moved. */
    private boolean isEnough() {
        int found = 0;
        for (int i = 0; i < partitions.size() && found < request.minBytes(); i++) {
            Partition partition = partitions.get(i);
            if (partition == null || partition.isClosed()) {
                return true;
            }
            FetchRequest.Partition wanted = request.partitions().get(i);
            long end = endOf(partition);
            if (wanted.offset() != end) {
                found += there.length == 0 ? 1 : there(i, wanted, partition, end, found);
            }
        }
        return found >= request.minBytes();
    }

    private int there(int i, FetchRequest.Partition wanted, Partition partition, long end, int bytesSoFar) {
        int room = Math.min(wanted.maxBytes(), request.maxBytes() - bytesSoFar);
        There known = there[i];
        if (known == null || known.end != end || known.room != room) {
            known = new There(end, room, room <= 0 ? 0 : sizeOrAll(partition, wanted.offset(), room, end));
            there[i] = known;
        }
        return known.bytes;
    }

    /** What fails is told at once, by a read. */
    private int sizeOrAll(Partition partition, long offset, int room, long end) {
        try {
            return sizeOf(partition, offset, room, end);
        } catch (RuntimeException e) {
            return request.minBytes();
        }
    }

    /** The bytes of the whole batches that a read would bring. */
    private static int sizeOf(Partition partition, long offset, int maxBytes, long end) {
        try (LogRegion region = partition.region(offset, maxBytes, end)) {
            return region.count();
        }
    }

    private long endOf(Partition partition) {
        return request.isolation() == IsolationLevel.READ_COMMITTED
                ? partition.lastStableOffset()
                : partition.highWatermark();
    }

    /** What a partition had up to an end, within a bound. */
    private record There(long end, int room, int bytes) {}

    /** Whatever becomes of the answer, who asked for it gives the regions back now. */
    private void lend(List<FetchResult.Partition> parts) {
        FetchLease lease = request.lease();
        for (FetchResult.Partition part : parts) {
            LentRecords lent = part.lent();
            if (lease != null && lent != null) {
                lease.lend(lent);
            }
        }
    }

    private static void giveBack(FetchResult.Partition part) {
        LentRecords lent = part.lent();
        if (lent != null) {
            lent.close();
        }
    }

    private FetchResult.Partition read(FetchRequest.Partition wanted, @Nullable Partition partition) {
        TopicPartition id = wanted.partition();
        if (partition == null || partition.isClosed()) {
            return failed(
                    id, new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + id + " does not exist"));
        }
        int room = Math.min(wanted.maxBytes(), request.maxBytes() - bytes);
        try {
            // in this order: the last stable offset is never beyond the high watermark that is told
            long lastStable = partition.lastStableOffset();
            long highWatermark = partition.highWatermark();
            boolean committed = request.isolation() == IsolationLevel.READ_COMMITTED;
            long end = committed ? lastStable : highWatermark;
            Found found = room <= 0 || wanted.offset() == end
                    ? Found.NOTHING
                    : find(partition, wanted.offset(), room, end, committed);
            return new FetchResult.Partition(
                    id,
                    null,
                    partition.logStartOffset(),
                    highWatermark,
                    lastStable,
                    found.aborted.isEmpty()
                            ? List.of()
                            : found.aborted.stream()
                                    .map(aborted -> new FetchResult.AbortedTransaction(
                                            aborted.producerId(), aborted.firstOffset()))
                                    .toList(),
                    found.records,
                    found.lent);
        } catch (MqException e) {
            return new FetchResult.Partition(id, e, partition.logStartOffset(), partition.highWatermark(), NOTHING);
        } catch (RuntimeException e) {
            return failed(
                    id,
                    new MqException(ErrorCode.UNKNOWN_SERVER_ERROR, "reading partition " + id + " failed: " + e, e));
        }
    }

    private Found find(Partition partition, long offset, int maxBytes, long end, boolean committed) {
        FetchLease lease = request.lease();
        if (lease == null) {
            return copy(partition, offset, maxBytes, end, committed);
        }
        if (lease.lends() && lentParts < LENT_PARTS_MAX && partition.isBlocking()) {
            CommittedRegion found = committed
                    ? partition.committedRegion(offset, maxBytes, end)
                    : new CommittedRegion(partition.region(offset, maxBytes, end), List.of());
            LogRegion region = found.region();
            // a gap before the first batch, and nothing where there should be something, may be damage: a read tells
            boolean isPlain = region.count() >= LENT_BYTES_MIN && region.baseOffset() <= offset;
            FileChannel channel = isPlain ? region.lent().channel() : null;
            if (channel != null) {
                lentParts++;
                return new Found(NOTHING, found.aborted(), new LentRegion(region, channel, runtime));
            }
            region.close();
        }
        return lease.isBounded()
                ? copyWithin(lease, partition, offset, maxBytes, end, committed)
                : copy(partition, offset, maxBytes, end, committed);
    }

    /** As much as there is memory for, one batch at least; else nothing, and the answer is {@link #isShort}. */
    private Found copyWithin(
            FetchLease lease, Partition partition, long offset, int maxBytes, long end, boolean committed) {
        int share = lease.room();
        if (share == 0 && bytes > 0) {
            isShort = true;
            return Found.NOTHING;
        }
        int room = Math.max(1, Math.min(maxBytes, share));
        int foreseen = sizeOf(partition, offset, room, end);
        isShort |= room < maxBytes && foreseen > 0;
        if (!lease.take(foreseen)) {
            isShort = true;
            return Found.NOTHING;
        }
        int copied = 0;
        try {
            Found found = copy(partition, offset, room, end, committed);
            copied = found.records.remaining();
            return found;
        } finally {
            lease.correct(copied - foreseen); // it may be compacted in between
        }
    }

    private static Found copy(Partition partition, long offset, int maxBytes, long end, boolean committed) {
        if (committed) {
            CommittedRead read = partition.readCommitted(offset, maxBytes, end);
            return new Found(read.records(), read.aborted(), null);
        }
        return new Found(partition.read(offset, maxBytes, end), List.of(), null);
    }

    /** What was read of a partition, or lent. */
    private record Found(
            ByteBuffer records,
            List<AbortedTransaction> aborted,
            @Nullable LentRegion lent) {
        static final Found NOTHING = new Found(LongPoll.NOTHING, List.of(), null);
    }

    private static FetchResult.Partition failed(TopicPartition id, MqException error) {
        return new FetchResult.Partition(id, error, -1, -1, NOTHING);
    }
}
