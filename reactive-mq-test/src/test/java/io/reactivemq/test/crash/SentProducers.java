package io.reactivemq.test.crash;

import io.reactivemq.log.AbortedTransaction;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.TransactionMarker;
import io.reactivemq.record.TransactionMarker.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What batches, one after the other, say of their producers: a plain account. */
final class SentProducers {

    private final Map<Long, SentBatch> last = new TreeMap<>();
    private final Map<Long, Long> open = new TreeMap<>();
    private final List<AbortedTransaction> aborted = new ArrayList<>();

    SentProducers(List<SentBatch> batches) {
        for (SentBatch batch : batches) {
            RecordBatch header = batch.header();
            long id = header.producerId();
            if (id < 0) {
                continue;
            }
            if (!header.isControl()) {
                last.put(id, batch);
                if (header.isTransactional()) {
                    open.putIfAbsent(id, batch.baseOffset());
                }
                continue;
            }
            Long first = open.remove(id);
            if (first != null && TransactionMarker.of(header, "sent").outcome() == Outcome.ABORT) {
                long stable = open.values().stream().min(Long::compare).orElse(batch.baseOffset() + 1);
                aborted.add(new AbortedTransaction(id, first, batch.baseOffset(), stable));
            }
        }
    }

    /** The last batch of a producer's data; null: none. */
    @Nullable SentBatch lastOf(long id) {
        return last.get(id);
    }

    int nextSequence(long id) {
        SentBatch batch = last.get(id);
        return batch == null
                ? 0
                : batch.header().baseSequence() + batch.header().count();
    }

    boolean isOpen(long id) {
        return open.containsKey(id);
    }

    /** {@link Long#MAX_VALUE}: no transaction is open. */
    long firstUnstableOffset(long start) {
        return open.values().stream()
                .min(Long::compare)
                .map(first -> Math.max(first, start))
                .orElse(Long.MAX_VALUE);
    }

    List<AbortedTransaction> aborted(long from, long to) {
        return aborted.stream()
                .filter(each -> each.lastOffset() >= from && each.firstOffset() < to)
                .toList();
    }
}
