package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetFetch;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Finds out where lanes begin: at what the group has committed, else where the options say. Asks again until it knows, or
 * the lane is gone. Owned by the worker.
 */
final class StartOffsets {

    /**
     * Where to begin.
     *
     * @param offset the first offset to read
     * @param committed whether the group has committed it
     */
    record Start(long offset, boolean committed) {}

    /** What the loop does with it. */
    interface Lanes {
        /** The lane begins there. */
        void begin(PartitionLane lane, Start start);

        /** No retry can help. */
        void fail(Throwable error);
    }

    private static final Logger LOG = LoggerFactory.getLogger(StartOffsets.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final ReceiverOptions<?, ?> options;
    private final Lanes lanes;

    StartOffsets(EventLoop events, Broker broker, Caller caller, ReceiverOptions<?, ?> options, Lanes lanes) {
        this.events = events;
        this.broker = broker;
        this.caller = caller;
        this.options = options;
        this.lanes = lanes;
    }

    /** New lanes. */
    void find(List<PartitionLane> added) {
        find(added, 0);
    }

    private void find(List<PartitionLane> added, int failures) {
        List<PartitionLane> open = added.stream()
                .filter(lane -> lane.state() == PartitionLane.State.PREPARING)
                .toList();
        if (open.isEmpty()) {
            return;
        }
        ask(
                of(open.stream().map(PartitionLane::partition).toList()),
                starts -> {
                    for (PartitionLane lane : open) {
                        Start start = starts.get(lane.partition());
                        if (start != null && lane.state() == PartitionLane.State.PREPARING) {
                            lanes.begin(lane, start);
                        }
                    }
                },
                () -> find(open, failures + 1),
                open.size(),
                failures + 1,
                "the start of " + open.size() + " partitions");
    }

    /** A lane whose position is outside the log. */
    void findAnew(PartitionLane lane) {
        if (!lane.isActive()) {
            return;
        }
        lane.failures++;
        ask(
                startOf(List.of(lane.partition()), Map.of()),
                starts -> {
                    Start start = starts.get(lane.partition());
                    if (start != null && lane.isActive()) {
                        lanes.begin(lane, start);
                    }
                },
                () -> findAnew(lane),
                1,
                lane.failures,
                "a new start of " + lane.partition());
    }

    /** Uses the answer; what it leaves open is asked for again after a while. */
    private void ask(
            Mono<Map<TopicPartition, Start>> question,
            Consumer<Map<TopicPartition, Start>> use,
            Runnable again,
            int expected,
            int failures,
            String what) {
        Disposable unused = events.call(
                () -> question,
                options.requestTimeout(),
                starts -> {
                    use.accept(starts);
                    if (starts.size() < expected) {
                        later(again, failures, what, null);
                    }
                },
                error -> {
                    if (Requests.isRetriable(error)) {
                        later(again, failures, what, error);
                    } else {
                        lanes.fail(error);
                    }
                });
    }

    private void later(Runnable again, int failures, String what, @Nullable Throwable error) {
        Duration wait = Backoff.OF_REQUESTS.after(failures);
        Requests.logRetry(LOG, what, failures, wait, error);
        Disposable unused = events.after(wait, again);
    }

    /** The starts of those partitions; one is missing where its offset could not be had now and may be had later. */
    private Mono<Map<TopicPartition, Start>> of(Collection<TopicPartition> partitions) {
        String group = options.group();
        if (group == null) {
            return startOf(partitions, Map.of());
        }
        // one that a transaction is about to move: its records must not be read again beside the transaction
        boolean requireStable = options.isolation() == IsolationLevel.READ_COMMITTED;
        OffsetFetch fetch = new OffsetFetch(group, Set.copyOf(partitions), "", -1, requireStable);
        return broker.fetchOffsets(caller, fetch).flatMap(committed -> startOf(partitions, committed));
    }

    private Mono<Map<TopicPartition, Start>> startOf(
            Collection<TopicPartition> partitions, Map<TopicPartition, CommittedOffset> committed) {
        return Flux.fromIterable(partitions)
                .flatMap(partition -> startOf(partition, committed).map(start -> Map.entry(partition, start)))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Start> startOf(TopicPartition partition, Map<TopicPartition, CommittedOffset> committed) {
        CommittedOffset offset = committed.get(partition);
        if (offset != null) {
            return Mono.just(new Start(offset.offset(), true));
        }
        return broker.listOffset(caller, partition, options.startFrom())
                .map(found -> new Start(found, false))
                .onErrorResume(Requests::isRetriable, error -> Mono.empty());
    }
}
