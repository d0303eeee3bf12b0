package io.reactivemq.topic;

import io.reactivemq.MqRuntime;
import io.reactivemq.log.CompactionRun;
import io.reactivemq.log.CompactionStats;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.PartitionLog;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import reactor.core.publisher.Mono;

/** The compaction of a partition: passes on the io threads, one at a time, beside the writer, which begins each and puts the new segments in place. */
final class PartitionCompaction {

    private final Partition partition;
    private final PartitionLog log;
    private final MqRuntime runtime;

    /** Set by the writer where a pass begins, cleared by whoever ends it. The log is not closed meanwhile. */
    private volatile boolean running;

    /** The writer's: the last pass left something dirty. */
    private boolean partial;

    PartitionCompaction(Partition partition, PartitionLog log, MqRuntime runtime) {
        this.partition = partition;
        this.log = log;
        this.runtime = runtime;
    }

    boolean isRunning() {
        return running;
    }

    /** See {@link Partition#compact}. */
    Mono<CompactionStats> pass(LogCleaner cleaner) {
        return Mono.defer(() -> partition.onWriter(() -> begin(cleaner)))
                .flatMap(run -> run.map(this::finish).orElseGet(Mono::empty));
    }

    private Optional<CompactionRun> begin(LogCleaner cleaner) {
        TopicConfig config = partition.config();
        if (!config.compacts() || running) {
            return Optional.empty();
        }
        CompactionRun run = log.beginCompaction(
                config.compaction(),
                cleaner,
                partition.lastStableOffset(),
                partial,
                runtime.currentTimeMillis(),
                partition::isClosing);
        running = run != null;
        return Optional.ofNullable(run);
    }

    private Mono<CompactionStats> finish(CompactionRun run) {
        return nextOnIo(run)
                .flatMap(more -> partition.onWriter(() -> more ? replace(run) : end(run)))
                .repeat()
                .takeWhile(goesOn -> goesOn)
                .then(Mono.fromCallable(run::stats))
                .onErrorResume(CancellationException.class, stopped -> Mono.empty())
                .doFinally(end -> {
                    run.close();
                    running = false;
                    partition.resume(); // the log may be waiting to be closed
                });
    }

    /**
     * Being stopped is no error of an operator. Whatever is thrown ends the pass, an error of the JVM too: a partition whose pass does not end is never
     * closed.
     */
    private Mono<Boolean> nextOnIo(CompactionRun run) {
        return Mono.create(sink -> runtime.io().schedule(() -> {
            try {
                sink.success(run.next());
            } catch (Throwable e) {
                sink.error(e);
            }
        }));
    }

    private boolean replace(CompactionRun run) {
        boolean[] replaced = new boolean[1];
        partition.freeing(() -> replaced[0] = log.replace(run));
        return replaced[0];
    }

    private boolean end(CompactionRun run) {
        log.recordCompaction(run);
        partial = run.isPartial();
        return false;
    }
}
