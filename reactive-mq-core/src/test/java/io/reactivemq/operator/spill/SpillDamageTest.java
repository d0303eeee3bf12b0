package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.Numbers.DIRECTORY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.Folders;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Spill files that are not what was written:")
class SpillDamageTest {

    private static final SpillQueue.Config CONFIG = Numbers.config(true, true);

    private FileStore store = FileStore.memory();
    private Map<String, byte[]> files = Map.of();
    private String last = "";
    private int lastFrameAt;
    private long lastFrameSequence;
    private long end;

    /** As a kill leaves them: several segments, the last one with some frames. */
    @BeforeEach
    void write() {
        SpillQueue queue = Numbers.open(store, CONFIG);
        Random random = new Random(7);
        while (end < 120 || lastFrameAt < 500) {
            int count = 1 + random.nextInt(4);
            lastFrameSequence = end;
            Numbers.append(queue, end, count);
            queue.force();
            end += count;
            files = Folders.read(store, DIRECTORY);
            last = files.keySet().stream().max(String::compareTo).orElseThrow();
            lastFrameAt = 0;
            FrameScan frames = lastSegment(store);
            int at = SpillFormat.SEGMENT_HEADER_BYTES;
            while (frames.next()) {
                lastFrameAt = at;
                at = (int) frames.position();
            }
        }
        assertThat(files).hasSizeGreaterThan(4);
    }

    private FrameScan lastSegment(FileStore from) {
        return new FrameScan(
                from.open(DIRECTORY.resolve(last), io.reactivemq.storage.OpenMode.READ),
                SpillFormat.SEGMENT_HEADER_BYTES,
                bytes(last).length,
                Long.parseLong(last.substring(0, 20)));
    }

    private byte[] bytes(String name) {
        return files.getOrDefault(name, new byte[0]);
    }

    private List<Long> read(Map<String, byte[]> content) {
        store = FileStore.memory();
        Folders.write(store, DIRECTORY, content);
        SpillQueue queue = SpillQueue.open(store, DIRECTORY, CONFIG);
        return Numbers.readAll(queue);
    }

    private static List<Long> to(long end) {
        return LongStream.range(0, end).boxed().toList();
    }

    private void assertCut(byte[] content, int size, long elements) {
        assertThat(read(Folders.with(files, last, content))).isEqualTo(to(elements));
        assertThat(store.exists(DIRECTORY.resolve(last)) ? store.size(DIRECTORY.resolve(last)) : 0)
                .as("cut on disk")
                .isEqualTo(size);
        // and it goes on
        SpillQueue queue = SpillQueue.open(store, DIRECTORY, CONFIG);
        Numbers.append(queue, elements, 3);
        queue.force();
        assertThat(Numbers.readAll(queue)).isEqualTo(to(elements + 3));
    }

    private void assertRefused(Map<String, byte[]> content, String... words) {
        assertThatThrownBy(() -> read(content)).isInstanceOfSatisfying(MqException.class, e -> {
            assertThat(e.errorCode()).isEqualTo(ErrorCode.CORRUPT_MESSAGE);
            assertThat(e)
                    .hasMessageContainingAll(
                            DIRECTORY.toString(), "at byte", "expected", "actual", "nothing was deleted");
            assertThat(e).hasMessageContainingAll(words);
        });
        Map<String, byte[]> left = Folders.read(store, DIRECTORY);
        assertThat(left.keySet()).isEqualTo(content.keySet());
        left.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(content.get(name)));
    }

    @Test
    @DisplayName("M11 what a kill leaves is all there")
    void whole() {
        assertCut(bytes(last), bytes(last).length, end);
    }

    @Test
    @DisplayName("M11 a last frame that a kill has torn, at any byte, is cut away")
    void tornAtEveryByte() {
        for (int length = lastFrameAt; length < bytes(last).length; length++) {
            assertCut(Arrays.copyOf(bytes(last), length), lastFrameAt, lastFrameSequence);
            byte[] zeros = Arrays.copyOf(Arrays.copyOf(bytes(last), length), bytes(last).length);
            if (!Arrays.equals(zeros, bytes(last))) {
                assertCut(zeros, lastFrameAt, lastFrameSequence);
            }
        }
    }

    @Test
    @DisplayName("a last segment that was just begun, torn at any byte of its header, is no segment")
    void tornHeader() {
        Map<String, byte[]> begun = new TreeMap<>(files);
        String next = SpillFormat.segmentFile(DIRECTORY, end).getFileName().toString();
        byte[] header = SpillFormat.segmentHeader(end, true).array();
        for (int length = 0; length <= header.length; length++) {
            begun.put(next, Arrays.copyOf(header, length));
            assertThat(read(begun)).isEqualTo(to(end));
            assertThat(store.exists(DIRECTORY.resolve(next))).isFalse();
            begun.put(next, Arrays.copyOf(Arrays.copyOf(header, length), header.length + 100));
            assertThat(read(begun)).isEqualTo(to(end));
        }
    }

    @Test
    @DisplayName("garbage behind the last frame, and in its place, is cut away")
    void garbage() {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            byte[] garbage = new byte[1 + random.nextInt(500)];
            random.nextBytes(garbage);
            assertCut(concat(bytes(last), garbage), bytes(last).length, end);
            int keep = lastFrameAt + random.nextInt(bytes(last).length - lastFrameAt);
            assertCut(concat(Arrays.copyOf(bytes(last), keep), garbage), lastFrameAt, lastFrameSequence);
        }
    }

    @Test
    @DisplayName("a frame that is gone, with later ones in its place or behind garbage of any length, is damage")
    void hole() {
        FrameScan frames = lastSegment(store);
        frames.next();
        int second = (int) frames.position();
        frames.next();
        int third = (int) frames.position();
        byte[] before = Arrays.copyOf(bytes(last), second);
        byte[] after = Arrays.copyOfRange(bytes(last), third, bytes(last).length);
        for (int length = 0; length < 300; length++) {
            assertRefused(
                    Folders.with(files, last, concat(before, new byte[length], after)), last, "at byte " + second);
        }
    }

    @Test
    @DisplayName("a segment that is gone, or shorter than the next one says, is damage when it is come to")
    void missing() {
        List<String> segments =
                files.keySet().stream().filter(name -> name.endsWith(".spill")).toList();
        assertRefusedBehind(Folders.without(files, segments.get(1)), segments.get(0), "sequence behind the segment");
        byte[] first = bytes(segments.get(0));
        for (int length = 1; length < first.length; length += 13) {
            assertRefusedBehind(
                    Folders.with(files, segments.get(0), Arrays.copyOf(first, length)), segments.get(0), "expected");
        }
    }

    private void assertRefusedBehind(Map<String, byte[]> content, String... words) {
        assertRefused(content, words);
    }

    @Test
    @DisplayName("a first segment that is gone is damage, unless all in it had been delivered")
    void firstMissing() {
        List<String> segments =
                files.keySet().stream().filter(name -> name.endsWith(".spill")).toList();
        long second = Long.parseLong(segments.get(1).substring(0, 20));
        Map<String, byte[]> without = Folders.without(files, segments.get(0));
        assertThat(read(without)).as("nothing says that it was there").hasSize((int) (end - second));
        byte[] position = SpillFormat.slot(second - 1).array();
        assertRefused(
                Folders.with(without, SpillFormat.POSITION_FILE, position),
                segments.get(1).substring(0, 20).replaceFirst("^0+", ""));
        position = SpillFormat.slot(second).array();
        assertThat(read(Folders.with(without, SpillFormat.POSITION_FILE, position)))
                .hasSize((int) (end - second));
    }

    @Test
    @DisplayName("a position file that is gone, cut or flipped anywhere only makes elements come again")
    void position() {
        for (long consumed : new long[] {1, 17, 80, end - 1}) {
            byte[] two = ByteBuffer.allocate(SpillFormat.SECOND_SLOT_AT + SpillFormat.SLOT_BYTES)
                    .put(0, SpillFormat.slot(consumed).array())
                    .put(
                            SpillFormat.SECOND_SLOT_AT,
                            SpillFormat.slot(consumed - 1).array())
                    .array();
            assertThat(read(Folders.with(files, SpillFormat.POSITION_FILE, two)))
                    .hasSize((int) (end - consumed));
            for (int bit = 0; bit < two.length * 8; bit++) {
                Map<String, byte[]> flipped = Folders.withBitFlipped(
                        Folders.with(files, SpillFormat.POSITION_FILE, two), SpillFormat.POSITION_FILE, bit);
                int again = read(flipped).size() - (int) (end - consumed);
                assertThat(again).as("bit " + bit).isBetween(0, 1);
            }
            for (int length = 0; length < two.length; length++) {
                assertThat(read(Folders.with(files, SpillFormat.POSITION_FILE, Arrays.copyOf(two, length))))
                        .hasSizeGreaterThanOrEqualTo((int) (end - consumed));
            }
        }
    }

    @Test
    @DisplayName("other files in the directory are left alone")
    void others() {
        Map<String, byte[]> more = new TreeMap<>(files);
        more.put("00000000000000000001.spill.old", new byte[10]);
        more.put("0000000000000000000a.spill", new byte[10]);
        more.put("readme", new byte[10]);
        assertThat(read(more)).isEqualTo(to(end));
        SpillQueue queue = SpillQueue.open(store, DIRECTORY, CONFIG);
        Numbers.readAll(queue);
        queue.consumed(end);
        queue.close(false);
        assertThat(Folders.read(store, DIRECTORY))
                .containsOnlyKeys("00000000000000000001.spill.old", "0000000000000000000a.spill", "readme");
    }

    private static byte[] concat(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }
}
