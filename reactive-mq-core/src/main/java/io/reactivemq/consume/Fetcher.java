package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.IsolationLevel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/**
 * Reads the lanes' partitions. A lane is hungry when little of it is buffered; under demand all that are hungry go into one
 * long poll. Several may be under way, each for lanes of its own, so that a lane that is assigned or read empty while the
 * others wait for news does not wait with them. Owned by the worker.
 *
 * <p>A lane asks for at most {@link #chunkBytes} when at most half of that is unopened, so that what all have together stays
 * below {@code fetchMaxBytes} and a batch a lane.
 */
final class Fetcher {

    /** What the loop gives and takes. */
    interface Lanes {
        /** How many there are. */
        int laneCount();

        /** Whether there is demand that the lane could meet. */
        boolean wants(PartitionLane lane);

        /** Something was buffered. */
        void buffered(PartitionLane lane);

        /** The log does not hold the lane's position: begin anew where the options say, then {@link Fetcher#resume}. */
        void reset(PartitionLane lane);

        /** No retry can help. */
        void fail(Throwable error);
    }

    private static final Logger LOG = LoggerFactory.getLogger(Fetcher.class);

    private static final int CHUNK_BYTES_MIN = 1 << 10;

    /** Taken before the next fetch when one came back empty long before its time; a broker that answers so would spin us. */
    private static final Duration EARLY_EMPTY_PAUSE = Duration.ofMillis(20);

    private final EventLoop events;
    private final Broker broker;
    private final MqRuntime runtime;
    private final Caller caller;
    private final ReceiverOptions<?, ?> options;
    private final Lanes lanes;

    private final ArrayDeque<PartitionLane> hungry = new ArrayDeque<>();
    private final Set<Disposable> underWay = new LinkedHashSet<>();

    Fetcher(EventLoop events, Broker broker, Caller caller, ReceiverOptions<?, ?> options, Lanes lanes) {
        this.events = events;
        this.broker = broker;
        this.runtime = broker.runtime();
        this.caller = caller;
        this.options = options;
        this.lanes = lanes;
    }

    /** The bound on one fetch of one partition, by how many share {@code fetchMaxBytes}. */
    private int chunkBytes() {
        int share = options.fetchMaxBytes() / (2 * Math.max(1, lanes.laneCount()));
        return Math.min(options.partitionFetchMaxBytes(), Math.max(CHUNK_BYTES_MIN, share));
    }

    /** The lane was read, or may be fetched again: takes note of it if it is hungry. */
    void look(PartitionLane lane) {
        if (!lane.hungry && isHungry(lane, chunkBytes())) {
            lane.hungry = true;
            hungry.add(lane);
        }
    }

    private static boolean isHungry(PartitionLane lane, int chunkBytes) {
        return lane.isOpen() && lane.fetching == null && !lane.paused && lane.unopenedBytes() <= chunkBytes / 2;
    }

    /** There is unmet demand: fetches for all that are hungry and could meet some of it. */
    void poll() {
        if (hungry.isEmpty()) {
            return;
        }
        List<PartitionLane> unwanted = new ArrayList<>();
        int chunkBytes = chunkBytes();
        List<PartitionLane> wanted = new ArrayList<>(hungry.size());
        List<FetchRequest.Partition> parts = new ArrayList<>(hungry.size());
        for (PartitionLane lane = hungry.poll(); lane != null; lane = hungry.poll()) {
            lane.hungry = false;
            if (!isHungry(lane, chunkBytes)) {
                continue;
            }
            if (!lanes.wants(lane)) {
                unwanted.add(lane);
                continue;
            }
            if (lane.outOfRange) {
                resetWhenEmpty(lane);
                continue;
            }
            wanted.add(lane);
            parts.add(new FetchRequest.Partition(lane.partition(), lane.fetchOffset(), chunkBytes));
        }
        for (PartitionLane lane : unwanted) {
            lane.hungry = true;
            hungry.add(lane);
        }
        if (!wanted.isEmpty()) {
            long maxBytes = Math.min(options.fetchMaxBytes(), (long) chunkBytes * wanted.size());
            send(wanted, new FetchRequest(parts, 1, (int) maxBytes, options.fetchMaxWait(), options.isolation()));
        }
    }

    private void send(List<PartitionLane> wanted, FetchRequest request) {
        Object ticket = new Object();
        wanted.forEach(lane -> lane.fetching = ticket);
        Disposable[] call = new Disposable[1];
        long sentAt = runtime.nanoTime();
        call[0] = events.call(
                () -> broker.fetch(caller, request),
                options.fetchMaxWait().plus(options.requestTimeout()),
                result -> {
                    underWay.remove(call[0]);
                    answered(wanted, ticket, result, Duration.ofNanos(runtime.nanoTime() - sentAt));
                },
                error -> {
                    underWay.remove(call[0]);
                    failed(wanted, ticket, error);
                });
        underWay.add(call[0]);
    }

    private void answered(List<PartitionLane> wanted, Object ticket, FetchResult result, Duration took) {
        if (result.partitions().size() != wanted.size()) {
            throw new IllegalStateException("a fetch of " + wanted.size() + " partitions was answered with "
                    + result.partitions().size());
        }
        boolean early = took.compareTo(options.fetchMaxWait().dividedBy(2)) < 0;
        boolean empty = result.partitions().stream()
                .allMatch(p -> p.error() == null && !p.records().hasRemaining());
        for (int i = 0; i < wanted.size(); i++) {
            PartitionLane lane = wanted.get(i);
            FetchResult.Partition part = result.partitions().get(i);
            if (lane.fetching != ticket) {
                // it goes on elsewhere
                continue;
            }
            lane.fetching = null;
            if (!lane.isActive()) {
                continue;
            }
            MqException error = part.error();
            if (error != null) {
                failed(lane, error);
                continue;
            }
            if (lane.failures > 0) {
                LOG.info("{}: fetching again after {} failures", lane.partition(), lane.failures);
                lane.failures = 0;
            }
            long before = lane.fetchOffset();
            lane.append(part.records(), view(part));
            if (lane.fetchOffset() > before) {
                lanes.buffered(lane);
            } else if (early && empty) {
                pause(lane, EARLY_EMPTY_PAUSE);
            }
            look(lane);
        }
    }

    private CommittedView view(FetchResult.Partition part) {
        return options.isolation() == IsolationLevel.READ_COMMITTED
                ? new CommittedView(part.abortedTransactions())
                : CommittedView.OF_EVERYTHING;
    }

    private void failed(List<PartitionLane> wanted, Object ticket, Throwable error) {
        for (PartitionLane lane : wanted) {
            boolean waitedFor = lane.fetching == ticket;
            lane.fetching = waitedFor ? null : lane.fetching;
            if (waitedFor && lane.isActive()) {
                failed(lane, error);
            }
        }
    }

    private void failed(PartitionLane lane, Throwable error) {
        if (error instanceof MqException mq && mq.errorCode() == ErrorCode.OFFSET_OUT_OF_RANGE) {
            lane.failures++;
            lane.outOfRange = true;
            LOG.warn(
                    "{}: position {} is outside the log; beginning anew where the options say: {}",
                    lane.partition(),
                    lane.fetchOffset(),
                    mq.getMessage());
            resetWhenEmpty(lane);
            return;
        }
        if (!Requests.isRetriable(error) || isDamage(error)) {
            lanes.fail(error);
            return;
        }
        lane.failures++;
        Duration wait = Backoff.OF_REQUESTS.after(lane.failures);
        Requests.logRetry(LOG, "fetch of " + lane.partition(), lane.failures, wait, error);
        pause(lane, wait);
    }

    /** The log is damaged at the position: a produce request may be sent again, a fetch finds the same. */
    private static boolean isDamage(Throwable error) {
        return error instanceof MqException mq && mq.errorCode() == ErrorCode.CORRUPT_MESSAGE;
    }

    /** What is still buffered is emitted first; the lane comes by here again when it has been. */
    private void resetWhenEmpty(PartitionLane lane) {
        if (lane.hasBuffered()) {
            return;
        }
        lane.paused = true;
        if (lane.failures <= 1) {
            lanes.reset(lane);
        } else {
            Disposable unused = events.after(Backoff.OF_REQUESTS.after(lane.failures), () -> lanes.reset(lane));
        }
    }

    private void pause(PartitionLane lane, Duration wait) {
        lane.paused = true;
        Disposable unused = events.after(wait, () -> resume(lane));
    }

    /** The lane may be fetched again. */
    void resume(PartitionLane lane) {
        lane.paused = false;
        look(lane);
    }

    /** Ends all that is under way; nothing more is fetched. */
    void stop() {
        underWay.forEach(Disposable::dispose);
        underWay.clear();
        hungry.clear();
    }
}
