package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.produce.TransactionInput;
import java.util.List;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A batch that is consumed in a transaction. Its partition is not handed over before it is committed, or the wait for that is over;
 * then its offsets are not to be had any more, and the transaction is aborted.
 */
final class TransactionBatch<K, V> implements TransactionInput.Batch<ReceiverRecord<K, V>> {

    private final ReceiverBatch<K, V> batch;
    private final @Nullable ConsumeLoop loop;
    private final Mono<Void> lost;

    /**
     * On the worker, as it is emitted.
     *
     * @param loop the subscription; null where it has ended already
     */
    TransactionBatch(ReceiverBatch<K, V> batch, @Nullable ConsumeLoop loop) {
        this.batch = batch;
        this.loop = loop;
        this.lost = loop == null ? Mono.empty() : loop.lossOf(batch.topicPartition());
    }

    @Override
    public List<ReceiverRecord<K, V>> records() {
        return batch.records();
    }

    @Override
    public Mono<TransactionInput.Offsets> offsets() {
        ReceiverRecord<K, V> last = batch.records().get(batch.size() - 1);
        Mono<TransactionInput.Offsets> behind = loop == null ? Mono.empty() : loop.offsetsBehind(last);
        return behind.switchIfEmpty(Mono.create(sink -> sink.error(new MqException(
                ErrorCode.FENCED_MEMBER_EPOCH,
                batch + " is not this receiver's any more: it will be delivered again, here or elsewhere"))));
    }

    @Override
    public Mono<Void> lost() {
        return lost;
    }

    @Override
    public void committed() {
        boolean unused =
                batch.acknowledge(); // too late only where the partition goes, and it is committed all the same
    }

    @Override
    public String toString() {
        return batch.toString();
    }
}
