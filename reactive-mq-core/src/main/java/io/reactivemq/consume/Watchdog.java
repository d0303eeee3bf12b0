package io.reactivemq.consume;

import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.ReceiverMeters;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/**
 * Looks at intervals whether the lanes move: a lane owes progress while records of it are in work, or lie ready and nobody asks for them.
 * One that has not moved for {@code stallAfter} is reported, one that has not for {@code maxPollInterval} ends the membership. A lane of which nothing is in
 * work only waits for its turn while others move: a subscriber may take the lanes one after the other. Costs nothing between its looks. Owned by the
 * worker.
 */
final class Watchdog {

    private static final Logger LOG = LoggerFactory.getLogger(Watchdog.class);

    /** Looks in the time that it waits for. */
    private static final int LOOKS = 4;

    private final EventLoop events;
    private final MqRuntime runtime;
    private final ReceiverOptions<?, ?> options;
    private final Output output;
    private final Supplier<Collection<PartitionLane>> lanes;
    private final Runnable onStalled;

    /** When a lane was last seen to have moved, whichever. */
    private long anyMovedAt;

    Watchdog(
            EventLoop events,
            MqRuntime runtime,
            ReceiverOptions<?, ?> options,
            Output output,
            Supplier<Collection<PartitionLane>> lanes,
            Runnable onStalled) {
        this.events = events;
        this.runtime = runtime;
        this.options = options;
        this.output = output;
        this.lanes = lanes;
        this.onStalled = onStalled;
        this.anyMovedAt = runtime.nanoTime();
    }

    /** What was seen of a lane. Mutable, one a lane. */
    static final class Seen {
        private long position = -1;
        private long base = -1;
        private long unacknowledged = -1;
        private long baseAt;
        private long movedAt;
        private boolean owes;
        private boolean reported;
    }

    void start() {
        Duration shorter = options.stallAfter().compareTo(options.maxPollInterval()) < 0
                ? options.stallAfter()
                : options.maxPollInterval();
        Disposable unused = events.after(shorter.dividedBy(LOOKS), () -> {
            start();
            lookAtAll();
        });
    }

    private void lookAtAll() {
        List<PartitionLane> active =
                lanes.get().stream().filter(PartitionLane::isActive).toList();
        long now = runtime.nanoTime();
        // all of them first: whether one waits for its turn depends on the others
        active.forEach(lane -> look(lane, now));
        boolean leave = false;
        for (PartitionLane lane : active) {
            Seen seen = lane.seen;
            long still = standsStill(seen, now);
            boolean stalled = still >= options.stallAfter().toNanos();
            if (stalled && !seen.reported) {
                LOG.warn(
                        "{} does not move for {}: {} records are not acknowledged, the oldest at offset {}",
                        lane,
                        Duration.ofNanos(still),
                        seen.unacknowledged,
                        seen.base);
            }
            seen.reported = stalled;
            leave |= still >= options.maxPollInterval().toNanos();
        }
        if (leave) {
            onStalled.run();
        }
    }

    /** Tells how much is in flight, and for how long. */
    void tell(ReceiverMeters meters) {
        long now = runtime.nanoTime();
        long unacknowledged = 0;
        long oldestNanos = 0;
        for (PartitionLane lane : lanes.get()) {
            if (lane.state() != PartitionLane.State.PREPARING) {
                Seen seen = look(lane, now);
                if (seen.unacknowledged > 0) {
                    unacknowledged += seen.unacknowledged;
                    oldestNanos = Math.max(oldestNanos, now - seen.baseAt);
                }
            }
        }
        meters.now(unacknowledged, Duration.ofNanos(oldestNanos));
    }

    private Seen look(PartitionLane lane, long now) {
        Seen seen = lane.seen;
        long base = lane.window().advance();
        long unacknowledged = lane.window().unacknowledged();
        if (seen.base != base || seen.unacknowledged <= 0) {
            // where nothing was in flight, what is now has come since
            seen.baseAt = now;
        }
        if (seen.base != base || seen.position != lane.position() || seen.unacknowledged != unacknowledged) {
            seen.movedAt = now;
            anyMovedAt = now;
        }
        boolean owes = unacknowledged > 0 || (lane.isOpen() && lane.hasBuffered() && !output.wants(lane));
        if (owes && !seen.owes) {
            seen.movedAt = now;
        }
        seen.owes = owes;
        seen.base = base;
        seen.position = lane.position();
        seen.unacknowledged = unacknowledged;
        return seen;
    }

    /** For how long, in nanoseconds, a lane that was looked at owes progress and makes none; 0: it does not. */
    private long standsStill(Seen seen, long now) {
        if (!seen.owes) {
            return 0;
        }
        long since = seen.unacknowledged > 0 || anyMovedAt - seen.movedAt < 0 ? seen.movedAt : anyMovedAt;
        return now - since;
    }

    ReceiverHealth health() {
        long now = runtime.nanoTime();
        List<PartitionLane> prepared = lanes.get().stream()
                .filter(lane -> lane.state() != PartitionLane.State.PREPARING)
                .sorted(Comparator.comparing(PartitionLane::partition))
                .toList();
        prepared.forEach(lane -> look(lane, now));
        return new ReceiverHealth(
                prepared.stream().map(lane -> health(lane, now)).toList());
    }

    private ReceiverHealth.Partition health(PartitionLane lane, long now) {
        Seen seen = lane.seen;
        boolean inFlight = seen.unacknowledged > 0;
        Set<PauseReason> reasons = EnumSet.noneOf(PauseReason.class);
        reasons.addAll(lane.pausedBy);
        if (output.awaitsTransaction()) {
            reasons.add(PauseReason.TRANSACTION);
        } else if (!output.wants(lane) || !lane.window().hasRoom(lane.position())) {
            reasons.add(PauseReason.DEMAND);
        }
        LaneWork work = lane.work;
        return new ReceiverHealth.Partition(
                lane.partition(),
                lane.position(),
                lane.committed,
                seen.unacknowledged,
                inFlight ? seen.base : -1,
                inFlight ? Duration.ofNanos(now - seen.baseAt) : Duration.ZERO,
                standsStill(seen, now) >= options.stallAfter().toNanos(),
                reasons,
                work == null ? List.of() : work.stalledRecords(now, options.stallAfter()));
    }
}
