package io.reactivemq.test.contract;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.AppendResult;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EndTransaction;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionResult;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.broker.TransactionalAppend;
import io.reactivemq.broker.TransactionalOffsetCommit;
import io.reactivemq.record.RecordBatch;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import reactor.core.publisher.Mono;

/** A transactional producer that makes its requests by hand. */
final class RawProducer {

    final String transactionalId;
    final TransactionVersion version;
    private final Map<TopicPartition, Integer> sequences = new HashMap<>();
    private ProducerIdAndEpoch producer;

    RawProducer(String transactionalId, TransactionVersion version, ProducerIdAndEpoch producer) {
        this.transactionalId = transactionalId;
        this.version = version;
        this.producer = producer;
    }

    ProducerIdAndEpoch producer() {
        return producer;
    }

    /** What it is from now on; sequence numbers begin anew with an epoch. */
    void become(ProducerIdAndEpoch next) {
        if (!next.equals(producer)) {
            sequences.clear();
        }
        producer = next;
    }

    Mono<AppendResult> append(Broker broker, TopicPartition partition, String... values) {
        return Mono.defer(() -> {
            ByteBuffer batch = StoredRecord.values(values);
            int sequence = sequences.getOrDefault(partition, 0);
            RecordBatch.at(batch, batch.position())
                    .setProducer(producer.producerId(), producer.epoch(), sequence, true);
            return broker.append(
                            EngineContract.CALLER,
                            new TransactionalAppend(transactionalId, version, partition, batch, Acks.ALL))
                    .doOnSuccess(done -> sequences.put(partition, sequence + values.length));
        });
    }

    Mono<Void> commitOffset(Broker broker, String groupId, TopicPartition partition, long offset) {
        return commitOffset(broker, groupId, "", -1, partition, offset);
    }

    Mono<Void> commitOffset(
            Broker broker, String groupId, String memberId, int memberEpoch, TopicPartition partition, long offset) {
        return Mono.defer(() -> broker.commitOffsets(
                EngineContract.CALLER,
                new TransactionalOffsetCommit(
                        transactionalId,
                        producer,
                        version,
                        groupId,
                        memberId,
                        memberEpoch,
                        null,
                        Map.of(partition, CommittedOffset.of(offset)))));
    }

    /** Asks for the end and takes over what the producer is then. */
    Mono<ProducerIdAndEpoch> end(Broker broker, TransactionResult result) {
        return Mono.defer(() -> endAs(broker, producer, result)).doOnNext(this::become);
    }

    Mono<ProducerIdAndEpoch> endAs(Broker broker, ProducerIdAndEpoch as, TransactionResult result) {
        return broker.endTransaction(EngineContract.CALLER, new EndTransaction(transactionalId, as, version, result));
    }
}
