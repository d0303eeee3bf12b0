package io.reactivemq.transaction;

import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.record.TransactionMarker;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** What transactions write to: the partitions of the broker and the offsets of its groups. */
public interface TransactionTargets {

    /** Where the offsets of a group are. */
    TopicPartition offsetsOf(String groupId);

    /** Why clients can't write to such a partition: there is none, or it is offline. Null: they can. */
    @Nullable MqException refusal(TopicPartition partition);

    /** Appends a batch of a producer. */
    Mono<AppendResult> append(Caller caller, TopicPartition partition, ByteBuffer records, Acks acks);

    /** Hands in offsets that count if and when the transaction is committed. */
    Mono<Void> commitOffsets(TransactionalOffsetCommit commit);

    /** Whether what a commit decides on is forced before. */
    boolean forces();

    /** Sees to it that nothing that was appended can be lost any more. Does nothing for a partition that is gone; one that is offline is an error. */
    Mono<Void> force(TopicPartition partition);

    /** Ends the producer's transaction in that partition. Does nothing for a partition that is gone; for one that is offline it is to be tried again. */
    Mono<Void> end(TopicPartition partition, ProducerIdAndEpoch producer, TransactionMarker marker);
}
