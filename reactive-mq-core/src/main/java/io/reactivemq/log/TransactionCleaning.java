package io.reactivemq.log;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Which records of a log belong to aborted transactions, and which markers have nothing left to mark: asked of the batches in their
 * order, once for each. All transactions with records in them have ended.
 */
final class TransactionCleaning {

    /** Those whose first record is still to come, the first one first. */
    private final PriorityQueue<AbortedTransaction> toCome =
            new PriorityQueue<>(Comparator.comparingLong(AbortedTransaction::firstOffset));

    /** Those between their first record and their marker: by producer, whether a batch of it is there. */
    private final Map<Long, Boolean> aborted = new HashMap<>();

    /** Producers of other transactions, of which a batch is there and the marker is still to come. */
    private final Set<Long> committed = new HashSet<>();

    TransactionCleaning(List<AbortedTransaction> transactions) {
        toCome.addAll(transactions);
    }

    /** Whether a batch of data, within a transaction, is part of one that was aborted. */
    boolean isAborted(long producerId, long lastOffset) {
        moveTo(lastOffset);
        if (aborted.replace(producerId, true) != null) {
            return true;
        }
        committed.add(producerId);
        return false;
    }

    /** Whether no batch of the transaction that the marker ends was there. */
    boolean isMarkerOfNothing(long producerId, long offset) {
        moveTo(offset);
        Boolean seen = aborted.remove(producerId);
        return seen == null ? !committed.remove(producerId) : !seen;
    }

    private void moveTo(long offset) {
        for (AbortedTransaction next = toCome.peek();
                next != null && next.firstOffset() <= offset;
                next = toCome.peek()) {
            aborted.put(toCome.remove().producerId(), false);
        }
    }
}
