package io.reactivemq.log;

import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * Names and layouts of a segment's files, as Kafka has them.
 *
 * <pre>
 * .index      entry of  8 bytes: relative offset int32, position int32
 * .timeindex  entry of 12 bytes: timestamp int64, relative offset int32
 * </pre>
 */
final class IndexFormat {

    static final int OFFSET_ENTRY_BYTES = 8;
    static final int TIME_ENTRY_BYTES = 12;
    static final String LOG_SUFFIX = ".log";
    static final String OFFSET_INDEX_SUFFIX = ".index";
    static final String TIME_INDEX_SUFFIX = ".timeindex";
    static final String TRANSACTION_INDEX_SUFFIX = ".txnindex";

    /** Digits of a base offset in a file's name: enough for any long. */
    private static final int NAME_DIGITS = 20;

    private static final String ZEROS = "0".repeat(NAME_DIGITS);

    private IndexFormat() {}

    static Path logFile(Path directory, long baseOffset) {
        return file(directory, baseOffset, LOG_SUFFIX);
    }

    static Path offsetIndexFile(Path directory, long baseOffset) {
        return file(directory, baseOffset, OFFSET_INDEX_SUFFIX);
    }

    static Path timeIndexFile(Path directory, long baseOffset) {
        return file(directory, baseOffset, TIME_INDEX_SUFFIX);
    }

    static Path transactionIndexFile(Path directory, long baseOffset) {
        return file(directory, baseOffset, TRANSACTION_INDEX_SUFFIX);
    }

    static Path file(Path directory, long baseOffset, String suffix) {
        return directory.resolve(name(baseOffset) + suffix);
    }

    /** The base offset in the name of a segment's file of that kind; empty for any other file. */
    static OptionalLong baseOffsetOf(Path file, String suffix) {
        String name = file.getFileName().toString();
        return name.length() == NAME_DIGITS + suffix.length() && name.endsWith(suffix)
                ? baseOffsetOf(name)
                : OptionalLong.empty();
    }

    /** The base offset that the name of a segment's file begins with; empty for any other file. */
    static OptionalLong baseOffsetOf(String name) {
        if (name.length() < NAME_DIGITS) {
            return OptionalLong.empty();
        }
        long offset = 0;
        for (int i = 0; i < NAME_DIGITS; i++) {
            int digit = name.charAt(i) - '0';
            if (digit < 0 || digit > 9 || offset > (Long.MAX_VALUE - digit) / 10) {
                return OptionalLong.empty();
            }
            offset = offset * 10 + digit;
        }
        return OptionalLong.of(offset);
    }

    /** What follows the base offset in the name of a segment's file. */
    static String suffixOf(String name) {
        return name.substring(NAME_DIGITS);
    }

    /** What {@code %020d} gives, without parsing a format for each file of each partition that is opened. */
    private static String name(long baseOffset) {
        String digits = Long.toString(baseOffset);
        return ZEROS.substring(digits.length()) + digits;
    }
}
