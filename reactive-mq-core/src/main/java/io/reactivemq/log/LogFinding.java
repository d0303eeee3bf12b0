package io.reactivemq.log;

import java.nio.file.Path;

/**
 * Something about a log that is not as it should be.
 *
 * @param kind how bad it is
 * @param file where
 * @param position at which byte of the file; 0 where it is about the file as a whole
 * @param what what is expected there and what is there
 */
public record LogFinding(Kind kind, Path file, long position, String what) {

    /** How bad it is. */
    public enum Kind {
        /** Data that was written is missing or wrong. The log does not open. */
        DAMAGE,
        /** What was being written when the process or the machine ended; nobody was promised it. The next opening cuts it off. */
        TORN_TAIL,
        /** A file that holds nothing of its own, as an index, is missing or wrong. The next opening makes it again. */
        NOTE
    }

    @Override
    public String toString() {
        return kind + " " + file + " at byte " + position + ": " + what;
    }
}
