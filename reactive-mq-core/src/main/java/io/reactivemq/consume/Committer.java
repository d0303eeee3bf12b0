package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.OffsetCommit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;

/**
 * Commits what is acknowledged: at every interval, and when somebody needs it done. One commit is under way at a time; who
 * comes meanwhile shares the next. Owned by the worker.
 */
final class Committer {

    private static final Logger LOG = LoggerFactory.getLogger(Committer.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final String group;
    private final ReceiverOptions<?, ?> options;
    private final Function<Map<TopicPartition, CommittedOffset>, @Nullable OffsetCommit> identity;
    private final PartitionSource.Assignee assignee;
    private final Consumer<Throwable> onFenced;

    private boolean underWay;
    // who waits for the commit under way, and who for the one after it
    private List<Runnable> waiting = new ArrayList<>();
    private List<Runnable> waitingForNext = new ArrayList<>();
    private int failures;

    /**
     * @param identity makes the commit of whoever it is that commits; null for one who can't now
     * @param onFenced the group does not know the member any more
     */
    Committer(
            EventLoop events,
            Broker broker,
            Caller caller,
            String group,
            ReceiverOptions<?, ?> options,
            Function<Map<TopicPartition, CommittedOffset>, @Nullable OffsetCommit> identity,
            PartitionSource.Assignee assignee,
            Consumer<Throwable> onFenced) {
        this.events = events;
        this.broker = broker;
        this.caller = caller;
        this.group = group;
        this.options = options;
        this.identity = identity;
        this.assignee = assignee;
        this.onFenced = onFenced;
    }

    void start() {
        Disposable unused = events.after(options.commitInterval(), this::tick);
    }

    boolean isUnderWay() {
        return underWay;
    }

    private void tick() {
        start();
        if (!underWay) {
            send();
        }
    }

    /** Commits all that is acknowledged now, then runs {@code then}. */
    void commit(Runnable then) {
        if (underWay) {
            waitingForNext.add(then);
        } else {
            waiting.add(then);
            send();
        }
    }

    /** What is committed of a lane; it counts for the lane only where that has not begun anew in the meantime. */
    private record Sent(PartitionLane lane, AckWindow window, CommittedOffset offset) {

        void isCommitted() {
            if (lane.window() == window) {
                lane.committed = offset.offset();
                lane.committedMetadata = offset.metadata();
            }
        }
    }

    private void send() {
        List<Sent> sent = new ArrayList<>();
        Map<TopicPartition, CommittedOffset> commits = new HashMap<>();
        for (PartitionLane lane : assignee.lanesToCommit()) {
            if (lane.state() == PartitionLane.State.PREPARING) {
                continue;
            }
            long offset = lane.committable();
            String metadata = lane.committableMetadata(offset);
            if (offset != lane.committed || !metadata.equals(lane.committedMetadata)) {
                CommittedOffset committed = new CommittedOffset(offset, lane.epochBefore(offset), metadata);
                sent.add(new Sent(lane, lane.window(), committed));
                commits.put(lane.partition(), committed);
            }
        }
        OffsetCommit commit = commits.isEmpty() ? null : identity.apply(commits);
        if (commit == null) {
            done();
            return;
        }
        underWay = true;
        Disposable unused = events.call(
                () -> broker.commitOffsets(caller, commit),
                options.requestTimeout(),
                refused -> {
                    if (!refused.isEmpty()) {
                        LOG.warn("group {}: offsets that can't be committed: {}", group, refused);
                    }
                    sent.stream()
                            .filter(one -> !refused.containsKey(one.lane().partition()))
                            .forEach(Sent::isCommitted);
                    failures = 0;
                    done();
                },
                this::failed);
    }

    private void done() {
        underWay = false;
        List<Runnable> served = waiting;
        waiting = waitingForNext;
        waitingForNext = new ArrayList<>();
        served.forEach(Runnable::run);
        if (!waiting.isEmpty() && !underWay) {
            send();
        }
    }

    private void failed(Throwable error) {
        ErrorCode code = error instanceof MqException mq ? mq.errorCode() : ErrorCode.UNKNOWN_SERVER_ERROR;
        if (code == ErrorCode.UNKNOWN_MEMBER_ID
                || code == ErrorCode.FENCED_MEMBER_EPOCH
                || code == ErrorCode.GROUP_ID_NOT_FOUND) {
            onFenced.accept(error);
            done();
        } else if (code == ErrorCode.STALE_MEMBER_EPOCH || Requests.isRetriable(error)) {
            // a stale epoch: the answer to the heartbeat under way brings the new one
            failures++;
            Duration wait = Backoff.OF_REQUESTS.after(failures);
            Requests.logRetry(LOG, "commit of group " + group, failures, wait, error);
            Disposable unused = events.after(wait, this::send);
        } else {
            assignee.fail(error);
            done();
        }
    }
}
