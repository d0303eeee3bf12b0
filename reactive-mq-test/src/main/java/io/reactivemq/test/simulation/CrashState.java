package io.reactivemq.test.simulation;

/**
 * A disk as a crash may leave it.
 *
 * @param changesDone how many changes had been made when the power failed
 * @param kind what became of those that were not forced
 * @param what the same in words, to find the state again
 * @param image what is found
 */
public record CrashState(int changesDone, Kind kind, String what, DiskImage image) {

    /** What became of the changes that were not forced, the most telling part of it. */
    public enum Kind {
        /** All of them are there. */
        PREFIX,
        /** Some are there and some are not, whatever came later. */
        SUBSET,
        /** The last write is there up to some byte. */
        TORN_AT_A_BYTE,
        /** The last write is there up to a multiple of 512 bytes in its file. */
        TORN_AT_512,
        /** The last write is there up to a multiple of 4,096 bytes in its file. */
        TORN_AT_4096,
        /** The file has its new length or more, but zeros from some byte on. */
        ZERO_TAIL,
        /** A file is missing from its directory. */
        NAME_MISSING,
        /** A rename is undone. */
        RENAME_UNDONE,
        /** A deletion is undone. */
        DELETION_UNDONE
    }

    @Override
    public String toString() {
        return kind + " after " + changesDone + " changes: " + what;
    }
}
