package io.reactivemq.topic;

import org.jspecify.annotations.Nullable;

/**
 * What an io thread does from the waking on, or one that has leave to use {@linkplain io.reactivemq.QuickFiles quick files}: it writes to a partition, and
 * then to the one that the answers to those appends have given something to write. A transaction's end is such a chain, of decision, marker and completion;
 * waking a thread for each of them took longer than the writing.
 *
 * <p>One partition waits for the thread at most, and only until the writer has something else to do: then another thread is woken for it.
 */
final class WriterTurn {

    private static final ThreadLocal<@Nullable WriterTurn> CURRENT = new ThreadLocal<>();

    private @Nullable Partition next;

    private WriterTurn() {}

    /**
     * Writes to the partition, on the calling thread.
     *
     * @param onIo whether that is a thread of io's, which may wait
     */
    static void begin(Partition first, boolean onIo) {
        WriterTurn turn = new WriterTurn();
        CURRENT.set(turn);
        try {
            Partition partition = first;
            while (partition != null) {
                partition.drain(onIo);
                partition = turn.next;
                turn.next = null;
            }
        } finally {
            CURRENT.remove();
            turn.passOnNext();
        }
    }

    /** Whether the calling thread writes, and so can begin no turn. */
    static boolean isUnderWay() {
        return CURRENT.get() != null;
    }

    /** Whether the calling thread goes on with the partition. False on a thread that does not write. */
    static boolean goesOnWith(Partition partition) {
        WriterTurn turn = CURRENT.get();
        if (turn == null || turn.next != null) {
            return false;
        }
        turn.next = partition;
        return true;
    }

    /** The calling thread has something else to do first. */
    static void passOn() {
        WriterTurn turn = CURRENT.get();
        if (turn != null) {
            turn.passOnNext();
        }
    }

    private void passOnNext() {
        Partition partition = next;
        if (partition != null) {
            next = null;
            partition.wakeWriter();
        }
    }
}
