package io.reactivemq.consume;

import io.reactivemq.broker.FetchResult.AbortedTransaction;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;

/**
 * Which batches of one fetch's answer a reader of committed records sees: not those of aborted transactions, each of which lasts from
 * its first offset to its producer's next control batch. Asked for every batch, in order.
 */
final class CommittedView {

    /** Hides nothing. */
    static final CommittedView OF_EVERYTHING = new CommittedView(List.of());

    private final Queue<AbortedTransaction> toCome;
    private final Set<Long> aborting = new HashSet<>();

    CommittedView(List<AbortedTransaction> aborted) {
        this.toCome = new ArrayDeque<>(aborted.stream()
                .sorted(Comparator.comparingLong(AbortedTransaction::firstOffset))
                .toList());
    }

    /** Whether the batch's records are shown, as far as transactions are concerned. */
    boolean shows(RecordBatch batch) {
        for (AbortedTransaction next = toCome.peek();
                next != null && next.firstOffset() <= batch.lastOffset();
                next = toCome.peek()) {
            aborting.add(next.producerId());
            toCome.remove();
        }
        if (aborting.isEmpty() || !batch.isTransactional()) {
            return true;
        }
        if (batch.isControl()) {
            if (TransactionMarker.of(batch, "").outcome() == TransactionMarker.Outcome.ABORT) {
                aborting.remove(batch.producerId());
            }
            return false;
        }
        return !aborting.contains(batch.producerId());
    }
}
