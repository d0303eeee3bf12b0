package io.reactivemq.log;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.nio.file.Path;

/** Words the error of a log whose bytes are not what was written. Whoever finds it leaves the files as they are. */
final class LogDamage {

    private LogDamage() {}

    static MqException of(Path file, long position, String field, Object expected, Object actual) {
        return new MqException(
                ErrorCode.CORRUPT_MESSAGE,
                "the log is damaged: " + file + " at byte " + position + ": " + field + ": expected " + expected
                        + ", actual " + actual
                        + "; nothing was deleted or cut; restore the file from a copy, or set the partition's directory aside");
    }
}
