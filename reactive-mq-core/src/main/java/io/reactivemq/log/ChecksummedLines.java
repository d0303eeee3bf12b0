package io.reactivemq.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * What a small file beside a log says: lines of {@code name value}, the first one the version, the last one the CRC-32C of those before it. It is read as it was written,
 * or not at all.
 */
final class ChecksummedLines {

    private static final String VERSION = "version";
    private static final String CRC = "crc ";

    private final Map<String, List<String>> values = new LinkedHashMap<>();

    private ChecksummedLines() {}

    /** None but the version yet. */
    static ChecksummedLines ofVersion(String version) {
        return new ChecksummedLines().add(VERSION, version);
    }

    /**
     * Another line; behind those of the same name, where there are such.
     *
     * @throws IllegalArgumentException for what is more than one line
     */
    ChecksummedLines add(String name, Object value) {
        String line = value.toString();
        if (line.indexOf('\n') >= 0 || line.indexOf('\r') >= 0) {
            throw new IllegalArgumentException(name + ": expected one line, actual " + line);
        }
        values.computeIfAbsent(name, none -> new ArrayList<>()).add(line);
        return this;
    }

    ByteBuffer encode() {
        StringBuilder text = new StringBuilder();
        values.forEach((name, lines) ->
                lines.forEach(line -> text.append(name).append(' ').append(line).append('\n')));
        return ByteBuffer.wrap((text + crcLine(text.toString())).getBytes(UTF_8));
    }

    /** Null where the bytes, between position and limit, are not those of such lines, or of another version. */
    static @Nullable ChecksummedLines decode(ByteBuffer content, String version) {
        String text = UTF_8.decode(content.duplicate()).toString();
        int crcAt = text.lastIndexOf("\n" + CRC) + 1;
        String body = text.substring(0, crcAt);
        if (crcAt == 0 || !text.substring(crcAt).equals(crcLine(body))) {
            return null;
        }
        ChecksummedLines lines = new ChecksummedLines();
        for (String line : body.lines().toList()) {
            int space = line.indexOf(' ');
            if (space < 0) {
                return null;
            }
            lines.add(line.substring(0, space), line.substring(space + 1));
        }
        return lines.all(VERSION).equals(List.of(version)) ? lines : null;
    }

    /** @throws IllegalArgumentException where there is no such line, or more than one */
    String text(String name) {
        List<String> all = all(name);
        if (all.size() != 1) {
            throw new IllegalArgumentException("lines of " + name + ": expected 1, actual " + all.size());
        }
        return all.get(0);
    }

    /** @throws IllegalArgumentException as {@link #text}, or for no number */
    long number(String name) {
        return Long.parseLong(text(name));
    }

    /** @throws IllegalArgumentException as {@link #text}, or for no number */
    int integer(String name) {
        return Integer.parseInt(text(name));
    }

    /** @throws IllegalArgumentException as {@link #text} */
    boolean isTrue(String name) {
        return Boolean.parseBoolean(text(name));
    }

    /** The values of all lines with that name. */
    List<String> all(String name) {
        return values.getOrDefault(name, List.of());
    }

    private static String crcLine(String body) {
        CRC32C crc = new CRC32C();
        crc.update(body.getBytes(UTF_8));
        return CRC + crc.getValue() + "\n";
    }
}
