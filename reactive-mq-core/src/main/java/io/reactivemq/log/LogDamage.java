package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.record.RecordBatch;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Words the error of a log whose bytes are not what was written. Whoever finds it leaves the files as they are. */
final class LogDamage {

    private LogDamage() {}

    /**
     * Compares the checksum of a batch, which covers all of it but length, magic, and what the log patches.
     *
     * @param position where the batch is in the file
     */
    static void checkCrc(Path file, long position, RecordBatch batch) {
        long actual = batch.computeCrc();
        if (actual != batch.crc()) {
            throw of(
                    file,
                    position,
                    "crc of the batch with offsets " + batch.baseOffset() + " to " + batch.lastOffset(),
                    batch.crc(),
                    actual);
        }
    }

    static MqException of(Path file, long position, String field, Object expected, Object actual) {
        String what = file + " at byte " + position + ": " + field + ": expected " + expected + ", actual " + actual;
        return new Found(
                file,
                position,
                what,
                "the log is damaged: " + what + "; nothing was deleted or cut; " + LogRepair.advice(folderOf(file)),
                null);
    }

    /** Of one of a log's files; a log that has none of them is named by its folder. */
    private static Path folderOf(Path file) {
        Path parent = file.getParent();
        return parent != null
                        && IndexFormat.baseOffsetOf(String.valueOf(file.getFileName()))
                                .isPresent()
                ? parent
                : file;
    }

    /** For a writer, to whom CORRUPT_MESSAGE would say that it is its batch that is bad. Anything but damage as it is. */
    static MqException ofLogNotBatch(MqException found) {
        return found.errorCode() == ErrorCode.CORRUPT_MESSAGE
                ? new MqException(
                        ErrorCode.KAFKA_STORAGE_ERROR, "nothing can be appended: " + found.getMessage(), found)
                : found;
    }

    /** The same for another who asks: an exception belongs to one. */
    static MqException again(MqException found) {
        String message = String.valueOf(found.getMessage());
        String code = found.errorCode() + ": ";
        String plain = message.startsWith(code) ? message.substring(code.length()) : message;
        if (found instanceof Found damage) {
            return new Found(damage.file(), damage.position(), damage.what(), plain, found);
        }
        return new MqException(found.errorCode(), plain, found);
    }

    /** Damage, with the place of the first byte that is not what was written. */
    static final class Found extends MqException {

        private static final long serialVersionUID = 1L;

        private final String file;
        private final long position;
        private final String what;

        private Found(Path file, long position, String what, String message, @Nullable Throwable cause) {
            super(ErrorCode.CORRUPT_MESSAGE, message, cause);
            this.file = file.toString();
            this.position = position;
            this.what = what;
        }

        Path file() {
            return Path.of(file);
        }

        long position() {
            return position;
        }

        /** What is wrong and where, without what to do about it. */
        String what() {
            return what;
        }
    }
}
