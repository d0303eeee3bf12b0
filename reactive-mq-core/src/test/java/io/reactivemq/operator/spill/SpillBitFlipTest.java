package io.reactivemq.operator.spill;

import static io.reactivemq.operator.spill.Numbers.DIRECTORY;
import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.operator.spill.SpillFormat.Flaw;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Each bit in turn, in place, and back again. */
@DisplayName("Spill files with a bit the other way round:")
class SpillBitFlipTest {

    /** The soak profile has 256 KiB. */
    private static final int REOPENED_BYTES = Integer.getInteger("reactivemq.spill.flipped", 16 << 10);

    private static final int VERIFIED_BYTES = 256 << 10;

    private static final int SEARCHED = 61;

    private final FileStore store = FileStore.memory();

    /** The element of each sequence. */
    private final List<ByteBuffer> elements = new ArrayList<>();

    /** Where the frames of the last segment begin. */
    private final List<Integer> frames = new ArrayList<>();

    /** The sequences they begin with. */
    private final List<Integer> sequences = new ArrayList<>();

    /** As a kill leaves it: the last segment has some frames. */
    private void write(SpillQueue.Config config, int bytes, int frameElementsMax) {
        SpillQueue queue = Numbers.open(store, config);
        Random random = new Random(7);
        long lastSize = 0;
        while (queue.diskBytes() < bytes || frames.size() < 3) {
            int first = elements.size();
            int count = 1 + random.nextInt(frameElementsMax);
            Numbers.append(queue, first, count);
            queue.force();
            for (int i = first; i < first + count; i++) {
                elements.add(ByteBuffer.wrap(Numbers.bytes(i)));
            }
            long size = store.size(last());
            if (size < lastSize || frames.isEmpty()) {
                lastSize = SpillFormat.SEGMENT_HEADER_BYTES;
                frames.clear();
                sequences.clear();
            }
            frames.add((int) lastSize);
            sequences.add(first);
            lastSize = size;
        }
    }

    private Path last() {
        List<Path> files = store.list(DIRECTORY);
        return files.get(files.size() - 1);
    }

    private static void flip(StoredFile file, byte[] content, int bit) {
        content[bit / 8] ^= (byte) (1 << (bit % 8));
        file.write(ByteBuffer.wrap(content, bit / 8, 1), bit / 8);
    }

    private byte[] content(Path path) {
        ByteBuffer content = store.readFile(path);
        byte[] bytes = new byte[content.remaining()];
        content.get(bytes);
        return bytes;
    }

    @Test
    @DisplayName("M11 it is damage that names the file, or in the last frame a torn tail; no element is ever wrong")
    void reopened() {
        SpillQueue.Config config =
                new SpillQueue.Config(true, true, Math.max(SpillQueue.Config.SEGMENT_BYTES_MIN, REOPENED_BYTES / 8));
        write(config, REOPENED_BYTES, 4);
        Path last = last();
        int lastFrame = frames.get(frames.size() - 1);
        int refused = 0;
        int cut = 0;
        for (Path path : store.list(DIRECTORY)) {
            byte[] content = content(path);
            try (StoredFile file = store.open(path, OpenMode.WRITE)) {
                for (int bit = 0; bit < content.length * 8; bit++) {
                    flip(file, content, bit);
                    boolean inLastFrame = path.equals(last) && bit >= lastFrame * 8;
                    if (isCut(config, path, bit)) {
                        check(inLastFrame, path, bit, "was not noticed");
                        check(store.size(last) == lastFrame, path, bit, "was not cut away");
                        cut++;
                        flip(file, content, bit);
                        file.write(ByteBuffer.wrap(content), 0);
                    } else {
                        check(file.size() == content.length, path, bit, "led to a cut");
                        refused++;
                        flip(file, content, bit);
                    }
                }
            }
        }
        int frameBits = (int) (store.size(last) - lastFrame) * 8;
        // a length that is less, a larger one, a count: each is as good as torn where nothing follows
        assertThat(cut).isEqualTo(frameBits);
        assertThat(refused + cut).isGreaterThanOrEqualTo(REOPENED_BYTES * 8);
    }

    /** Reads it all; whether it came to a good end, without the last frame. Else to damage in this file. */
    private boolean isCut(SpillQueue.Config config, Path flipped, int bit) {
        long read = 0;
        try {
            SpillQueue queue = SpillQueue.open(store, DIRECTORY, config);
            for (ByteBuffer bytes = queue.next(); bytes != null; bytes = queue.next()) {
                check(bytes.equals(elements.get((int) read)), flipped, bit, "has changed an element");
                read++;
            }
            check(read == sequences.get(sequences.size() - 1), flipped, bit, "cut more or less than the last frame");
            return true;
        } catch (MqException e) {
            String message = String.valueOf(e.getMessage());
            check(e.errorCode() == ErrorCode.CORRUPT_MESSAGE, flipped, bit, message);
            check(message.contains(flipped + " at byte "), flipped, bit, message);
            return false;
        }
    }

    @Test
    @DisplayName("M11 a frame is found that does not count, at its own position, and the one behind it that does")
    void verified() {
        SpillQueue.Config config = new SpillQueue.Config(true, true, VERIFIED_BYTES + (4 << 10));
        write(config, VERIFIED_BYTES, 20);
        Path path = last();
        byte[] content = content(path);
        assertThat(content).hasSizeGreaterThanOrEqualTo(VERIFIED_BYTES);
        try (StoredFile file = store.open(path, OpenMode.WRITE)) {
            for (int bit = 0; bit < SpillFormat.SEGMENT_HEADER_BYTES * 8; bit++) {
                flip(file, content, bit);
                Flaw flaw = SpillFormat.flawOfSegment(ByteBuffer.wrap(content), 0, 0);
                check(flaw != null, path, bit, "of the header was not noticed");
                flip(file, content, bit);
            }
            for (int i = 0; i < frames.size(); i++) {
                int from = frames.get(i);
                int to = i + 1 < frames.size() ? frames.get(i + 1) : content.length;
                for (int bit = from * 8; bit < to * 8; bit++) {
                    flip(file, content, bit);
                    FrameScan scan = new FrameScan(file, from, content.length, sequences.get(i));
                    check(!scan.next() && scan.flaw() != null, path, bit, "was not noticed");
                    check(scan.position() == from, path, bit, "was not placed where its frame begins");
                    // the search looks at every byte of the frame: for those of the header and some of the payload
                    if (bit < (from + SpillFormat.FRAME_HEADER_BYTES) * 8 || bit % SEARCHED == 0) {
                        long behind = to == content.length ? -1 : to;
                        check(scan.findFrameBehind() == behind, path, bit, "hid the frame behind");
                    }
                    flip(file, content, bit);
                }
            }
        }
    }

    /** Plainly, since it is done millions of times. */
    private static void check(boolean asItShould, Path path, int bit, String what) {
        if (!asItShould) {
            throw new AssertionError("bit " + bit + " of " + path + ": " + what);
        }
    }
}
