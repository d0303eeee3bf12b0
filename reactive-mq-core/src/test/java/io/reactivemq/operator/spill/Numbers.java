package io.reactivemq.operator.spill;

import io.reactivemq.storage.FileStore;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Elements whose content is their sequence, so that whoever reads one knows whether it is the right one and whole. */
final class Numbers {

    static final Path DIRECTORY = Path.of("/data/spill");

    private Numbers() {}

    static SpillQueue.Config config(boolean keep, boolean forced) {
        return new SpillQueue.Config(keep, forced, SpillQueue.Config.SEGMENT_BYTES_MIN);
    }

    static SpillQueue open(FileStore store, SpillQueue.Config config) {
        SpillQueue.makeDirectory(store, DIRECTORY, config);
        return SpillQueue.open(store, DIRECTORY, config);
    }

    static byte[] bytes(long number) {
        return ("number " + number + " " + "x".repeat((int) (number * 7 % 40))).getBytes(StandardCharsets.US_ASCII);
    }

    /** One frame with the next numbers, which is not forced yet. */
    static void append(SpillQueue queue, long first, int count) {
        ByteBuffer frame = queue.frame(64);
        for (long number = first; number < first + count; number++) {
            byte[] bytes = bytes(number);
            frame.putInt(bytes.length).put(bytes);
        }
        queue.append(frame, count);
    }

    /** The next element, checked; null where there is none. */
    static @Nullable Long next(SpillQueue queue) {
        long sequence = queue.readSequence();
        ByteBuffer bytes = queue.next();
        if (bytes == null) {
            return null;
        }
        if (!bytes.equals(ByteBuffer.wrap(bytes(sequence)))) {
            throw new AssertionError("element " + sequence + " is " + StandardCharsets.US_ASCII.decode(bytes));
        }
        return sequence;
    }

    static List<Long> readAll(SpillQueue queue) {
        List<Long> all = new ArrayList<>();
        for (Long number = next(queue); number != null; number = next(queue)) {
            all.add(number);
        }
        return all;
    }
}
