package io.reactivemq.produce;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * An idempotent producer as one send uses it: the producer id, and for each partition the epoch and the sequence number that come next.
 * Belongs to the worker of the send that has it, and to no two sends at a time.
 *
 * <p>Where the fate of a batch is open when its send ends, the partition goes on with the next epoch and sequence number 0, as Kafka's
 * producer does (KIP-360). The log compares epochs partition by partition, so the others go on as they were.
 */
final class ProducerSession {

    private final ProducerIdAndEpoch producer;
    private final @Nullable String transactionalId;
    private final Map<TopicPartition, Position> positions = new HashMap<>();

    /** Whether something was built to be appended. Read by who ends the transaction. */
    private volatile boolean isUsed;

    /** Whether a partition has no epoch left. */
    private boolean isExhausted;

    /** @param transactionalId null: without transactions */
    ProducerSession(ProducerIdAndEpoch producer, @Nullable String transactionalId) {
        this.producer = producer;
        this.transactionalId = transactionalId;
    }

    ProducerIdAndEpoch producer() {
        return producer;
    }

    boolean isUsed() {
        return isUsed;
    }

    boolean isExhausted() {
        return isExhausted;
    }

    Position at(TopicPartition partition) {
        return positions.computeIfAbsent(partition, p -> new Position());
    }

    Mono<AppendResult> append(Broker broker, Caller caller, TopicPartition partition, ByteBuffer records, Acks acks) {
        return transactionalId == null
                ? broker.append(caller, partition, records, acks)
                : broker.append(
                        caller,
                        new TransactionalAppend(transactionalId, TransactionVersion.V2, partition, records, acks));
    }

    /** What comes next in one partition. */
    final class Position {
        private short epoch = producer.epoch();
        private int nextSequence;

        /** Builds the next batch. */
        ByteBuffer build(RecordBatchBuilder builder) {
            isUsed = true;
            int first = nextSequence;
            nextSequence = RecordBatch.sequenceAfter(first, builder.count());
            return builder.build(producer.producerId(), epoch, first, transactionalId != null);
        }

        /** Makes a batch the next one, which was built before the partition began anew. */
        void rebuild(ByteBuffer built) {
            RecordBatch batch = RecordBatch.at(built, built.position());
            batch.setProducer(producer.producerId(), epoch, nextSequence, transactionalId != null);
            nextSequence = RecordBatch.sequenceAfter(nextSequence, batch.count());
        }

        /** The last batch that was appended was refused: its sequence numbers go to the next. */
        void takeBack(ByteBuffer refused) {
            nextSequence = RecordBatch.at(refused, refused.position()).baseSequence();
        }

        /** Begins anew: nothing of the batches so far counts for those to come. False where only the broker could let it. */
        boolean beginAnew() {
            if (transactionalId != null || epoch == Short.MAX_VALUE) {
                isExhausted = true;
                return false;
            }
            epoch++;
            nextSequence = 0;
            return true;
        }
    }
}
