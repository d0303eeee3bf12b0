package io.reactivemq.engine;

import io.reactivemq.MqRuntime;
import io.reactivemq.topic.Partition;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Looks over all partitions from time to time for what is beyond what is to be kept. The next round begins an interval after one has ended. */
final class RetentionCheck {

    private static final Logger LOG = LoggerFactory.getLogger(RetentionCheck.class);

    /** Partitions at a time: a round is in no hurry, and must not take the io threads from appends. */
    private static final int PARTITIONS_AT_ONCE = 1;

    private final TopicRegistry topics;
    private final Duration interval;
    private final MqRuntime runtime;
    private final Disposable.Swap next = Disposables.swap();

    RetentionCheck(TopicRegistry topics, Duration interval, MqRuntime runtime) {
        this.topics = topics;
        this.interval = interval;
        this.runtime = runtime;
    }

    void start() {
        next.update(runtime.timers()
                .schedule(() -> runtime.io().schedule(this::round), interval.toMillis(), TimeUnit.MILLISECONDS));
    }

    void stop() {
        next.dispose();
    }

    private void round() {
        if (next.isDisposed()) {
            return;
        }
        Flux.fromIterable(topics.partitions())
                .flatMap(RetentionCheck::apply, PARTITIONS_AT_ONCE)
                .doFinally(end -> start())
                .subscribe();
    }

    private static Mono<Void> apply(Partition partition) {
        return partition.applyRetention().onErrorResume(failure -> {
            if (partition.isClosing()) {
                return Mono.empty(); // deleted meanwhile, or the broker closes
            }
            LOG.warn("partition {}: what is beyond retention could not be deleted", partition.id(), failure);
            return Mono.empty();
        });
    }
}
