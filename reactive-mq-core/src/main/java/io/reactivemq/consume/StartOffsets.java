package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EpochEnd;
import io.reactivemq.broker.OffsetFetch;
import io.reactivemq.broker.OffsetSpec;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
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
     * @param leaderEpoch that of the record before it; -1 where unknown
     * @param acked what is acknowledged beyond it
     * @param metadata the metadata of the commit, if it is ours, else empty
     */
    record Start(long offset, boolean committed, int leaderEpoch, AckedRuns acked, String metadata) {

        static Start at(long offset) {
            return new Start(offset, false, LaneEpochs.NONE, AckedRuns.NONE, "");
        }

        static Start of(CommittedOffset committed) {
            AckedRuns acked = AckedRuns.parse(committed.offset(), committed.metadata());
            return new Start(
                    committed.offset(),
                    true,
                    committed.leaderEpoch(),
                    acked,
                    acked == AckedRuns.NONE ? "" : committed.metadata());
        }
    }

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
                of(open),
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
        if (!isSought(lane)) {
            return;
        }
        lane.failures++;
        ask(
                startOf(List.of(lane), Map.of()),
                starts -> {
                    Start start = starts.get(lane.partition());
                    if (start != null && isSought(lane)) {
                        lanes.begin(lane, start);
                    }
                },
                () -> findAnew(lane),
                1,
                lane.failures,
                "a new start of " + lane.partition());
    }

    /** Still there, and not moved by a seek in the meantime. */
    private static boolean isSought(PartitionLane lane) {
        return lane.isActive() && lane.outOfRange;
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
    private Mono<Map<TopicPartition, Start>> of(Collection<PartitionLane> added) {
        List<TopicPartition> partitions =
                added.stream().map(PartitionLane::partition).toList();
        Map<TopicPartition, Long> given = options.partitionOffsets();
        if (!given.isEmpty()) {
            return Mono.just(partitions.stream()
                    .collect(Collectors.toMap(
                            partition -> partition,
                            partition -> Start.at(Objects.requireNonNull(given.get(partition))))));
        }
        String group = options.group();
        if (group == null) {
            return startOf(added, Map.of());
        }
        // one that a transaction is about to move: its records must not be read again beside the transaction
        OffsetFetch fetch = new OffsetFetch(group, Set.copyOf(partitions), "", -1, true);
        return broker.fetchOffsets(caller, fetch).flatMap(committed -> startOf(added, committed));
    }

    private Mono<Map<TopicPartition, Start>> startOf(
            Collection<PartitionLane> added, Map<TopicPartition, CommittedOffset> committed) {
        return Flux.fromIterable(added)
                .flatMap(lane -> startOf(lane, committed).map(start -> Map.entry(lane.partition(), start)))
                .collectMap(Map.Entry::getKey, Map.Entry::getValue);
    }

    private Mono<Start> startOf(PartitionLane lane, Map<TopicPartition, CommittedOffset> committed) {
        TopicPartition partition = lane.partition();
        CommittedOffset offset = committed.get(partition);
        if (offset != null) {
            return startAt(partition, offset);
        }
        OffsetSpec from = lane.isFromLogStart()
                ? OffsetSpec.earliest()
                : options.startFrom(broker.runtime().currentTimeMillis());
        if (from == null) {
            return Mono.error(new MqException(
                    ErrorCode.OFFSET_OUT_OF_RANGE,
                    partition + " has no committed offset within its log, and " + options
                            + " says that this is an error (startFromNone)"));
        }
        return broker.listOffset(caller, partition, from)
                .map(Start::at)
                .onErrorResume(Requests::isRetriable, error -> Mono.empty());
    }

    /** At what is committed, or where the log is another from than the one that was read up to there (KIP-320). */
    private Mono<Start> startAt(TopicPartition partition, CommittedOffset committed) {
        Start start = Start.of(committed);
        if (committed.leaderEpoch() < 0) {
            return Mono.just(start);
        }
        return broker.epochEnd(caller, partition, committed.leaderEpoch())
                .flatMap(end -> end.leaderEpoch() < 0 || end.endOffset() >= committed.offset()
                        ? Mono.just(start)
                        : diverged(partition, committed, end))
                .onErrorResume(Requests::isRetriable, error -> Mono.empty());
    }

    private Mono<Start> diverged(TopicPartition partition, CommittedOffset committed, EpochEnd end) {
        String what = "what the group has read of " + partition + " is not in its log any more from offset "
                + end.endOffset() + " on: committed is offset " + committed.offset()
                + ", behind a record of leader epoch "
                + committed.leaderEpoch();
        if (options.startFrom(broker.runtime().currentTimeMillis()) == null) {
            MqException lost = new MqException(
                    ErrorCode.OFFSET_OUT_OF_RANGE,
                    what + ", and " + options + " says that this is an error (startFromNone)");
            // an expected failure; Mono.error inside an operator would count as that operator's
            return Mono.create(sink -> sink.error(lost));
        }
        LOG.warn("{}; going on there", what);
        return Mono.just(Start.at(end.endOffset()));
    }
}
