package io.reactivemq.engine;

import io.reactivemq.MqRuntime;
import io.reactivemq.log.CompactionStats;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.metrics.CompactionMeters;
import io.reactivemq.storage.StorageException;
import io.reactivemq.topic.Partition;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Compacts the partitions that are to be compacted, one after the other, on the io threads. The next round begins an interval after one
 * has ended.
 *
 * <p>Where it fails, that is logged once. A failure of the storage is tried again in the next round, since a disk that is full may not
 * stay so; after any other the partition is left alone until the broker is opened again. A topic that is deleted and made again begins anew.
 */
final class CompactionCheck {

    private static final Logger LOG = LoggerFactory.getLogger(CompactionCheck.class);

    private final TopicRegistry topics;
    private final LogCleaner cleaner;
    private final Duration interval;
    private final MqRuntime runtime;
    private final Disposable.Swap next = Disposables.swap();

    /** Whose last compaction failed. */
    private final Set<Partition> failed = ConcurrentHashMap.newKeySet();

    /** Whose compaction is not tried again. */
    private final Set<Partition> givenUp = ConcurrentHashMap.newKeySet();

    private final @Nullable CompactionMeters meters;

    /** @param meters null: nobody wants to know */
    CompactionCheck(
            TopicRegistry topics,
            long mapBytesMax,
            Duration interval,
            MqRuntime runtime,
            @Nullable CompactionMeters meters) {
        this.meters = meters;
        this.topics = topics;
        this.cleaner = new LogCleaner(mapBytesMax, runtime.random());
        this.interval = interval;
        this.runtime = runtime;
    }

    void start() {
        next.update(runtime.timers()
                .schedule(() -> runtime.io().schedule(this::round), interval.toMillis(), TimeUnit.MILLISECONDS));
    }

    /** No other partition is begun. One that is being compacted ends that when it is closed. */
    void stop() {
        next.dispose();
    }

    private void round() {
        if (next.isDisposed()) {
            return;
        }
        List<Partition> partitions = topics.compactedPartitions();
        failed.retainAll(partitions);
        givenUp.retainAll(partitions);
        Flux.fromIterable(partitions)
                .takeWhile(partition -> !next.isDisposed())
                .concatMap(this::compact, 1)
                .doFinally(end -> start())
                .subscribe();
    }

    private Mono<Void> compact(Partition partition) {
        if (givenUp.contains(partition)) {
            return Mono.empty();
        }
        return pass(partition)
                .expand(stats -> stats.partial() && !next.isDisposed() ? pass(partition) : Mono.empty())
                .then()
                .onErrorResume(failure -> {
                    if (!partition.isClosing()) {
                        failed(partition, failure);
                    }
                    return Mono.empty();
                });
    }

    private Mono<CompactionStats> pass(Partition partition) {
        return Mono.defer(() -> {
            long begin = runtime.nanoTime();
            return partition
                    .compact(cleaner)
                    .doOnNext(stats -> compacted(partition, stats, Duration.ofNanos(runtime.nanoTime() - begin)));
        });
    }

    private void compacted(Partition partition, CompactionStats stats, Duration took) {
        failed.remove(partition);
        if (meters != null) {
            meters.passed(
                    took,
                    stats.bytesRead(),
                    stats.bytesBefore() - stats.bytesAfter(),
                    stats.recordsBefore() - stats.recordsAfter());
        }
        LOG.debug("partition {} was compacted: {}", partition.id(), stats);
        if (stats.recordsWithoutKey() > 0) {
            LOG.warn(
                    "partition {}: compaction has taken away {} records without a key",
                    partition.id(),
                    stats.recordsWithoutKey());
        }
    }

    private void failed(Partition partition, Throwable failure) {
        if (meters != null) {
            meters.failed();
        }
        boolean storage = failure instanceof StorageException;
        if (!storage) {
            givenUp.add(partition);
        }
        if (failed.add(partition)) {
            LOG.error(
                    "partition {} could not be compacted; {}",
                    partition.id(),
                    storage ? "it is tried again" : "it is left alone until the broker is opened again",
                    failure);
        }
    }
}
