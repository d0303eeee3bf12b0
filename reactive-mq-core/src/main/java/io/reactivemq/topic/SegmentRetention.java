package io.reactivemq.topic;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.log.SegmentInfo;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides which segments of a log are beyond what is to be kept. */
final class SegmentRetention {

    private static final Logger LOG = LoggerFactory.getLogger(SegmentRetention.class);

    private SegmentRetention() {}

    /**
     * The offset before which the log may be deleted, the end of a segment; its start offset where nothing may go. The active segment may be
     * among them.
     *
     * @param highWatermark nothing at or behind it goes
     */
    static long deletableBefore(PartitionLog log, Retention retention, long nowMs, long highWatermark) {
        List<SegmentInfo> segments = log.segments();
        int old = tooOld(log, segments, retention.ms(), nowMs);
        int many =
                Math.max(beyondBytes(segments, retention.bytes()), beyondRecords(log, segments, retention.records()));
        int count = Math.max(old, many);
        while (count > 0 && segments.get(count - 1).nextOffset() > highWatermark) {
            count--;
        }
        return count == 0 ? log.logStartOffset() : segments.get(count - 1).nextOffset();
    }

    /**
     * A segment none of whose records has a timestamp is as old as its last write, as in Kafka; one that compaction has left no records in keeps
     * nothing.
     */
    private static int tooOld(PartitionLog log, List<SegmentInfo> segments, long ms, long nowMs) {
        int count = 0;
        while (ms != Retention.UNBOUNDED && count < segments.size()) {
            SegmentInfo segment = segments.get(count);
            try {
                if (!isTooOld(log, segment, ms, nowMs)) {
                    break;
                }
            } catch (MqException damaged) {
                requireDamage(damaged);
                // it stays, for somebody to look at; what goes by size can go
                LOG.warn("the age of {} is not known, so it is not deleted for its age", segment, damaged);
                break;
            }
            count++;
        }
        return count;
    }

    private static boolean isTooOld(PartitionLog log, SegmentInfo segment, long ms, long nowMs) {
        long youngestMs = log.maxTimestampMs(segment);
        if (youngestMs >= 0) {
            return nowMs - youngestMs > ms;
        }
        if (segment.sizeInBytes() == 0) {
            return false;
        }
        long writtenMs = log.lastWrittenMs(segment);
        return log.records(segment) <= 0 || (writtenMs >= 0 && nowMs - writtenMs > ms);
    }

    private static int beyondBytes(List<SegmentInfo> segments, long bytes) {
        long left = segments.stream().mapToLong(SegmentInfo::sizeInBytes).sum();
        int count = 0;
        while (bytes != Retention.UNBOUNDED && count < segments.size()) {
            left -= segments.get(count).sizeInBytes();
            if (left < bytes) {
                break;
            }
            count++;
        }
        return count;
    }

    private static int beyondRecords(PartitionLog log, List<SegmentInfo> segments, long records) {
        int count = records == Retention.UNBOUNDED ? 0 : segments.size();
        try {
            for (long kept = 0; count > 0 && kept < records; count--) {
                kept += log.records(segments.get(count - 1));
            }
            return count;
        } catch (MqException damaged) {
            requireDamage(damaged);
            LOG.warn(
                    "the records of {} can't be counted, so none are deleted for their number",
                    segments.get(count - 1),
                    damaged);
            return 0;
        }
    }

    private static void requireDamage(MqException failure) {
        if (failure.errorCode() != ErrorCode.CORRUPT_MESSAGE) {
            throw failure;
        }
    }
}
