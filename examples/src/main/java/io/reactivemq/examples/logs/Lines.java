package io.reactivemq.examples.logs;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import io.reactivemq.log.LogSummary;
import io.reactivemq.record.RecordBatch;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** How things of a log are printed. */
final class Lines {

    private Lines() {}

    static String summary(LogSummary log) {
        return String.format(
                Locale.ROOT,
                "offsets %d to %d, %,d records in %,d batches, %,d bytes in %d segment%s, epoch %s, %s",
                log.logStartOffset(),
                log.nextOffset(),
                log.records(),
                log.batches(),
                log.sizeInBytes(),
                log.segments(),
                log.segments() == 1 ? "" : "s",
                log.leaderEpoch() < 0 ? "unknown" : String.valueOf(log.leaderEpoch()),
                log.clean() ? "closed in good order" : "not closed; forced up to " + forced(log));
    }

    private static String forced(LogSummary log) {
        return log.recoveryPoint() < 0 ? "nobody knows where" : String.valueOf(log.recoveryPoint());
    }

    static String batch(long position, RecordBatch batch) {
        return String.format(
                Locale.ROOT,
                "  at %-10d offsets %d to %d  %d records  %d bytes  %s  %s %s  epoch %d%s%s%s",
                position,
                batch.baseOffset(),
                batch.lastOffset(),
                batch.count(),
                batch.sizeInBytes(),
                batch.compression().name().toLowerCase(Locale.ROOT),
                batch.timestampType().name().toLowerCase(Locale.ROOT),
                time(batch.maxTimestamp()),
                batch.leaderEpoch(),
                batch.producerId() < 0
                        ? ""
                        : "  producer " + batch.producerId() + " epoch " + batch.producerEpoch() + " sequence "
                                + batch.baseSequence(),
                batch.isTransactional() ? "  transactional" : "",
                batch.isControl() ? "  control" : "");
    }

    static String time(long timestampMs) {
        return timestampMs < 0 ? "none" : Instant.ofEpochMilli(timestampMs).toString();
    }

    /** As text where it is, else in hexadecimal; "null" for none. */
    static String bytes(@Nullable ByteBuffer content, int max) {
        if (content == null) {
            return "null";
        }
        byte[] shown = new byte[Math.min(max, content.remaining())];
        content.get(content.position(), shown);
        String rest = shown.length < content.remaining() ? "... (" + content.remaining() + " bytes)" : "";
        CharBuffer text = CharBuffer.allocate(shown.length);
        // where it is cut off, half a character at the end is no reason to call it binary
        boolean whole = rest.isEmpty();
        boolean isText =
                UTF_8.newDecoder().decode(ByteBuffer.wrap(shown), text, whole).isUnderflow();
        text.flip();
        boolean printable = isText && text.codePoints().noneMatch(Character::isISOControl);
        return (printable ? '"' + text.toString() + '"' : "0x" + HexFormat.of().formatHex(shown)) + rest;
    }

    static String headers(Headers headers, int max) {
        StringBuilder line = new StringBuilder();
        for (Header header : headers) {
            byte[] value = header.value();
            line.append("  ")
                    .append(header.key())
                    .append('=')
                    .append(bytes(value == null ? null : ByteBuffer.wrap(value), max));
        }
        return line.toString();
    }
}
