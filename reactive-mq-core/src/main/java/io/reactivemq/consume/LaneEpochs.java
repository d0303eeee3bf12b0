package io.reactivemq.consume;

import java.util.ArrayDeque;

/**
 * The leader epochs of what was fetched of a partition, so that an offset is committed with that of the record before it (KIP-320): whoever goes on there later can tell whether the
 * log still holds what was read. One entry for each change of the epoch, which comes with unclean openings alone. Owned by the worker.
 */
final class LaneEpochs {

    /** Unknown. */
    static final int NONE = -1;

    /** Records from that offset on, up to the next run, have the epoch. */
    private record Run(long from, int epoch) {}

    private final ArrayDeque<Run> runs = new ArrayDeque<>();

    /** Behind the last offset of which the epoch is known. */
    private long end;

    /** Begins anew at that offset, the record before which has the epoch. */
    void startAt(long offset, int epoch) {
        runs.clear();
        end = offset;
        if (epoch != NONE && offset > 0) {
            runs.add(new Run(offset - 1, epoch));
        }
    }

    /** A batch was fetched: its offsets are those from the last end on, what is missing in the log among them. */
    void add(int epoch, long next) {
        if (runs.isEmpty() || runs.getLast().epoch() != epoch) {
            runs.add(new Run(end, epoch));
        }
        end = next;
    }

    /** What was fetched from that offset on is let go of. */
    void cutTo(long offset) {
        while (!runs.isEmpty() && runs.getLast().from() >= offset) {
            runs.removeLast();
        }
        end = Math.min(end, offset);
    }

    /** The epoch of the record before that offset; forgets what is before it, since no lower offset is asked for. */
    int before(long offset) {
        if (offset > end) {
            return NONE;
        }
        Run found = null;
        while (!runs.isEmpty() && runs.getFirst().from() < offset) {
            found = runs.removeFirst();
        }
        if (found == null) {
            return NONE;
        }
        runs.addFirst(found);
        return found.epoch();
    }
}
