package io.reactivemq.test.crash;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.test.crash.PlantedBug.Phase;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.zip.CRC32C;

/** The mistakes, by what is wrong. */
final class PlantedBugs {

    private PlantedBugs() {}

    static Map<String, Supplier<PlantedBug>> all() {
        Map<String, Supplier<PlantedBug>> bugs = new LinkedHashMap<>();
        bugs.put("acknowledges before the force", AcknowledgesWritten::new);
        bugs.put("acknowledges an append that failed", AcknowledgesFailed::new);
        bugs.put("skips the force", () -> new SkipsForce(Phase.FORCE));
        bugs.put("skips the force of a segment that is full", () -> new SkipsForceOfFullSegment());
        bugs.put("skips the force when it closes", () -> new SkipsForce(Phase.CLOSE));
        bugs.put("skips the force of what it has recovered", () -> new SkipsForce(Phase.OPEN));
        bugs.put("skips the force of a cut", SkipsForceOfCut::new);
        bugs.put("skips the force of what it then renames", SkipsForceOfTemporary::new);
        bugs.put("skips the directory's force behind a new segment", SkipsDirectoryBehindSegment::new);
        bugs.put("skips the directory's force behind a rename", SkipsDirectoryBehindRename::new);
        bugs.put("skips every force of a directory when it opens", SkipsDirectoryAtOpening::new);
        bugs.put("tries a force that failed once more", RetriesForce::new);
        bugs.put("takes a force that failed for done", IgnoresFailedForce::new);
        bugs.put("takes a write that failed for done", IgnoresFailedWrite::new);
        bugs.put("makes the next segment before the full one is forced", () -> new ForcesLate(PlantedBug::isWriting));
        bugs.put("records the recovery point before the force", () -> new ForcesLate(bug -> bug.isIn(Phase.FORCE)));
        bugs.put(
                "records the recovery point before what it recovered is forced",
                () -> new ForcesLate(bug -> bug.isIn(Phase.OPEN)));
        bugs.put("records that it is closed before the last force", () -> new ForcesLate(bug -> bug.isIn(Phase.CLOSE)));
        bugs.put("writes the checkpoint in its place", CheckpointInPlace::new);
        bugs.put("deletes segments before that is recorded", DeletesFirst::new);
        bugs.put("leaves the time index of a deleted segment", LeavesTimeIndex::new);
        bugs.put("leaves a deleted segment", LeavesSegment::new);
        bugs.put("does not record that it is open", StaysClean::new);
        bugs.put("does not cut a torn tail", () -> new SkipsCut(Phase.OPEN));
        bugs.put("does not cut back an append that failed", () -> new SkipsCut(Phase.APPEND));
        bugs.put("cuts a torn tail too far", CutsTooFar::new);
        bugs.put("does not write again what it has recovered", SkipsRewrite::new);
        bugs.put("writes the batches of an append from the last to the first", WritesBackwards::new);
        bugs.put("writes a batch one byte late", WritesLate::new);
        bugs.put("skips the checksum", SkipsChecksum::new);
        bugs.put("ignores the epoch", IgnoresEpoch::new);
        bugs.put("ignores the offset", IgnoresOffset::new);
        bugs.put("does not write the index", SkipsIndex::new);
        return bugs;
    }

    private static final class AcknowledgesWritten extends PlantedBug {
        @Override
        boolean acknowledgesWritten() {
            return true;
        }
    }

    private static final class AcknowledgesFailed extends PlantedBug {
        @Override
        boolean acknowledgesFailed() {
            return true;
        }
    }

    private static final class SkipsForce extends PlantedBug {
        private final Phase when;

        SkipsForce(Phase when) {
            this.when = when;
        }

        @Override
        void force(StoredFile file) {
            if (!isIn(when) || !isLog(file.path())) {
                file.force();
            }
        }
    }

    private static final class SkipsForceOfFullSegment extends PlantedBug {
        private boolean cut;

        @Override
        void truncate(StoredFile file, long size) {
            file.truncate(size);
            cut = true;
        }

        @Override
        void force(StoredFile file) {
            if (!isWriting() || !isLog(file.path()) || cut) {
                file.force();
            }
            cut = false;
        }
    }

    private static final class SkipsForceOfCut extends PlantedBug {
        private boolean cut;

        @Override
        void truncate(StoredFile file, long size) {
            file.truncate(size);
            cut = isIn(Phase.APPEND) && isLog(file.path());
        }

        @Override
        void force(StoredFile file) {
            if (!cut) {
                file.force();
            }
            cut = false;
        }
    }

    private static final class SkipsForceOfTemporary extends PlantedBug {
        @Override
        void force(StoredFile file) {
            if (!file.path().toString().endsWith(".tmp")) {
                file.force();
            }
        }
    }

    private static final class SkipsDirectoryBehindSegment extends PlantedBug {
        private boolean made;

        @Override
        void onMade(Path path) {
            made = isLog(path);
        }

        @Override
        void forceDirectory(FileStore store, Path directory) {
            if (!made) {
                store.forceDirectory(directory);
            }
            made = false;
        }
    }

    private static final class SkipsDirectoryBehindRename extends PlantedBug {
        private boolean renamed;

        @Override
        void rename(FileStore store, Path from, Path to) {
            store.rename(from, to);
            renamed = true;
        }

        @Override
        void forceDirectory(FileStore store, Path directory) {
            if (!renamed) {
                store.forceDirectory(directory);
            }
            renamed = false;
        }
    }

    private static final class SkipsDirectoryAtOpening extends PlantedBug {
        @Override
        void forceDirectory(FileStore store, Path directory) {
            if (!isIn(Phase.OPEN)) {
                store.forceDirectory(directory);
            }
        }
    }

    private static final class RetriesForce extends PlantedBug {
        @Override
        void force(StoredFile file) {
            try {
                file.force();
            } catch (StorageException e) {
                file.force();
            }
        }
    }

    private static final class IgnoresFailedForce extends PlantedBug {
        @Override
        void force(StoredFile file) {
            try {
                file.force();
            } catch (StorageException e) {
                return; // the mistake
            }
        }
    }

    private static final class IgnoresFailedWrite extends PlantedBug {
        @Override
        void write(StoredFile file, ByteBuffer source, long position) {
            try {
                file.write(source, position);
            } catch (StorageException e) {
                source.position(source.limit()); // the mistake
            }
        }
    }

    /** Holds a force of the log back until what should come after it has been made safe. */
    private static final class ForcesLate extends PlantedBug {
        private final List<Runnable> held = new ArrayList<>();
        private final Predicate<PlantedBug> when;
        private boolean next;

        ForcesLate(Predicate<PlantedBug> when) {
            this.when = when;
        }

        @Override
        void force(StoredFile file) {
            if (when.test(this) && isLog(file.path())) {
                held.add(file::force);
            } else {
                file.force();
            }
        }

        @Override
        void onMade(Path path) {
            next |= isLog(path);
        }

        @Override
        void rename(FileStore store, Path from, Path to) {
            store.rename(from, to);
            next |= isCheckpoint(to);
        }

        @Override
        void forceDirectory(FileStore store, Path directory) {
            store.forceDirectory(directory);
            if (next) {
                release();
            }
        }

        @Override
        void phase(Phase now) {
            release();
            super.phase(now);
        }

        private void release() {
            held.forEach(Runnable::run);
            held.clear();
            next = false;
        }
    }

    private static final class CheckpointInPlace extends PlantedBug {
        @Override
        void rename(FileStore store, Path from, Path to) {
            if (!isCheckpoint(to)) {
                store.rename(from, to);
                return;
            }
            try (StoredFile file = store.open(to, OpenMode.CREATE)) {
                file.truncate(0);
                file.write(store.readFile(from), 0);
                file.force();
            }
            store.delete(from);
        }
    }

    private static final class DeletesFirst extends PlantedBug {
        private final List<Runnable> held = new ArrayList<>();

        @Override
        void rename(FileStore store, Path from, Path to) {
            if (isIn(Phase.DELETE)) {
                held.add(() -> store.rename(from, to));
            } else {
                store.rename(from, to);
            }
        }

        @Override
        void phase(Phase now) {
            held.forEach(Runnable::run);
            held.clear();
            super.phase(now);
        }
    }

    private static final class LeavesTimeIndex extends PlantedBug {
        @Override
        void delete(FileStore store, Path path) {
            if (!path.toString().endsWith(".timeindex")) {
                store.delete(path);
            }
        }
    }

    private static final class LeavesSegment extends PlantedBug {
        @Override
        void delete(FileStore store, Path path) {
            if (!isLog(path)) {
                store.delete(path);
            }
        }
    }

    private static final class StaysClean extends PlantedBug {
        @Override
        void rename(FileStore store, Path from, Path to) {
            if (!isIn(Phase.APPEND) || !isCheckpoint(to)) {
                store.rename(from, to);
            }
        }
    }

    private static final class SkipsCut extends PlantedBug {
        private final Phase when;

        SkipsCut(Phase when) {
            this.when = when;
        }

        @Override
        void truncate(StoredFile file, long size) {
            if (!isIn(when) || !isLog(file.path())) {
                file.truncate(size);
            }
        }
    }

    private static final class CutsTooFar extends PlantedBug {
        @Override
        void truncate(StoredFile file, long size) {
            file.truncate(isIn(Phase.OPEN) && isLog(file.path()) ? Math.max(0, size - 1) : size);
        }
    }

    private static final class SkipsRewrite extends PlantedBug {
        @Override
        void write(StoredFile file, ByteBuffer source, long position) {
            if (!isIn(Phase.OPEN) || !isLog(file.path())) {
                file.write(source, position);
            }
        }
    }

    private static final class WritesBackwards extends PlantedBug {
        @Override
        void write(StoredFile file, ByteBuffer source, long position) {
            if (isIn(Phase.APPEND) && isLog(file.path())) {
                int first = RecordBatch.sizeInBytesAt(source, source.position());
                if (first < source.remaining()) {
                    file.write(source.slice(source.position() + first, source.remaining() - first), position + first);
                    file.write(source.slice(source.position(), first), position);
                    return;
                }
            }
            file.write(source, position);
        }
    }

    private static final class WritesLate extends PlantedBug {
        @Override
        void write(StoredFile file, ByteBuffer source, long position) {
            file.write(source, isIn(Phase.APPEND) && isLog(file.path()) ? position + 1 : position);
        }
    }

    /** Shows the one who opens a log not what is in it but what it would like to see there. */
    private abstract static class Rewords extends PlantedBug {
        @Override
        ByteBuffer read(StoredFile file, long position, int lengthMin, int lengthMax) {
            ByteBuffer read = file.read(position, lengthMin, lengthMax);
            if (!isIn(Phase.OPEN) || !isLog(file.path())) {
                return read;
            }
            ByteBuffer copy = ByteBuffer.allocate(read.remaining()).put(read).flip();
            for (int at = 0; copy.limit() - at >= RecordBatch.HEADER_BYTES; ) {
                int size = copy.getInt(at + RecordBatch.LENGTH_AT) + RecordBatch.LENGTH_OVERHEAD_BYTES;
                if (size < RecordBatch.HEADER_BYTES || size > copy.limit() - at) {
                    break;
                }
                reword(copy, at, size);
                at += size;
            }
            return copy;
        }

        abstract void reword(ByteBuffer bytes, int at, int size);
    }

    private static final class SkipsChecksum extends Rewords {
        @Override
        void reword(ByteBuffer bytes, int at, int size) {
            CRC32C crc = new CRC32C();
            crc.update(bytes.slice(at + RecordBatch.ATTRIBUTES_AT, size - RecordBatch.ATTRIBUTES_AT));
            bytes.putInt(at + RecordBatch.CRC_AT, (int) crc.getValue());
        }
    }

    private static final class IgnoresEpoch extends Rewords {
        private int epoch;

        @Override
        void reword(ByteBuffer bytes, int at, int size) {
            epoch = Math.max(at == 0 ? 0 : epoch, bytes.getInt(at + RecordBatch.LEADER_EPOCH_AT));
            bytes.putInt(at + RecordBatch.LEADER_EPOCH_AT, epoch);
        }
    }

    private static final class IgnoresOffset extends Rewords {
        private long expected;

        @Override
        void reword(ByteBuffer bytes, int at, int size) {
            expected = at == 0 ? bytes.getLong(at) : expected;
            bytes.putLong(at, expected);
            expected += bytes.getInt(at + RecordBatch.LAST_OFFSET_DELTA_AT) + 1L;
        }
    }

    private static final class SkipsIndex extends PlantedBug {
        @Override
        void write(StoredFile file, ByteBuffer source, long position) {
            if (file.path().toString().endsWith("index")) {
                source.position(source.limit());
            } else {
                file.write(source, position);
            }
        }
    }
}
