package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.OffsetCommit;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;

/**
 * A subscription as a member of its group: sends the heartbeats that {@link GroupMembership} decides on, when they are due,
 * and carries out what it says. Owned by the worker.
 */
final class GroupMember implements PartitionSource {

    private static final Logger LOG = LoggerFactory.getLogger(GroupMember.class);

    private final EventLoop events;
    private final Broker broker;
    private final Caller caller;
    private final String group;
    private final ReceiverOptions<?, ?> options;
    private final Assignee assignee;
    private final GroupMembership membership;
    private final Committer committer;

    private final Disposable.Swap timer = Disposables.swap();
    private @Nullable Disposable heartbeat;
    // heartbeats in a row that failed or were fenced
    private int failures;
    private boolean closing;
    // about to leave because nothing moved, or has left, and not joined again
    private boolean outside;
    // of that: has left
    private boolean hasLeft;
    // there is demand again, and it has not left yet
    private boolean isAskedAgain;

    GroupMember(
            EventLoop events,
            Broker broker,
            Caller caller,
            String group,
            Set<String> topics,
            ReceiverOptions<?, ?> options,
            Assignee assignee) {
        this.events = events;
        this.broker = broker;
        this.caller = caller;
        this.group = group;
        this.options = options;
        this.assignee = assignee;
        this.membership =
                new GroupMembership(group, newMemberId(broker.runtime().random()), topics, options.rebalanceTimeout());
        this.committer =
                new Committer(events, broker, caller, group, options, this::commitOf, assignee, this::commitFenced);
    }

    /** A random UUID, version 4. */
    private static String newMemberId(RandomGenerator random) {
        long high = (random.nextLong() & ~0xf000L) | 0x4000L;
        long low = (random.nextLong() & ~(3L << 62)) | 2L << 62;
        return new UUID(high, low).toString();
    }

    private @Nullable OffsetCommit commitOf(Map<TopicPartition, CommittedOffset> offsets) {
        return membership.state() == GroupMembership.State.MEMBER
                ? new OffsetCommit(group, membership.memberId(), membership.epoch(), offsets)
                : null;
    }

    @Override
    public void start() {
        committer.start();
        Pattern pattern = options.topicPattern();
        if (pattern == null) {
            send();
        } else {
            new PatternTopics(events, broker, caller, pattern, options, this::subscribe, assignee::fail).look();
        }
    }

    private void subscribe(Set<String> topics) {
        membership.subscribe(topics);
        if (!closing && !outside) {
            sendNews();
        }
    }

    private void send() {
        timer.update(Disposables.disposed());
        if (membership.isForNothing()) {
            // a pattern that no topic is like any more: the first that comes brings us back here
            failures = 0;
            return;
        }
        GroupHeartbeat next = signed(membership.next());
        heartbeat = events.call(
                () -> broker.heartbeat(caller, next), options.requestTimeout(), this::answered, this::failed);
    }

    private GroupHeartbeat signed(GroupHeartbeat heartbeat) {
        String instance = options.instanceId();
        return instance == null ? heartbeat : heartbeat.withInstanceId(instance);
    }

    /** Sends the news there is, if any, and nothing is under way that will bring us back here. */
    private void sendNews() {
        if (heartbeat == null && failures == 0 && membership.hasNews()) {
            send();
        }
    }

    private void answered(GroupHeartbeatResult answer) {
        heartbeat = null;
        failures = 0;
        GroupMembership.Change change = membership.answered(answer);
        if (closing) {
            return;
        }
        apply(change);
        if (membership.hasNews()) {
            send();
        } else {
            timer.update(events.after(answer.heartbeatInterval(), this::send));
        }
    }

    private void apply(GroupMembership.Change change) {
        if (!change.revoked().isEmpty()) {
            LOG.info("{} releases {}", membership, change.revoked());
            assignee.revoke(change.revoked());
        }
        if (!change.assigned().isEmpty()) {
            LOG.info("{} takes {}", membership, change.assigned());
            assignee.assign(change.assigned());
        }
    }

    private void failed(Throwable error) {
        heartbeat = null;
        if (closing) {
            LOG.debug("{} leaves, its last heartbeat failed: {}", membership, error.toString());
        } else if (isFenced(error)) {
            fenced(error);
        } else if (Requests.isRetriable(error)) {
            membership.failed();
            sendAfterFailure("heartbeat of member " + membership.memberId(), error);
        } else {
            assignee.fail(error);
        }
    }

    private static boolean isFenced(Throwable error) {
        return error instanceof MqException mq
                && (mq.errorCode() == ErrorCode.UNKNOWN_MEMBER_ID || mq.errorCode() == ErrorCode.FENCED_MEMBER_EPOCH);
    }

    /** A commit told us what the heartbeat under way has still to say; its answer would be that of a former life. */
    private void commitFenced(Throwable error) {
        if (closing || membership.state() != GroupMembership.State.MEMBER) {
            return;
        }
        if (heartbeat != null) {
            heartbeat.dispose();
            heartbeat = null;
        }
        fenced(error);
    }

    private void fenced(Throwable error) {
        LOG.warn(
                "{} is no longer in its group, gives up its partitions and joins anew: {}",
                membership,
                error.toString());
        // it was about to leave: now there is nothing to leave, and it joins as any that is fenced
        outside = false;
        membership.fenced();
        assignee.loseAll();
        if (failures == 0) {
            failures = 1;
            send();
        } else {
            sendAfterFailure("joining as member " + membership.memberId(), error);
        }
    }

    private void sendAfterFailure(String what, Throwable error) {
        failures++;
        Duration wait = Backoff.OF_REQUESTS.after(failures);
        Requests.logRetry(LOG, what, failures, wait, error);
        timer.update(events.after(wait, this::send));
    }

    /** Leaves, so that the partitions go to others, and joins anew when it is asked again or as much time has passed once more. */
    @Override
    public void stalled() {
        if (closing || outside || membership.state() != GroupMembership.State.MEMBER) {
            return;
        }
        LOG.warn("{} leaves its group: nothing has moved for {}", membership, options.maxPollInterval());
        outside = true;
        hasLeft = false;
        isAskedAgain = false;
        committer.commit(this::leaveForAWhile);
    }

    private void leaveForAWhile() {
        if (closing || !outside) {
            return;
        }
        hasLeft = true;
        if (heartbeat != null) {
            heartbeat.dispose();
            heartbeat = null;
        }
        // for good, so that a static member's partitions move, too
        GroupHeartbeat leave = signed(GroupHeartbeat.leave(group, membership.memberId()));
        Disposable unused = events.call(
                () -> broker.heartbeat(caller, leave),
                options.requestTimeout(),
                answer -> {},
                error -> LOG.debug("{} could not say good-bye: {}", membership, error.toString()));
        membership.fenced();
        assignee.loseAll();
        if (isAskedAgain) {
            joinAgain();
        } else {
            timer.update(events.after(options.maxPollInterval(), this::joinAgain));
        }
    }

    @Override
    public void askedAgain() {
        if (hasLeft) {
            joinAgain();
        } else {
            isAskedAgain = true;
        }
    }

    private void joinAgain() {
        if (outside && !closing) {
            outside = false;
            send();
        }
    }

    @Override
    public void commit(Runnable then) {
        committer.commit(then);
    }

    @Override
    public boolean isCommitting() {
        return committer.isUnderWay();
    }

    @Override
    public @Nullable Membership membership() {
        return membership.state() == GroupMembership.State.MEMBER
                ? new Membership(membership.groupId(), membership.memberId(), membership.epoch())
                : null;
    }

    @Override
    public void released(TopicPartition partition) {
        GroupMembership.Change change = membership.released(partition);
        apply(change);
        sendNews();
    }

    @Override
    public void close(Runnable then) {
        closing = true;
        timer.dispose();
        // the heartbeat under way goes on: its answer may bring the epoch without which the commit is refused
        committer.commit(() -> leave(then));
    }

    private void leave(Runnable then) {
        if (heartbeat != null) {
            heartbeat.dispose();
        }
        membership.leaving();
        GroupHeartbeat leave = signed(membership.next());
        if (leave.instanceId() != null) {
            leave = leave.withEpoch(GroupHeartbeat.LEAVE_FOR_A_WHILE);
        }
        sendGoodBye(leave, then);
    }

    private void sendGoodBye(GroupHeartbeat leave, Runnable then) {
        heartbeat = events.call(
                () -> broker.heartbeat(caller, leave), options.requestTimeout(), answer -> then.run(), error -> {
                    LOG.debug("{} could not say good-bye: {}", membership, error.toString());
                    then.run();
                });
    }
}
