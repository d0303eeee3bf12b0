package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.log.LogEnd.ProducerPoint;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What is known for sure about a log without reading it: {@code recovery-checkpoint} in the partition's folder, replaced as a whole.
 * All that is below the recovery point was forced before this was written, so whatever is missing there is damage. It may lag behind; it never runs ahead.
 *
 * <p>Kafka keeps the recovery point and the log start offset of all partitions in two files of the data directory, and a clean
 * shutdown in a third. Here each partition has its own, with a checksum, so that a damaged checkpoint is never mistaken for a
 * damaged log. Lines of {@code name value}, the last one the CRC-32C of those before it.
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
        StringBuilder indexes = new StringBuilder();
        for (TransactionIndex.State state : transactionIndexes) {
            indexes.append(TRANSACTION_INDEX + " ").append(state.baseOffset());
            indexes.append(' ')
                    .append(state.entries())
                    .append(' ')
                    .append(state.crc())
                    .append('\n');
        }
        String text = "version " + VERSION + "\n"
                + "clean " + clean + "\n"
                + "log-start-offset " + logStartOffset + "\n"
                + "recovery-point " + recoveryPoint + "\n"
                + "segment " + segment + "\n"
                + "position " + position + "\n"
                + "max-timestamp " + maxTimestampMs + "\n"
                + "max-timestamp-offset " + maxTimestampOffset + "\n"
                + "index-entries " + index.offsetCount() + "\n"
                + "index-crc " + index.offsetCrc() + "\n"
                + "time-index-entries " + index.timeCount() + "\n"
                + "time-index-crc " + index.timeCrc() + "\n"
                + "leader-epoch " + leaderEpoch + "\n"
                + "leader-epoch-checkpoint-crc " + leaderEpochsCrc + "\n"
                + "producers-from " + producers.offset() + "\n"
                + "producers-none " + producers.none() + "\n"
                + indexes;
        return ByteBuffer.wrap((text + "crc " + crcOf(text) + "\n").getBytes(UTF_8));
    }

    /** Null where the bytes are not a whole checkpoint. */
    static @Nullable LogCheckpoint decode(ByteBuffer content) {
        String text = UTF_8.decode(content.duplicate()).toString();
        int crcLine = text.lastIndexOf("\ncrc ") + 1;
        String body = text.substring(0, crcLine);
        if (crcLine == 0 || !text.substring(crcLine).equals("crc " + crcOf(body) + "\n")) {
            return null;
        }
        Map<String, String> values = new LinkedHashMap<>();
        List<String> indexes = new ArrayList<>();
        for (String line : body.lines().toList()) {
            int space = line.indexOf(' ');
            if (space < 0) {
                return null;
            }
            String name = line.substring(0, space);
            String value = line.substring(space + 1);
            if (name.equals(TRANSACTION_INDEX)) {
                indexes.add(value);
            } else {
                values.put(name, value);
            }
        }
        if (!VERSION.equals(values.get("version"))) {
            return null;
        }
        try {
            return new LogCheckpoint(
                    Boolean.parseBoolean(values.get("clean")),
                    number(values, "log-start-offset"),
                    number(values, "recovery-point"),
                    number(values, "segment"),
                    Math.toIntExact(number(values, "position")),
                    number(values, "max-timestamp"),
                    Math.toIntExact(number(values, "max-timestamp-offset")),
                    new GrowingIndex.State(
                            Math.toIntExact(number(values, "index-entries")),
                            Math.toIntExact(number(values, "time-index-entries")),
                            number(values, "index-crc"),
                            number(values, "time-index-crc")),
                    Math.toIntExact(number(values, "leader-epoch")),
                    number(values, "leader-epoch-checkpoint-crc"),
                    new ProducerPoint(
                            number(values, "producers-from"), Boolean.parseBoolean(values.get("producers-none"))),
                    indexes.stream().map(LogCheckpoint::transactionIndex).toList());
        } catch (NumberFormatException | ArithmeticException e) {
            // a later version's file: as good as none, since all it says can be found in the log
            return null;
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

    private static long number(Map<String, String> values, String name) {
        String value = values.get(name);
        if (value == null) {
            throw new NumberFormatException("no " + name);
        }
        return Long.parseLong(value);
    }

    private static long crcOf(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(UTF_8));
        return crc.getValue();
    }
}
