package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;

/**
 * The segments of a log as readers find them, without locks: each reads the segments there are at a moment, and takes a lease of the one it
 * is at. One that it can't lease any more has been deleted, or was the active one and has been replaced by its closed self: then it
 * looks again.
 *
 * <p>Written by the log's writer.
 */
final class LogSegments {

    private final TopicPartition partition;

    /** Replaced as a whole. Invariant: at least one, in the order of their base offsets; the last is the active one. */
    private volatile Segment[] segments;

    /** Written when bytes, index and size are in place. */
    private volatile LogEnd end;

    private volatile LeaderEpochs epochs;

    /** Invariant: startOffset <= end.offset. */
    private volatile long startOffset;

    private volatile boolean closed;

    /** Those that readers were at when they left the log, until their files are gone. The writer's; at most as many as readers hold leases. */
    private final List<Segment> retired = new ArrayList<>();

    LogSegments(TopicPartition partition, List<Segment> segments, LogEnd end, LeaderEpochs epochs, long startOffset) {
        this.partition = partition;
        this.segments = segments.toArray(Segment[]::new);
        this.end = end;
        this.epochs = epochs;
        this.startOffset = startOffset;
    }

    Segment[] all() {
        return segments;
    }

    void replaceAll(Segment[] next) {
        segments = next;
    }

    LogEnd end() {
        return end;
    }

    void moveEnd(LogEnd next) {
        end = next;
    }

    LeaderEpochs epochs() {
        return epochs;
    }

    void begin(LeaderEpochs next) {
        epochs = next;
    }

    long startOffset() {
        return startOffset;
    }

    void moveStart(long offset) {
        startOffset = offset;
    }

    boolean isClosed() {
        return closed;
    }

    /** A segment that is no longer part of the log goes, with its files, once its readers have. */
    void retire(Segment segment) {
        retired.removeIf(Segment::isDisposed);
        segment.releaseAndDelete();
        if (!segment.isDisposed()) {
            retired.add(segment);
        }
    }

    void close() {
        closed = true;
        retired.forEach(Segment::keepFiles);
        for (Segment segment : segments) {
            segment.release();
        }
    }

    void checkOpen() {
        if (closed) {
            throw new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "the log of " + partition + " is closed");
        }
    }

    long sizeInBytes() {
        long bytes = 0;
        for (Segment segment : segments) {
            bytes += segment.size();
        }
        return bytes;
    }

    List<SegmentInfo> infos() {
        Segment[] now = segments;
        LogEnd endNow = end;
        List<SegmentInfo> infos = new ArrayList<>(now.length);
        for (int i = 0; i < now.length; i++) {
            boolean active = i == now.length - 1;
            long next = active ? Math.max(endNow.offset(), now[i].baseOffset()) : now[i + 1].baseOffset();
            infos.add(new SegmentInfo(now[i].baseOffset(), next, now[i].size(), active));
        }
        return infos;
    }

    /**
     * See {@link PartitionLog#read}.
     *
     * @param checkCrcs whether the checksum of each batch is compared
     */
    ByteBuffer read(long offset, int maxBytes, long endOffset, boolean checkCrcs) {
        return at(offset, endOffset, () -> ByteBuffer.allocate(0), (segment, readEnd) -> {
            ByteBuffer records = segment.read(offset, maxBytes, readEnd);
            if (checkCrcs) {
                // Where nothing is whole before the end, it must be so, and not because a bit of a batch's length is
                // wrong.
                segment.checkCrcs(records.hasRemaining() ? records : segment.read(offset, 1, Long.MAX_VALUE));
            }
            return records;
        });
    }

    /** Reads from the segment that holds the offset, which is leased for it. */
    private <T> T at(long offset, long endOffset, Supplier<T> nothing, SegmentRead<T> read) {
        while (true) {
            checkOpen(); // a segment may have a reader's lease that was taken before
            long logEndOffset = end.offset();
            if (offset < startOffset || offset > logEndOffset) {
                throw outOfRange(offset, logEndOffset);
            }
            long readEnd = Math.min(endOffset, logEndOffset);
            if (offset >= readEnd) {
                return nothing.get();
            }
            Segment[] now = segments;
            int i = floor(now, offset);
            if (i < 0 || !now[i].tryLease()) {
                continue;
            }
            try {
                return read.from(now[i], readEnd);
            } finally {
                now[i].release();
            }
        }
    }

    /** Of one segment, up to an offset. */
    private interface SegmentRead<T> {
        T from(Segment segment, long endOffset);
    }

    /** See {@link PartitionLog#region}. */
    LogRegion region(long offset, int maxBytes, long endOffset) {
        return at(offset, endOffset, LogRegion::empty, (segment, end) -> segment.region(offset, maxBytes, end));
    }

    /**
     * See {@link PartitionLog#readCommitted}. A compaction between the two reads would take the transactions away whose records were read, so they
     * are of the same segments.
     */
    CommittedRead readCommitted(long offset, int maxBytes, long endOffset, boolean checkCrcs) {
        while (true) {
            Segment[] before = segments;
            ByteBuffer records = read(offset, maxBytes, endOffset, checkCrcs);
            long to = offset;
            for (RecordBatch batch : RecordBatches.of(records)) {
                to = batch.nextOffset();
            }
            List<AbortedTransaction> aborted = to == offset ? List.of() : abortedTransactions(offset, to);
            if (segments == before) {
                return new CommittedRead(records, aborted);
            }
        }
    }

    /** See {@link PartitionLog#committedRegion}; as with {@link #readCommitted} both are of the same segments. */
    CommittedRegion committedRegion(long offset, int maxBytes, long endOffset) {
        while (true) {
            Segment[] before = segments;
            LogRegion region = region(offset, maxBytes, endOffset);
            boolean done = false;
            try {
                List<AbortedTransaction> aborted =
                        region.count() == 0 ? List.of() : abortedTransactions(offset, region.nextOffset());
                if (segments == before) {
                    done = true;
                    return new CommittedRegion(region, aborted);
                }
            } finally {
                if (!done) {
                    region.close();
                }
            }
        }
    }

    /** See {@link PartitionLog#abortedTransactions}. */
    List<AbortedTransaction> abortedTransactions(long from, long to) {
        while (true) {
            List<AbortedTransaction> found = new ArrayList<>();
            Segment[] now = segments;
            int i = Math.max(0, floor(now, from));
            boolean complete = false;
            while (i < now.length && !complete && now[i].tryLease()) {
                try {
                    complete = now[i].transactions().collect(from, to, found);
                } finally {
                    now[i].release();
                }
                i++;
            }
            if (complete || i == now.length) {
                return found;
            }
            checkOpen();
        }
    }

    /** See {@link PartitionLog#offsetForTimestamp}. */
    long offsetForTimestamp(long timestampMs, long endOffset) {
        long from = startOffset;
        long to = Math.min(endOffset, end.offset());
        while (from < to) {
            Segment[] now = segments;
            int i = Math.max(0, floor(now, from));
            if (!now[i].tryLease()) {
                checkOpen();
                from = Math.max(from, startOffset);
                continue;
            }
            try {
                long found = now[i].offsetForTimestamp(timestampMs, from);
                if (found >= 0) {
                    return found < to ? found : -1;
                }
            } finally {
                now[i].release();
            }
            if (i == now.length - 1) {
                return -1;
            }
            from = now[i + 1].baseOffset();
        }
        return -1;
    }

    /** Asks the segment with that base offset; the answer for one that is gone is -1. */
    long ask(long baseOffset, ToLongFunction<Segment> question) {
        while (true) {
            Segment[] now = segments;
            int i = floor(now, baseOffset);
            if (i < 0 || now[i].baseOffset() != baseOffset) {
                return -1;
            }
            if (now[i].tryLease()) {
                try {
                    return question.applyAsLong(now[i]);
                } finally {
                    now[i].release();
                }
            }
            checkOpen();
        }
    }

    /** See {@link PartitionLog#verify}. */
    void verify() {
        LogEnd to = end;
        Segment[] now = segments;
        for (int i = 0; i < now.length; i++) {
            Segment segment = now[i];
            boolean last = segment.baseOffset() == to.segment().baseOffset();
            if (!segment.tryLease()) {
                checkOpen();
                continue; // deleted in the meantime
            }
            try {
                long next = last ? to.offset() : now[i + 1].baseOffset();
                verify(segment, last ? to.position() : segment.size(), next);
                segment.isWhole();
            } finally {
                segment.release();
            }
            if (last) {
                return;
            }
        }
    }

    private void verify(Segment segment, int size, long nextOffset) {
        TailScan scan = new TailScan(segment.file(), 0, size, segment.baseOffset(), epochs, true);
        while (scan.next()) {
            // until the end or the first batch that does not count
        }
        TailScan.Flaw flaw = scan.flaw();
        if (flaw != null) {
            throw LogDamage.of(segment.file().path(), scan.position(), flaw.field(), flaw.expected(), flaw.actual());
        }
        if (scan.nextOffset() != nextOffset) {
            throw LogDamage.of(
                    segment.file().path(), scan.position(), "offset behind the segment", nextOffset, scan.nextOffset());
        }
    }

    /** The last segment whose base offset is at or below the offset; -1: none. */
    static int floor(Segment[] segments, long offset) {
        int low = 0;
        int high = segments.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (segments[middle].baseOffset() <= offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    private MqException outOfRange(long offset, long logEndOffset) {
        return new MqException(
                ErrorCode.OFFSET_OUT_OF_RANGE,
                partition + ": offset " + offset + " is not between the log start offset " + startOffset
                        + " and the log end offset " + logEndOffset);
    }
}
