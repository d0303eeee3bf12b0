package io.reactivemq.transaction;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import reactor.core.publisher.Mono;

/** What transactions write to: the partitions of the broker and the offsets of its groups. */
public interface TransactionTargets {

    /** Where the offsets of a group are. */
    TopicPartition offsetsOf(String groupId);

    /** Whether there is such a partition that clients write to. */
    boolean exists(TopicPartition partition);

    /** Appends a batch of a producer. */
    Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks);

    /** Hands in offsets that count if and when the transaction is committed. */
    Mono<Void> commitOffsets(TransactionalOffsetCommit commit);

    /** Whether what a commit decides on is forced before. */
    boolean forces();

    /** Sees to it that nothing that was appended can be lost any more. Does nothing for a partition that is gone. */
    Mono<Void> force(TopicPartition partition);

    /** Ends the producer's transaction in that partition. Does nothing for a partition that is gone. */
    Mono<Void> end(TopicPartition partition, ProducerIdAndEpoch producer, TransactionMarker marker);
}
