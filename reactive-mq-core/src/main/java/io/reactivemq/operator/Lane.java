package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import reactor.core.Scannable;
import reactor.core.publisher.Flux;

/**
 * One partition of a {@link PartitionedFlux}: its elements in the order in which the source sent them. It has one subscriber at a time; one who
 * comes while there is another gets an {@link IllegalStateException}.
 *
 * <p><b>When a subscriber leaves</b>, nothing is lost: what waits goes to the next one. What the former subscriber was handed is its own.
 *
 * <p>The lane of a member of a {@link ConsumerGroup} is the same, with two differences: it is for one subscription, and it completes when it moves to
 * another member.
 */
public abstract class Lane<T> extends Flux<T> implements Scannable {

    private final TopicPartition partition;

    Lane(TopicPartition partition) {
        this.partition = partition;
    }

    /** The lane's index, from 0. ({@code Flux} has an {@code index} of its own.) */
    public final int number() {
        return partition.partition();
    }

    /** The lane's index and the name of the lanes. */
    public final TopicPartition partition() {
        return partition;
    }

    @Override
    public final String toString() {
        return partition.toString();
    }
}
