package io.reactivemq.broker;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;

/**
 * Says of a fetch that records may be lent to it instead of copied, and keeps account of them: whatever becomes of the answer, also where it never comes or
 * is dropped on its way, closing this gives back what was lent, and what is lent later at once.
 *
 * <p>For one fetch. While it is open the files are kept, beyond what retention says, so it is closed once the answer has been sent. Thread-safe.
 */
public final class FetchLease implements Closeable {

    /** Guarded by this. */
    private final List<LentRecords> lent = new ArrayList<>();

    /** Guarded by this. */
    private boolean closed;

    /** The broker's: hands records to whoever closes this. */
    public void lend(LentRecords records) {
        synchronized (this) {
            if (!closed) {
                lent.add(records);
                return;
            }
        }
        records.close();
    }

    /** Idempotent. */
    @Override
    public void close() {
        List<LentRecords> back;
        synchronized (this) {
            closed = true;
            back = List.copyOf(lent);
            lent.clear();
        }
        back.forEach(LentRecords::close);
    }
}
