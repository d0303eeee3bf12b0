package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.OffsetCommit;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The partitions that the options name. With a group, what is acknowledged is committed under its name, as somebody from outside: the
 * broker takes that only while the group has no members.
 */
final class HandAssigned implements PartitionSource {

    private final Assignee assignee;
    private final Set<TopicPartition> partitions;
    private final @Nullable Membership nobody;
    private final @Nullable Committer committer;

    HandAssigned(
            EventLoop events,
            Broker broker,
            Caller caller,
            @Nullable String group,
            ReceiverOptions<?, ?> options,
            Assignee assignee) {
        this.assignee = assignee;
        this.partitions = options.partitions();
        this.nobody = group == null ? null : new Membership(group, "", -1);
        this.committer = group == null
                ? null
                : new Committer(
                        events,
                        broker,
                        caller,
                        group,
                        options,
                        offsets -> OffsetCommit.admin(group, offsets),
                        assignee,
                        assignee::fail);
    }

    @Override
    public void start() {
        assignee.assign(partitions.stream().sorted().toList());
        if (committer != null) {
            committer.start();
        }
    }

    @Override
    public boolean isCommitting() {
        return committer != null && committer.isUnderWay();
    }

    /** The group's, as no member of it: there is none to be fenced. */
    @Override
    public @Nullable Membership membership() {
        return nobody;
    }

    @Override
    public void commit(Runnable then) {
        if (committer == null) {
            then.run();
        } else {
            committer.commit(then);
        }
    }

    @Override
    public void released(TopicPartition partition) {
        throw new IllegalStateException("nobody revokes " + partition + ", which was assigned by hand");
    }

    @Override
    public void close(Runnable then) {
        commit(then);
    }
}
