package io.reactivemq.log;

import java.nio.file.Path;
import java.util.List;

/**
 * What a log on disk holds.
 *
 * @param folder the log's folder
 * @param segments how many segments
 * @param sizeInBytes of all segments, torn tails included
 * @param batches batches that count
 * @param records records in them, of control batches too
 * @param logStartOffset its first offset
 * @param nextOffset the offset behind its last record
 * @param leaderEpoch the latest; -1: not known
 * @param clean whether it was closed in good order
 * @param recoveryPoint the offset up to which it was forced when the checkpoint was written; -1: not known
 * @param isSound whether nothing that was written is missing or wrong
 * @param findings the first {@value #FINDINGS_MAX} of what is not as it should be
 */
public record LogSummary(
        Path folder,
        int segments,
        long sizeInBytes,
        long batches,
        long records,
        long logStartOffset,
        long nextOffset,
        int leaderEpoch,
        boolean clean,
        long recoveryPoint,
        boolean isSound,
        List<LogFinding> findings) {

    /** So many findings are kept; a visitor sees all. */
    public static final int FINDINGS_MAX = 1_000;

    public LogSummary {
        findings = List.copyOf(findings);
    }
}
