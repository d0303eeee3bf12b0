package io.reactivemq.topic;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.log.CommittedRead;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
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
 * <p>Attempts are serialised by {@code wip}; they run on the runtime's io threads where one of the partitions blocks, else on
 * the thread that brought the news.
 */
public final class LongPoll {

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();
    private static final CommittedRead NOTHING_READ = new CommittedRead(NOTHING, List.of());

    private final FetchRequest request;
    private final List<@Nullable Partition> partitions;
    private final boolean blocking;
    private final MqRuntime runtime;
    private final MonoSink<FetchResult> sink;
    private final AtomicInteger wip = new AtomicInteger();
    private final Runnable onAdvance = this::signal;
    private final Disposable.Swap timer = Disposables.swap();
    private volatile boolean expired;
    private volatile boolean ended;

    private LongPoll(
            FetchRequest request, List<@Nullable Partition> partitions, MqRuntime runtime, MonoSink<FetchResult> sink) {
        this.request = request;
        this.partitions = partitions;
        this.runtime = runtime;
        this.sink = sink;
        this.blocking = partitions.stream().anyMatch(p -> p != null && p.isBlocking());
    }

    /**
     * The answer to the request.
     *
     * @param lookup finds a partition by its id, null where there is none
     */
    public static Mono<FetchResult> fetch(
            FetchRequest request, Function<TopicPartition, @Nullable Partition> lookup, MqRuntime runtime) {
        return Mono.create(sink -> {
            List<@Nullable Partition> partitions = new ArrayList<>();
            request.partitions().forEach(wanted -> partitions.add(lookup.apply(wanted.partition())));
            new LongPoll(request, partitions, runtime, sink).start();
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
    }

    private void signal() {
        if (wip.getAndIncrement() == 0) {
            if (blocking) {
                runtime.io().schedule(this::drain);
            } else {
                drain();
            }
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
        List<FetchResult.Partition> parts = new ArrayList<>(partitions.size());
        int bytes = 0;
        boolean failed = false;
        for (int i = 0; i < partitions.size(); i++) {
            FetchResult.Partition part = read(request.partitions().get(i), partitions.get(i), bytes);
            bytes += part.records().remaining();
            failed |= part.error() != null;
            parts.add(part);
        }
        if (last || failed || bytes >= request.minBytes()) {
            ended = true;
            sink.success(new FetchResult(parts));
        }
    }

    private FetchResult.Partition read(FetchRequest.Partition wanted, @Nullable Partition partition, int bytesSoFar) {
        TopicPartition id = wanted.partition();
        if (partition == null || partition.isClosed()) {
            return failed(
                    id, new MqException(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "partition " + id + " does not exist"));
        }
        int room = Math.min(wanted.maxBytes(), request.maxBytes() - bytesSoFar);
        try {
            // in this order: the last stable offset is never beyond the high watermark that is told
            long lastStable = partition.lastStableOffset();
            long highWatermark = partition.highWatermark();
            boolean committed = request.isolation() == IsolationLevel.READ_COMMITTED;
            long end = committed ? lastStable : highWatermark;
            CommittedRead read;
            if (room <= 0 || wanted.offset() == end) {
                read = NOTHING_READ;
            } else if (committed) {
                read = partition.readCommitted(wanted.offset(), room, end);
            } else {
                read = new CommittedRead(partition.read(wanted.offset(), room, end), List.of());
            }
            return new FetchResult.Partition(
                    id,
                    null,
                    partition.logStartOffset(),
                    highWatermark,
                    lastStable,
                    read.aborted().stream()
                            .map(aborted ->
                                    new FetchResult.AbortedTransaction(aborted.producerId(), aborted.firstOffset()))
                            .toList(),
                    read.records());
        } catch (MqException e) {
            return new FetchResult.Partition(id, e, partition.logStartOffset(), partition.highWatermark(), NOTHING);
        } catch (RuntimeException e) {
            return failed(
                    id,
                    new MqException(ErrorCode.UNKNOWN_SERVER_ERROR, "reading partition " + id + " failed: " + e, e));
        }
    }

    private static FetchResult.Partition failed(TopicPartition id, MqException error) {
        return new FetchResult.Partition(id, error, -1, -1, NOTHING);
    }
}
