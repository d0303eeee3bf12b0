package io.reactivemq.metadata;

import io.reactivemq.coordinator.CoordinatorRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Topics as records of {@code __cluster_metadata-0}. Big-endian; a string is its length in four bytes and UTF-8.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>kind: int16 = 1, name: string</td></tr>
 * <tr><td>value</td><td>version: int16 = 0, state: int8 (0 creating, 1 ready, 2 deleting, 3 growing), internal: int8, id: 16
 *     bytes, partitions: int32, settings: int32, then name: string and value: string of each; of one that is growing, the partitions it had
 *     before: int32</td></tr>
 * </table>
 *
 * A tombstone ends the topic.
 */
final class TopicRecords {

    private static final short KIND_TOPIC = 1;
    private static final short VERSION = 0;

    private TopicRecords() {}

    static CoordinatorRecord of(TopicImage topic) {
        Map<String, String> configs = new TreeMap<>(topic.configs());
        List<byte[]> settings = new ArrayList<>();
        configs.forEach((name, setting) -> {
            settings.add(utf8(name));
            settings.add(utf8(setting));
        });
        boolean growing = topic.state() == TopicImage.State.GROWING;
        int size = 2 + 1 + 1 + 16 + 4 + 4 + (growing ? 4 : 0);
        for (byte[] text : settings) {
            size += 4 + text.length;
        }
        ByteBuffer value = ByteBuffer.allocate(size);
        value.putShort(VERSION);
        value.put(topic.state().code());
        value.put((byte) (topic.internal() ? 1 : 0));
        value.putLong(topic.id().getMostSignificantBits()).putLong(topic.id().getLeastSignificantBits());
        value.putInt(topic.partitions()).putInt(configs.size());
        for (byte[] text : settings) {
            value.putInt(text.length).put(text);
        }
        if (growing) {
            value.putInt(topic.made());
        }
        return new CoordinatorRecord(key(topic.name()), value.array());
    }

    static CoordinatorRecord tombstone(String name) {
        return new CoordinatorRecord(key(name), null);
    }

    private static byte[] key(String name) {
        byte[] utf8 = utf8(name);
        return ByteBuffer.allocate(2 + 4 + utf8.length)
                .putShort(KIND_TOPIC)
                .putInt(utf8.length)
                .put(utf8)
                .array();
    }

    /** The topic's name. */
    static String readKey(ByteBuffer key) {
        expect("kind of record", KIND_TOPIC, key.getShort());
        return readString(key);
    }

    static TopicImage readValue(String name, ByteBuffer value) {
        expect("version of topic " + name, VERSION, value.getShort());
        TopicImage.State state = TopicImage.State.ofCode(value.get());
        boolean internal = value.get() == 1;
        UUID id = new UUID(value.getLong(), value.getLong());
        int partitions = value.getInt();
        Map<String, String> configs = new HashMap<>();
        for (int left = value.getInt(); left > 0; left--) {
            configs.put(readString(value), readString(value));
        }
        int made = switch (state) {
            case CREATING, DELETING -> 0;
            case READY -> partitions;
            case GROWING -> value.getInt();
        };
        return new TopicImage(name, id, partitions, made, configs, internal, state);
    }

    private static void expect(String what, int expected, int actual) {
        if (actual != expected) {
            throw new IllegalStateException("cluster metadata: " + what + " is " + actual + ", this version reads "
                    + expected + "; was the directory written by a newer one?");
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String readString(ByteBuffer from) {
        byte[] text = new byte[from.getInt()];
        from.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }
}
