package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.metrics.ReceiverMeters;
import io.reactivemq.produce.TransactionInput;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * One subscription of a {@link Receiver}: owns the lanes, decides what is done next, and ends in good order.
 *
 * <pre>
 *   RUNNING --drain--&gt; DRAINING --all in flight ended, or timeout--&gt; CLOSING --committed, left, or timeout--&gt; CLOSED
 *      +------ cancel, error ------+------------ cancel, error --------^
 * </pre>
 *
 * <p>A turn: look after lanes that are on their way out, fetch if there is demand, let the {@link Output} emit a slice, fetch
 * for what that has emptied. From CLOSING on acknowledgements have no effect.
 *
 * <p>An end that was cancelled sends no signal. All is owned by the worker except what says otherwise.
 */
final class ConsumeLoop implements EventLoop.Turns, Fetcher.Lanes, StartOffsets.Lanes, PartitionSource.Assignee {

    private enum Phase {
        RUNNING,
        DRAINING,
        CLOSING,
        CLOSED
    }

    private static final Logger LOG = LoggerFactory.getLogger(ConsumeLoop.class);

    /** Bounds the last commit and the good-bye, so that an end comes also where the broker no longer answers. */
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

    private final ReceiverOptions<?, ?> options;
    private final Subscriptions owner;
    private final Output output;
    private final EventLoop events;
    private final Fetcher fetcher;
    private final StartOffsets startOffsets;
    private final PartitionSource source;
    private final Watchdog watchdog;
    private final Sinks.One<DrainReport> ended = Sinks.one();

    private final Map<TopicPartition, PartitionLane> lanes = new LinkedHashMap<>();
    private final List<PartitionLane> revoking = new ArrayList<>();
    private final ArrayDeque<PartitionLane> ready = new ArrayDeque<>();

    private Phase phase = Phase.RUNNING;
    private @Nullable Throwable failure;
    private boolean assignmentChanged;
    // the user has paused all partitions, also those that come
    private boolean allPaused;
    // of a drain: what was in flight when it began and what of that went with a lost lane
    private long inFlightAtDrain;
    private long inFlightLost;
    private long abandoned;
    private long unstarted;
    private boolean timedOut;
    private @Nullable ReceiverMeters meters;

    // set by any thread
    private volatile boolean cancelled;
    // the watchdog has seen nothing move, and the group may have been left
    private volatile boolean stalled;

    ConsumeLoop(
            Broker broker,
            ReceiverOptions<?, ?> options,
            Set<String> furtherTopics,
            Subscriptions owner,
            Output output) {
        this.options = options;
        this.owner = owner;
        this.output = output;
        Caller caller = Caller.embedded(options.clientId());
        this.events = new EventLoop(broker.runtime(), this);
        this.fetcher = new Fetcher(events, broker, caller, options, this);
        this.startOffsets = new StartOffsets(events, broker, caller, options, this);
        String group = options.group();
        Set<String> topics = new HashSet<>(options.topics());
        topics.addAll(furtherTopics);
        this.watchdog = new Watchdog(events, broker.runtime(), options, output, lanes::values, this::stalled);
        if (!options.partitions().isEmpty()) {
            this.source = new HandAssigned(events, broker, caller, group, options, this);
            return;
        }
        this.source = group == null
                ? new OwnCursor(events, broker, caller, options, this)
                : new GroupMember(events, broker, caller, group, topics, options, this);
    }

    EventLoop events() {
        return events;
    }

    // ---------------------------------------------------------------- from any thread

    void start() {
        events.execute(() -> {
            if (phase == Phase.RUNNING && !cancelled) {
                meters = options.openMeters();
                source.start();
                watchdog.start();
                tellLater();
            }
        });
    }

    private void tellLater() {
        ReceiverMeters told = meters;
        if (told != null) {
            Disposable unused = events.after(ReceiverMeters.INTERVAL, () -> {
                tellLater();
                watchdog.tell(told);
            });
        }
    }

    /** What is told; null where nobody wants to know. */
    @Nullable ReceiverMeters meters() {
        return meters;
    }

    /** There is more demand. */
    void asked() {
        if (stalled) {
            stalled = false;
            events.execute(source::askedAgain);
        }
        events.wake();
    }

    private void stalled() {
        if (phase == Phase.RUNNING) {
            stalled = true;
            source.stalled();
        }
    }

    /** Pauses these partitions, or all that there are and that will be. */
    Mono<Void> pause(@Nullable Collection<TopicPartition> partitions) {
        return command(() -> {
            allPaused |= partitions == null;
            chosen(partitions).forEach(lane -> pause(lane, PauseReason.USER));
        });
    }

    Mono<Void> resume(@Nullable Collection<TopicPartition> partitions) {
        return command(() -> {
            allPaused &= partitions != null;
            chosen(partitions).forEach(lane -> unpause(lane, PauseReason.USER));
        });
    }

    /** Goes on at these offsets. What is in flight of the partitions is not waited for, and its acknowledgements have no effect any more. */
    Mono<Void> seek(Map<TopicPartition, Long> offsets) {
        return command(() -> {
            for (PartitionLane lane : chosen(offsets.keySet())) {
                if (lane.state() == PartitionLane.State.REVOKING) {
                    throw new IllegalStateException(lane.partition() + " is being handed over");
                }
                if (lane.isActive()) {
                    output.moving(lane);
                }
                begin(lane, StartOffsets.Start.at(Objects.requireNonNull(offsets.get(lane.partition()))));
            }
        });
    }

    Mono<Set<TopicPartition>> assigned() {
        return answer(() -> Set.copyOf(lanes.keySet()));
    }

    Mono<ReceiverHealth> health() {
        return answer(watchdog::health);
    }

    private List<PartitionLane> chosen(@Nullable Collection<TopicPartition> partitions) {
        if (partitions == null) {
            return List.copyOf(lanes.values());
        }
        return partitions.stream()
                .map(partition -> {
                    PartitionLane lane = lanes.get(partition);
                    if (lane == null) {
                        throw new IllegalStateException(partition + " is not assigned to this receiver");
                    }
                    return lane;
                })
                .toList();
    }

    private Mono<Void> command(Runnable command) {
        return this.<Boolean>answer(() -> {
                    command.run();
                    return true;
                })
                .then();
    }

    /** Asks on the worker; empty where the subscription has ended. */
    private <T> Mono<T> answer(Supplier<T> question) {
        return Mono.<T>create(sink -> events.execute(() -> {
                    T answer;
                    try {
                        answer = question.get();
                    } catch (RuntimeException e) {
                        sink.error(e);
                        return;
                    }
                    sink.success(answer);
                }))
                .takeUntilOther(ended.asMono());
    }

    /** The subscriber is gone; what follows, follows in the background. */
    void cancel() {
        cancelled = true;
        owner.cancelled(this);
        events.wake();
    }

    boolean isCancelled() {
        return cancelled;
    }

    /** Whether the output should come back soon, so that something else gets its turn. */
    boolean isWaitedFor() {
        return cancelled || events.hasEvents();
    }

    /** Ends in good order; the report comes also where something else ends the subscription first. */
    Mono<DrainReport> drain(Duration timeout) {
        events.execute(() -> startDrain(timeout));
        return ended.asMono();
    }

    /** The first unacknowledged offset of each partition there is; empty where the subscription has ended. */
    Mono<Map<TopicPartition, Long>> acknowledgedOffsets() {
        return answer(() -> {
            Map<TopicPartition, Long> offsets = new HashMap<>();
            for (PartitionLane lane : lanes.values()) {
                if (lane.state() != PartitionLane.State.PREPARING) {
                    offsets.put(lane.partition(), lane.committable());
                }
            }
            return offsets;
        });
    }

    /** What is committed in a transaction that ends with the record, as long as its partition is this member's own; else empty. */
    Mono<TransactionInput.Offsets> offsetsBehind(ReceiverRecord<?, ?> read) {
        TopicPartition partition = read.topicPartition();
        long next = read.offset() + 1;
        return Mono.<TransactionInput.Offsets>create(sink -> events.execute(() -> {
                    PartitionSource.Membership member = source.membership();
                    PartitionLane lane = lanes.get(partition);
                    if (member == null || lane == null || read.isLost()) {
                        sink.success();
                    } else {
                        CommittedOffset behind = new CommittedOffset(next, lane.epochBefore(next), "");
                        sink.success(new TransactionInput.Offsets(
                                member.groupId(), member.memberId(), member.memberEpoch(), Map.of(partition, behind)));
                    }
                }))
                .takeUntilOther(ended.asMono());
    }

    // ---------------------------------------------------------------- turns

    @Override
    public boolean turn() {
        if (cancelled && phase.compareTo(Phase.CLOSING) < 0) {
            close();
        }
        if (!revoking.isEmpty()) {
            List.copyOf(revoking).stream().filter(this::isSettled).forEach(this::release);
        }
        boolean emitted = false;
        if (phase == Phase.RUNNING) {
            if (output.wantsRecords()) {
                fetcher.poll();
            }
            emitted = output.emit();
            if (output.wantsRecords()) {
                fetcher.poll();
            }
        } else if (phase == Phase.DRAINING && lanes.values().stream().allMatch(this::isSettled)) {
            close();
        }
        publishAssignment();
        return emitted && phase == Phase.RUNNING;
    }

    @Override
    public void failed(Throwable error) {
        try {
            fail(error);
        } catch (RuntimeException e) {
            error.addSuppressed(e);
            finish();
        }
    }

    @Override
    public void stopped(Throwable error) {
        if (failure == null) {
            failure = error;
        }
        finish();
    }

    @Override
    public void fail(Throwable error) {
        if (phase.compareTo(Phase.CLOSING) < 0) {
            failure = error;
            close();
        } else {
            LOG.warn("{}: the end did not go as it should: {}", options, error.toString());
            finish();
        }
    }

    /** Whether nothing of the lane is in flight; where something is, its end brings a turn. */
    private boolean isSettled(PartitionLane lane) {
        return lane.state() == PartitionLane.State.PREPARING || output.isSettled(lane);
    }

    // ---------------------------------------------------------------- lanes

    @Override
    public void assign(Collection<TopicPartition> partitions) {
        assign(partitions, false);
    }

    @Override
    public void assignAnew(Collection<TopicPartition> partitions) {
        assign(partitions, true);
    }

    private void assign(Collection<TopicPartition> partitions, boolean fromLogStart) {
        List<PartitionLane> added = partitions.stream()
                .map(partition -> new PartitionLane(partition, fromLogStart))
                .toList();
        for (PartitionLane lane : added) {
            PartitionLane former = lanes.put(lane.partition(), lane);
            if (former != null) {
                throw new IllegalStateException(former + " is assigned a second time");
            }
        }
        assignmentChanged = true;
        if (allPaused) {
            added.forEach(lane -> pause(lane, PauseReason.USER));
        }
        tell(RebalanceListener::assigned, partitions);
        if (phase == Phase.RUNNING) {
            startOffsets.find(added);
        }
    }

    @Override
    public void begin(PartitionLane lane, StartOffsets.Start start) {
        boolean first = lane.state() == PartitionLane.State.PREPARING;
        if (!first) {
            lose(lane);
        }
        lane.start(start.offset(), start.leaderEpoch(), start.acked(), newWindow(lane, start.offset()));
        lane.committed = start.committed() ? start.offset() : -1;
        lane.committedMetadata = start.metadata();
        if (first) {
            output.begun(lane);
        }
        fetcher.resume(lane);
    }

    @Override
    public boolean wants(PartitionLane lane) {
        return output.wants(lane);
    }

    private AckWindow newWindow(PartitionLane lane, long offset) {
        Runnable wake = () -> events.execute(() -> ready(lane));
        return new AckWindow(lane.partition(), offset, output.inFlightMax(), wake);
    }

    @Override
    public void reset(PartitionLane lane) {
        startOffsets.findAnew(lane);
    }

    private void tell(
            BiConsumer<RebalanceListener, Collection<TopicPartition>> what, Collection<TopicPartition> partitions) {
        RebalanceListener listener = options.rebalanceListener();
        if (listener != null && !partitions.isEmpty()) {
            what.accept(listener, partitions.stream().sorted().toList());
        }
    }

    @Override
    public void revoke(Collection<TopicPartition> partitions) {
        tell(RebalanceListener::revoked, partitions);
        for (TopicPartition partition : partitions) {
            PartitionLane lane = lanes.get(partition);
            if (lane == null) {
                continue;
            }
            assignmentChanged = true;
            if (lane.state() == PartitionLane.State.PREPARING) {
                forget(lane);
                continue;
            }
            lane.revoke();
            output.windDown(lane);
            revoking.add(lane);
            Duration wait = options.rebalanceTimeout().dividedBy(4).multipliedBy(3);
            lane.deadline.update(events.after(wait, () -> release(lane)));
        }
    }

    /** Waits no longer: commits what is acknowledged of a lane that was revoked, and gives it back. */
    private void release(PartitionLane lane) {
        if (!revoking.remove(lane)) {
            return;
        }
        output.abandon(lane);
        long late = lane.window().unacknowledged();
        if (late > 0) {
            LOG.warn("{} is given back with {} records unacknowledged; they will be delivered again", lane, late);
        }
        lose(lane);
        // an eighth is left, since the group counts from when it told, and the member from when it heard
        lane.deadline.update(events.after(options.rebalanceTimeout().dividedBy(8), () -> forget(lane)));
        source.commit(() -> forget(lane));
    }

    /** What is in flight of the lane does not count any more, and who waits for that hears of it. */
    private void lose(PartitionLane lane) {
        lane.window().close();
        Sinks.Empty<Void> loss = lane.loss;
        if (loss != null) {
            lane.loss = null;
            loss.tryEmitEmpty();
        }
    }

    /** Completes when what is in flight of the partition does not count any more. On the worker. */
    Mono<Void> lossOf(TopicPartition partition) {
        PartitionLane lane = lanes.get(partition);
        if (lane == null) {
            return Mono.empty();
        }
        Sinks.Empty<Void> loss = lane.loss;
        if (loss == null) {
            loss = Sinks.empty();
            lane.loss = loss;
        }
        return loss.asMono();
    }

    private void forget(PartitionLane lane) {
        if (lanes.remove(lane.partition(), lane)) {
            lane.end();
            source.released(lane.partition());
        }
    }

    @Override
    public void loseAll() {
        tell(RebalanceListener::lost, lanes.keySet());
        for (PartitionLane lane : List.copyOf(lanes.values())) {
            if (lane.state() != PartitionLane.State.PREPARING) {
                output.abandon(lane);
                inFlightLost += phase == Phase.DRAINING ? lane.window().unacknowledged() : 0;
                lose(lane);
            }
            lane.end();
        }
        lanes.clear();
        revoking.clear();
        ready.clear();
        assignmentChanged = true;
    }

    @Override
    public Collection<PartitionLane> lanesToCommit() {
        return lanes.values().stream().filter(output::commits).toList();
    }

    boolean isCommitting() {
        return source.isCommitting();
    }

    @Override
    public int laneCount() {
        return lanes.size();
    }

    @Override
    public void buffered(PartitionLane lane) {
        ready(lane);
    }

    // ---------------------------------------------------------------- for the output

    /** As {@link #ready}, after a while: what it needed has failed. */
    void readyLater(PartitionLane lane) {
        Disposable unused = events.after(Backoff.OF_REQUESTS.max(), () -> ready(lane));
    }

    /** The lane may have something to emit. */
    void ready(PartitionLane lane) {
        if (!lane.ready && lane.isOpen() && lane.hasBuffered() && phase == Phase.RUNNING) {
            lane.ready = true;
            ready.add(lane);
        }
    }

    /** The lane whose turn it is; the output says {@link #served} when it has been. */
    @Nullable PartitionLane nextReady() {
        PartitionLane lane = ready.poll();
        while (lane != null) {
            lane.ready = false;
            if (lane.isOpen()) {
                return lane;
            }
            lane = ready.poll();
        }
        return null;
    }

    /** The lane is read no more, until that reason and all others are gone. */
    void pause(PartitionLane lane, PauseReason reason) {
        lane.pausedBy.add(reason);
    }

    /** That reason is gone. */
    void unpause(PartitionLane lane, PauseReason reason) {
        if (lane.pausedBy.remove(reason)) {
            ready(lane);
            fetcher.look(lane);
        }
    }

    /** Commits what may be committed now, then runs {@code then}; also where that has failed for good. */
    void commit(Runnable then) {
        source.commit(then);
    }

    /** The output has taken from the lane what it could. */
    void served(PartitionLane lane, boolean mayHaveMore) {
        if (meters != null) {
            meters.received(lane.takenSince());
        }
        if (mayHaveMore) {
            ready(lane);
        }
        fetcher.look(lane);
    }

    // ---------------------------------------------------------------- the end

    private void startDrain(Duration timeout) {
        if (phase != Phase.RUNNING) {
            return;
        }
        phase = Phase.DRAINING;
        fetcher.stop();
        ready.clear();
        for (PartitionLane lane : lanes.values()) {
            if (lane.state() != PartitionLane.State.PREPARING) {
                unstarted += lane.untakenOffsets();
                inFlightAtDrain += lane.window().unacknowledged();
                lane.clear();
                output.windDown(lane);
            }
        }
        Disposable unused = events.after(timeout, () -> {
            if (phase == Phase.DRAINING) {
                timedOut = true;
                close();
            }
        });
    }

    private void close() {
        phase = Phase.CLOSING;
        fetcher.stop();
        ready.clear();
        revoking.clear();
        for (PartitionLane lane : List.copyOf(lanes.values())) {
            if (lane.state() != PartitionLane.State.PREPARING) {
                lane.clear();
                output.abandon(lane);
                abandoned += lane.window().unacknowledged();
                lose(lane);
            }
        }
        Disposable unused = events.after(CLOSE_TIMEOUT, () -> {
            LOG.warn("{}: commit and leave took more than {} and are given up", options, CLOSE_TIMEOUT);
            finish();
        });
        source.close(this::finish);
    }

    private void finish() {
        if (phase == Phase.CLOSED) {
            return;
        }
        phase = Phase.CLOSED;
        Map<TopicPartition, Long> committed = lanes.values().stream()
                .filter(lane -> lane.committed >= 0)
                .collect(Collectors.toMap(PartitionLane::partition, lane -> lane.committed));
        long left = abandoned + inFlightLost;
        DrainReport report = new DrainReport(Math.max(0, inFlightAtDrain - left), left, unstarted, committed, timedOut);
        lanes.values().forEach(PartitionLane::end);
        lanes.clear();
        events.close();
        if (meters != null) {
            meters.close();
        }
        owner.ended(this);
        try {
            if (!cancelled) {
                output.terminate(failure);
            }
        } finally {
            ended.emitValue(report, Sinks.EmitFailureHandler.FAIL_FAST);
        }
    }

    private void publishAssignment() {
        if (assignmentChanged) {
            assignmentChanged = false;
            Set<TopicPartition> assigned = lanes.values().stream()
                    .filter(lane -> lane.state() != PartitionLane.State.REVOKING)
                    .map(PartitionLane::partition)
                    .collect(Collectors.toUnmodifiableSet());
            if (meters != null) {
                meters.rebalanced(assigned.size());
            }
            owner.assigned(this, assigned);
        }
    }
}
