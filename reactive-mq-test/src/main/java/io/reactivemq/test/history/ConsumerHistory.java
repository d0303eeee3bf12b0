package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Operation.Acknowledge;
import io.reactivemq.test.history.Operation.Commit;
import io.reactivemq.test.history.Operation.Lookup;
import io.reactivemq.test.history.Operation.Poll;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a consumer writes down. Made by {@link History#consumer}; safe for many threads. */
public final class ConsumerHistory {

    private final History history;
    private final String client;
    private final @Nullable String group;
    private final IsolationLevel isolation;

    ConsumerHistory(History history, String client, @Nullable String group, IsolationLevel isolation) {
        this.history = history;
        this.client = Objects.requireNonNull(client, "client");
        this.group = group;
        this.isolation = Objects.requireNonNull(isolation, "isolation");
    }

    private String group() {
        if (group == null) {
            throw new IllegalStateException(client + " is not a member of a group");
        }
        return group;
    }

    /** The partition is the consumer's from now on; it begins to read it anew. */
    public void assigned(TopicPartition partition) {
        history.add(client, Phase.OK, new Operation.Assigned(group, partition));
    }

    /** The consumer goes on at another place of its own accord: the next record may be before or behind the last. */
    public void sought(TopicPartition partition) {
        history.add(client, Phase.OK, new Operation.Sought(group, partition));
    }

    /** The consumer got a record. */
    public void polled(TopicPartition partition, long offset, String value) {
        history.add(client, Phase.OK, new Poll(group, isolation, partition, offset, value));
    }

    /** The consumer is about to acknowledge a record, or to commit a transaction that does. */
    public void acknowledging(TopicPartition partition, long offset) {
        history.add(client, Phase.INVOKED, new Acknowledge(group(), partition, offset));
    }

    /** It was taken: the partition was still this consumer's. */
    public void acknowledged(TopicPartition partition, long offset) {
        history.add(client, Phase.OK, new Acknowledge(group(), partition, offset));
    }

    /** It came too late: the partition was not this consumer's any more. */
    public void acknowledgedTooLate(TopicPartition partition, long offset) {
        history.add(client, Phase.FAILED, new Acknowledge(group(), partition, offset));
    }

    /** The consumer is about to commit an offset, in the generation (member epoch) that it knows. */
    public void committing(int generation, TopicPartition partition, long offset) {
        history.add(client, Phase.INVOKED, new Commit(group(), generation, partition, offset));
    }

    /** It is committed. */
    public void committed(int generation, TopicPartition partition, long offset) {
        history.add(client, Phase.OK, new Commit(group(), generation, partition, offset));
    }

    /** It was refused. */
    public void commitFailed(int generation, TopicPartition partition, long offset) {
        history.add(client, Phase.FAILED, new Commit(group(), generation, partition, offset));
    }

    /** The consumer is about to look up what its group has committed. */
    public void lookingUp(TopicPartition partition) {
        history.add(client, Phase.INVOKED, new Lookup(group(), partition, -1));
    }

    /** What its group has committed of it: the offset of the next record; -1: nothing. */
    public void lookedUp(TopicPartition partition, long offset) {
        history.add(client, Phase.OK, new Lookup(group(), partition, offset));
    }

    /** Until it is assigned a partition again, others may have what was this consumer's, without its knowledge. */
    public void cutOff() {
        history.add(client, Phase.OK, new Operation.CutOff());
    }

    /** The consumer has read the whole partition, from its begin to its end, and nobody writes any more. */
    public void drained(TopicPartition partition) {
        history.add(client, Phase.OK, new Operation.Drained(isolation, partition));
    }
}
