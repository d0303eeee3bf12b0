package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Each bit in turn, in place, and back again. */
@DisplayName("A log with one bit the other way round")
class LogBitFlipTest {

    /** The soak profile has 256 KiB. */
    private static final int REOPENED_BYTES = Integer.getInteger("reactivemq.log.flipped", 16 << 10);

    private static final int VERIFIED_BYTES = 256 << 10;

    /** One log has no more than that, so that looking at all of it for each bit stays cheap. */
    private static final int LOG_BYTES = 2 << 10;

    private static final Path CHECKPOINT = LogLife.FOLDER.resolve("recovery-checkpoint");

    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(1_100).withIndexIntervalBytes(200);

    /** A log as a kill leaves it, one segment full and one begun, and what is in it. */
    private static final class Written {

        private final FileStore store = FileStore.memory();
        private final List<SentBatch> batches = new ArrayList<>();
        private final PartitionLog log;
        private final ByteBuffer firstCheckpoint;

        Written(int seed) {
            store.createForcedDirectories(LogLife.DATA);
            log = PartitionLog.open(store, LogLife.FOLDER, LogLife.T0, CONFIG);
            Random random = new Random(seed);
            firstCheckpoint = store.readFile(CHECKPOINT);
            while (log.sizeInBytes() < LOG_BYTES) {
                byte[] bytes = SentBatch.batch(random, 1 + random.nextInt(3), 60, 1_000);
                long offset = log.append(ByteBuffer.wrap(bytes.clone()), 0).baseOffset();
                batches.add(new SentBatch(offset, ByteBuffer.wrap(bytes), 0, SentBatch.STILL));
                log.force();
            }
        }

        List<Path> segments() {
            return store.list(LogLife.FOLDER).stream()
                    .filter(path -> path.toString().endsWith(".log"))
                    .toList();
        }

        int size(Path segment) {
            return (int) store.size(segment);
        }

        void flip(StoredFile file, int bit) {
            byte flipped = (byte) (file.read(bit / 8, 1).get() ^ 1 << bit % 8);
            file.write(ByteBuffer.wrap(new byte[] {flipped}), bit / 8);
        }

        /** Where the batch begins that the byte is in. */
        int batchAt(ByteBuffer segment, int position) {
            int at = 0;
            while (at + RecordBatch.sizeInBytesAt(segment, at) <= position) {
                at += RecordBatch.sizeInBytesAt(segment, at);
            }
            return at;
        }
    }

    @Test
    @DisplayName(
            "and all of it behind the recovery point: opening says where, or cuts the last batch away; nothing else is cut or changed")
    void reopened() {
        int refused = 0;
        int cut = 0;
        int bytes = 0;
        for (int seed = 1; bytes < REOPENED_BYTES; seed++) {
            Written written = new Written(seed);
            // It may lag behind: then every batch has to be looked at.
            written.store.replaceFile(CHECKPOINT, written.firstCheckpoint);
            RecordedFiles files = new RecordedFiles(written.store);
            List<Path> segments = written.segments();
            for (Path segment : segments) {
                ByteBuffer content = ByteBuffer.wrap(files.content(segment));
                boolean last = segment.equals(segments.get(segments.size() - 1));
                int lastBatch = written.batchAt(content, content.limit() - 1);
                for (int bit = 0; bit < content.limit() * 8; bit++) {
                    int batch = written.batchAt(content, bit / 8);
                    try (StoredFile file = written.store.open(segment, OpenMode.WRITE)) {
                        written.flip(file, bit);
                    }
                    int flipped = bit;
                    MqException damage = open(written);
                    if (damage == null) {
                        LogLife.check(
                                last && batch == lastBatch, () -> segment + ", bit " + flipped + " was not noticed");
                        LogLife.check(written.size(segment) == lastBatch, () -> "bit " + flipped + " was not cut away");
                        cut++;
                    } else {
                        checkNames(damage, segment, batch, bit);
                        refused++;
                    }
                    files.restore(damage == null, segment, bit);
                }
                bytes += content.limit();
            }
        }
        System.out.printf(
                "Bits flipped in the log, each through a reopen: %d; %d refused as damage, %d in a last batch, which was cut%n",
                8 * bytes, refused, cut);
        assertThat(refused + cut).isEqualTo(8 * bytes);
    }

    /** What is on disk, to put back what a recovery has changed. */
    private record RecordedFiles(FileStore store, Map<Path, byte[]> contents) {

        RecordedFiles(FileStore store) {
            this(store, new HashMap<>());
            for (Path path : store.list(LogLife.FOLDER)) {
                ByteBuffer content = store.readFile(path);
                byte[] bytes = new byte[content.remaining()];
                content.get(bytes);
                contents.put(path, bytes);
            }
        }

        byte[] content(Path path) {
            return contents.getOrDefault(path, new byte[0]);
        }

        /** After a refusal every file must be as it was, but for the bit. */
        void restore(boolean opened, Path segment, int bit) {
            if (opened) {
                store.list(LogLife.FOLDER).forEach(store::delete);
                contents.forEach((path, bytes) -> {
                    try (StoredFile file = store.open(path, OpenMode.CREATE)) {
                        file.write(ByteBuffer.wrap(bytes), 0);
                    }
                });
                return;
            }
            try (StoredFile file = store.open(segment, OpenMode.WRITE)) {
                byte back = (byte) (file.read(bit / 8, 1).get() ^ 1 << bit % 8);
                file.write(ByteBuffer.wrap(new byte[] {back}), bit / 8);
            }
            contents.forEach((path, bytes) -> LogLife.check(
                    store.exists(path) && store.readFile(path).equals(ByteBuffer.wrap(bytes)),
                    () -> "bit " + bit + " of " + segment + ": " + path + " was changed, though the log was refused"));
        }
    }

    private static @Nullable MqException open(Written written) {
        try (PartitionLog log = PartitionLog.open(written.store, LogLife.FOLDER, LogLife.T0, CONFIG)) {
            readAll(written, log, -1);
            return null;
        } catch (MqException e) {
            return e;
        }
    }

    private static void checkNames(MqException damage, Path segment, int batch, int bit) {
        LogLife.check(damage.errorCode() == ErrorCode.CORRUPT_MESSAGE, () -> "bit " + bit + ": " + damage);
        String message = String.valueOf(damage.getMessage());
        LogLife.check(
                message.contains(String.valueOf(segment.getFileName())) && message.contains("byte " + batch + ":"),
                () -> "bit " + bit + " of " + segment + ", in the batch at " + batch + ", is said to be elsewhere: "
                        + message);
    }

    @Test
    @DisplayName(
            "is found by verify and by a read of its batch, which say where; outside of the checksum a reader gets the bytes that were sent, or an error")
    void verified() {
        long bytes = 0;
        long refusedReads = 0;
        long wrongOffsets = 0;
        for (int seed = 1; bytes < VERIFIED_BYTES; seed++) {
            Written written = new Written(seed);
            for (Path segment : written.segments()) {
                ByteBuffer content = ByteBuffer.wrap(new RecordedFiles(written.store).content(segment));
                try (StoredFile file = written.store.open(segment, OpenMode.WRITE)) {
                    for (int bit = 0; bit < content.limit() * 8; bit++) {
                        int batch = written.batchAt(content, bit / 8);
                        written.flip(file, bit);
                        verify(written, segment, batch, bit);
                        int field = bit / 8 - batch;
                        if (field >= RecordBatch.MAGIC_AT
                                || (field >= RecordBatch.LENGTH_AT && field < RecordBatch.LEADER_EPOCH_AT)) {
                            read(written, segment, content.getLong(batch), batch, bit);
                            refusedReads++;
                        }
                        if (bit / 8 - batch < RecordBatch.MAGIC_AT
                                && (bit / 8 - batch < RecordBatch.LENGTH_AT
                                        || bit / 8 - batch >= RecordBatch.LEADER_EPOCH_AT)) {
                            wrongOffsets += readAll(written, written.log, batch) ? 0 : 1;
                        }
                        written.flip(file, bit);
                        if (tellsWhereTheNextBegins(field)) {
                            written.log.verify(); // else the damage would be told again
                        }
                    }
                }
                bytes += content.limit();
            }
            written.log.verify();
            written.log.close();
        }
        System.out.printf(
                "Bits flipped in the log, each found by verify: %d; a read refused %d, and of those in base offset and epoch, outside the checksum, %d%n",
                8 * bytes, refusedReads, wrongOffsets);
        assertThat(refusedReads).isPositive();
    }

    private static void verify(Written written, Path segment, int batch, int bit) {
        try {
            written.log.verify();
        } catch (MqException e) {
            checkNames(e, segment, batch, bit);
            return;
        }
        throw new AssertionError("bit " + bit + " of " + segment + " was not noticed");
    }

    /** Whether that byte of a batch is of those by which a walk over the segment comes to the next one. */
    private static boolean tellsWhereTheNextBegins(int field) {
        return field < RecordBatch.LEADER_EPOCH_AT
                || (field >= RecordBatch.LAST_OFFSET_DELTA_AT && field < RecordBatch.LAST_OFFSET_DELTA_AT + 4);
    }

    /** A read of the batch is refused, never empty: an empty one would be asked for again for ever. */
    private static void read(Written written, Path segment, long offset, int batch, int bit) {
        try {
            written.log.read(offset, 1, written.log.logEndOffset());
        } catch (MqException e) {
            if (tellsWhereTheNextBegins(bit / 8 - batch)) {
                LogLife.check(e.errorCode() == ErrorCode.CORRUPT_MESSAGE, () -> "bit " + bit + ": " + e);
                LogLife.check(
                        String.valueOf(e.getMessage()).contains(String.valueOf(segment.getFileName())),
                        () -> "bit " + bit + ": " + e);
            } else {
                checkNames(e, segment, batch, bit);
            }
            return;
        }
        throw new AssertionError("bit " + bit + " of " + segment + " was handed out");
    }

    /** False where a read fails; else every key, value, header and timestamp is as it was sent. */
    private static boolean readAll(Written written, PartitionLog log, int flippedBatch) {
        for (SentBatch batch : written.batches) {
            if (batch.baseOffset() >= log.logEndOffset()) {
                break;
            }
            ByteBuffer read;
            try {
                read = log.read(batch.baseOffset(), 1, log.logEndOffset());
            } catch (MqException e) {
                LogLife.check(flippedBatch >= 0, () -> "not read: " + e);
                return false;
            }
            if (!read.hasRemaining()) {
                LogLife.check(flippedBatch >= 0, () -> "not read: " + batch.baseOffset());
                return false;
            }
            ByteBuffer sent = batch.bytes();
            int from = RecordBatch.MAGIC_AT;
            LogLife.check(
                    read.slice(read.position() + from, Math.min(read.remaining(), sent.limit()) - from)
                            .equals(sent.slice(from, sent.limit() - from)),
                    () -> "at " + batch.baseOffset() + " there is another batch than was sent");
        }
        return true;
    }
}
