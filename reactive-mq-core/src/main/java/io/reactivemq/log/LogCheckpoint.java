package io.reactivemq.log;

import io.reactivemq.log.LogEnd.ProducerPoint;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is known for sure about a log without reading it: {@code recovery-checkpoint} in the partition's folder, replaced as a whole.
 * All that is below the recovery point was forced before this was written, so whatever is missing there is damage. It may lag behind; it never runs ahead.
 *
 * <p>Kafka keeps the recovery point and the log start offset of all partitions in two files of the data directory, and a clean
 * shutdown in a third. Here each partition has its own, with a checksum, so that a damaged checkpoint is never mistaken for a
 * damaged log. {@link ChecksummedLines} has the format.
 *
 * @param clean whether the log was closed in good order, with nothing behind the recovery point
 * @param logStartOffset the first offset of the log
 * @param recoveryPoint the offset up to which everything is known to be on disk
 * @param segment the base offset of the segment that the recovery point lies in
 * @param position where the recovery point lies in that segment
 * @param maxTimestampMs the largest timestamp in that segment before the position; -1: none
 * @param maxTimestampOffset the offset it stands for, relative to the segment
 * @param index what the index files of that segment hold
 * @param leaderEpoch the latest leader epoch
 * @param leaderEpochsCrc the CRC-32C of the leader epoch checkpoint file
 * @param producers where what is known of the producers can be taken up: at or below the recovery point
 * @param transactionIndexes what the transaction indexes hold, below the recovery point; segments without aborted transactions are left out
 */
record LogCheckpoint(
        boolean clean,
        long logStartOffset,
        long recoveryPoint,
        long segment,
        int position,
        long maxTimestampMs,
        int maxTimestampOffset,
        GrowingIndex.State index,
        int leaderEpoch,
        long leaderEpochsCrc,
        ProducerPoint producers,
        List<TransactionIndex.State> transactionIndexes) {

    static final String FILE_NAME = "recovery-checkpoint";

    private static final String VERSION = "2";
    private static final String TRANSACTION_INDEX = "transaction-index";

    LogCheckpoint withClean(boolean nowClean) {
        return new LogCheckpoint(
                nowClean,
                logStartOffset,
                recoveryPoint,
                segment,
                position,
                maxTimestampMs,
                maxTimestampOffset,
                index,
                leaderEpoch,
                leaderEpochsCrc,
                producers,
                transactionIndexes);
    }

    LogCheckpoint withLogStartOffset(long offset) {
        return new LogCheckpoint(
                clean,
                offset,
                recoveryPoint,
                segment,
                position,
                maxTimestampMs,
                maxTimestampOffset,
                index,
                leaderEpoch,
                leaderEpochsCrc,
                producers,
                transactionIndexes);
    }

    LogCheckpoint withLeaderEpochs(int epoch, long crc) {
        return new LogCheckpoint(
                clean,
                logStartOffset,
                recoveryPoint,
                segment,
                position,
                maxTimestampMs,
                maxTimestampOffset,
                index,
                epoch,
                crc,
                producers,
                transactionIndexes);
    }

    LogCheckpoint withTransactionIndexes(List<TransactionIndex.State> indexes) {
        return new LogCheckpoint(
                clean,
                logStartOffset,
                recoveryPoint,
                segment,
                position,
                maxTimestampMs,
                maxTimestampOffset,
                index,
                leaderEpoch,
                leaderEpochsCrc,
                producers,
                indexes);
    }

    /** What the index of aborted transactions of a segment holds; null: nothing. */
    TransactionIndex.@Nullable State transactionIndex(long baseOffset) {
        for (TransactionIndex.State state : transactionIndexes) {
            if (state.baseOffset() == baseOffset) {
                return state;
            }
        }
        return null;
    }

    ByteBuffer encode() {
        ChecksummedLines lines = ChecksummedLines.ofVersion(VERSION)
                .add("clean", clean)
                .add("log-start-offset", logStartOffset)
                .add("recovery-point", recoveryPoint)
                .add("segment", segment)
                .add("position", position)
                .add("max-timestamp", maxTimestampMs)
                .add("max-timestamp-offset", maxTimestampOffset)
                .add("index-entries", index.offsetCount())
                .add("index-crc", index.offsetCrc())
                .add("time-index-entries", index.timeCount())
                .add("time-index-crc", index.timeCrc())
                .add("leader-epoch", leaderEpoch)
                .add("leader-epoch-checkpoint-crc", leaderEpochsCrc)
                .add("producers-from", producers.offset())
                .add("producers-none", producers.none());
        for (TransactionIndex.State state : transactionIndexes) {
            lines.add(TRANSACTION_INDEX, state.baseOffset() + " " + state.entries() + " " + state.crc());
        }
        return lines.encode();
    }

    /** Null where the bytes are not a whole checkpoint. */
    static @Nullable LogCheckpoint decode(ByteBuffer content) {
        ChecksummedLines lines = ChecksummedLines.decode(content, VERSION);
        if (lines == null) {
            return null;
        }
        try {
            return new LogCheckpoint(
                    lines.isTrue("clean"),
                    lines.number("log-start-offset"),
                    lines.number("recovery-point"),
                    lines.number("segment"),
                    lines.integer("position"),
                    lines.number("max-timestamp"),
                    lines.integer("max-timestamp-offset"),
                    new GrowingIndex.State(
                            lines.integer("index-entries"),
                            lines.integer("time-index-entries"),
                            lines.number("index-crc"),
                            lines.number("time-index-crc")),
                    lines.integer("leader-epoch"),
                    lines.number("leader-epoch-checkpoint-crc"),
                    new ProducerPoint(lines.number("producers-from"), lines.isTrue("producers-none")),
                    lines.all(TRANSACTION_INDEX).stream()
                            .map(LogCheckpoint::transactionIndex)
                            .toList());
        } catch (IllegalArgumentException e) {
            return null; // as good as none, since all it says can be found in the log
        }
    }

    private static TransactionIndex.State transactionIndex(String line) {
        String[] numbers = line.split(" ", -1);
        if (numbers.length != 3) {
            throw new NumberFormatException("not a transaction index: " + line);
        }
        return new TransactionIndex.State(
                Long.parseLong(numbers[0]), Integer.parseInt(numbers[1]), Long.parseLong(numbers[2]));
    }
}
