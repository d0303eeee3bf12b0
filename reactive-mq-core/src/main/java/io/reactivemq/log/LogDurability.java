package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.storage.StorageException;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How far a log is forced, and what of that is recorded beside it: the {@link LogCheckpoint}, which never runs ahead of the forces, and the {@link
 * LeaderEpochs}. Its lock is for the small files; one force of a segment at a time is made, beside the writer.
 */
final class LogDurability {

    private static final Logger LOGGER = LoggerFactory.getLogger(LogDurability.class);

    private final LogFiles files;
    private final LogSegments segments;
    private final LogFence fence;

    /** Guarded by this for writes. Invariant: forced.offset <= the log end offset. */
    private volatile LogEnd forced;

    /** As it is on file. Guarded by this. */
    private LogCheckpoint checkpoint;

    /** Of the closed segments, those that have aborted transactions. Guarded by this. */
    private List<TransactionIndex.State> closedTransactions;

    /**
     * Held for one force of a segment at a time. The system reports a lost page to one of two threads that force a file at once; the
     * other would go on as if nothing were wrong. The last lock to be taken.
     */
    private final Object forcing = new Object();

    LogDurability(LogFiles files, LogSegments segments, LogFence fence, LogRecovery.Opened opened) {
        this.files = files;
        this.segments = segments;
        this.fence = fence;
        this.forced = opened.end();
        this.checkpoint = opened.checkpoint();
        this.closedTransactions = opened.closedTransactions();
    }

    /** All below this offset survives a loss of power. */
    long offset() {
        return forced.offset();
    }

    synchronized LogCheckpoint checkpoint() {
        return checkpoint;
    }

    // --- forcing -------------------------------------------------------------------------------------------------

    /** Forces what is written, and records the recovery point where that many bytes lie behind it. */
    void force(int recoveryPointBytes) {
        LogEnd target = segments.end();
        if (target.offset() <= forced.offset()) {
            return;
        }
        if (!target.segment().tryLease()) {
            return; // rolled in the meantime, which forces
        }
        try {
            forceFile(target.segment());
        } finally {
            target.segment().release();
        }
        try {
            synchronized (this) {
                if (target.offset() > forced.offset()) {
                    forced = target;
                }
                if (bytesBehindRecoveryPoint() > recoveryPointBytes) {
                    writeRecoveryPoint();
                }
            }
        } catch (StorageException e) {
            if (e.operation().isForce()) {
                throw fence.raise("the checkpoint could not be forced", e);
            }
            // What was to be recorded is forced all the same; the next force records it.
            LOGGER.warn(
                    "{}: the recovery point could not be recorded",
                    target.segment().file().path(),
                    e);
        }
    }

    /** A failure fences before another force can begin. */
    void forceFile(Segment segment) {
        synchronized (forcing) {
            segments.checkOpen();
            fence.check();
            try {
                segment.file().force();
            } catch (StorageException e) {
                throw fence.raise("a force failed", e);
            }
        }
    }

    /** Guarded by this. */
    private long bytesBehindRecoveryPoint() {
        LogEnd at = forced;
        return at.segment().baseOffset() == checkpoint.segment()
                ? at.position() - (long) checkpoint.position()
                : Long.MAX_VALUE;
    }

    // --- recording -----------------------------------------------------------------------------------------------

    /**
     * Does what writes the small files, under the lock; a force among it that fails is final.
     *
     * @throws MqException KAFKA_STORAGE_ERROR if it fails
     */
    void record(Runnable writing) {
        try {
            synchronized (this) {
                writing.run();
            }
        } catch (StorageException e) {
            throw fence.raiseIfForce(e);
        }
    }

    /** The file says that the log is open, as it must before the first append. */
    void markOpen() {
        record(() -> {
            if (checkpoint.clean()) {
                write(checkpoint.withClean(false));
            }
        });
    }

    /** The epochs' file is written first: a crash between the two leaves a checkpoint that says so. */
    void beginEpoch(int epoch) {
        LeaderEpochs next = segments.epochs().with(epoch, segments.end().offset());
        record(() -> {
            files.write(next);
            write(checkpoint.withLeaderEpochs(epoch, LeaderEpochs.crcOf(next.encode())));
            segments.begin(next);
        });
    }

    /** The segment before that one is forced, and has got its last batch. */
    synchronized void rolled(LogEnd begin, TransactionIndex.State aborted) {
        forced = begin;
        if (aborted.entries() > 0) {
            closedTransactions = Stream.concat(closedTransactions.stream(), Stream.of(aborted))
                    .toList();
        }
    }

    void recordRecoveryPoint() {
        record(this::writeRecoveryPoint);
    }

    /** Makes an offset the first one, also after the log is opened again; the segments before that one are about to go. */
    void moveStart(long start, long firstBase) {
        record(() -> {
            closedTransactions = closedTransactions.stream()
                    .filter(state -> state.baseOffset() >= firstBase)
                    .toList();
            if (checkpoint.segment() < firstBase) {
                // Closed segments are forced, so the recovery point need not lie in one that goes.
                write(recoveryPoint(start));
            } else {
                write(checkpoint.withLogStartOffset(start));
            }
            segments.moveStart(start);
        });
    }

    /** Records of aborted transactions are gone with compaction, so there is nothing to leave out. */
    void forgetTransactions(List<Segment> sources) {
        Predicate<TransactionIndex.State> stays =
                state -> sources.stream().noneMatch(source -> source.baseOffset() == state.baseOffset());
        record(() -> {
            closedTransactions = closedTransactions.stream().filter(stays).toList();
            List<TransactionIndex.State> recorded = checkpoint.transactionIndexes();
            List<TransactionIndex.State> left = recorded.stream().filter(stays).toList();
            if (left.size() < recorded.size()) {
                write(checkpoint.withTransactionIndexes(left));
            }
        });
    }

    /** Whether nothing was written since the log was closed in good order. */
    boolean isClosedAt(LogEnd end) {
        LogCheckpoint recorded = checkpoint();
        return recorded.clean() && recorded.recoveryPoint() == end.offset();
    }

    /** Forces the rest, and records that the log was closed. */
    void recordCleanShutdown(LogEnd end) {
        record(() -> {
            if (end.segment().file().size() > end.position()) {
                end.segment().file().truncate(end.position());
            }
            forceFile(end.segment());
            forced = end;
            write(recoveryPoint(segments.startOffset()).withClean(true));
        });
    }

    /** Guarded by this. */
    private void writeRecoveryPoint() {
        write(recoveryPoint(segments.startOffset()));
    }

    /** Guarded by this. */
    private LogCheckpoint recoveryPoint(long startOffset) {
        LogEnd at = forced;
        List<TransactionIndex.State> transactions = closedTransactions;
        if (at.transactionEntries() > 0) {
            TransactionIndex.State active = at.segment().transactions().flush(at.transactionEntries());
            transactions =
                    Stream.concat(transactions.stream(), Stream.of(active)).toList();
        }
        GrowingIndex.State index = at.segment().flushIndex(at.offsetEntries(), at.timeEntries());
        return LogRecovery.checkpoint(at, startOffset, index, segments.epochs(), transactions);
    }

    /** Guarded by this. */
    private void write(LogCheckpoint next) {
        files.write(next);
        checkpoint = next;
    }
}
