package io.reactivemq.record;

import io.reactivemq.Header;
import io.reactivemq.Headers;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Batches for tests: built from records, written byte by byte, or random from a seed. */
final class TestBatches {

    static final long NOW_MS = 1_700_000_000_000L;

    // the lengths at which a varint becomes a byte longer, and around them
    private static final int[] LENGTHS = {0, 1, 7, 20, 63, 64, 65, 100, 127, 128, 1000, 8191, 8192};

    private TestBatches() {}

    /** The seeds 1 to count, or the one that -Dreactivemq.seed names, or as many as -Dreactivemq.seeds says. */
    static LongStream seeds(int count) {
        Long one = Long.getLong("reactivemq.seed");
        return one != null
                ? LongStream.of(one)
                : LongStream.rangeClosed(1, Integer.getInteger("reactivemq.seeds", count));
    }

    static ByteBuffer encode(List<TestRecord> records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(RecordBatch.HEADER_BYTES, Integer.MAX_VALUE);
        for (TestRecord record : records) {
            if (!record.appendTo(builder)) {
                throw new AssertionError("no room for " + record);
            }
        }
        return builder.build();
    }

    static List<TestRecord> randomRecords(Random random) {
        List<TestRecord> records = new ArrayList<>();
        int count = random.nextInt(10) == 0 ? 60 + random.nextInt(100) : 1 + random.nextInt(20);
        for (int i = 0; i < count; i++) {
            records.add(TestRecord.of(
                            randomTimestamp(random),
                            randomBytes(random, 60),
                            randomBytes(random, 2000),
                            randomHeaders(random))
                    .at(i));
        }
        return records;
    }

    private static long randomTimestamp(Random random) {
        return switch (random.nextInt(6)) {
            case 0 -> -1;
            case 1 -> 0;
            case 2 -> random.nextLong() >>> 1;
            case 3 -> NOW_MS;
            default -> NOW_MS + random.nextInt(100_000) - 50_000;
        };
    }

    private static byte @Nullable [] randomBytes(Random random, int usualMax) {
        int kind = random.nextInt(20);
        if (kind == 0) {
            return null;
        }
        byte[] bytes = new byte[kind == 1 ? LENGTHS[random.nextInt(LENGTHS.length)] : random.nextInt(usualMax)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static Headers randomHeaders(Random random) {
        List<Header> headers = new ArrayList<>();
        for (int i = random.nextInt(3) == 0 ? random.nextInt(5) : 0; i > 0; i--) {
            StringBuilder name = new StringBuilder();
            for (int c = random.nextInt(8); c > 0; c--) {
                name.appendCodePoint(new int[] {'a', 'Z', '.', 'ß', 'あ', 0x1F600}[random.nextInt(6)]);
            }
            headers.add(Header.of(name.toString(), randomBytes(random, 40)));
        }
        return Headers.of(headers);
    }

    /** A batch whose header is in order, its CRC too, around those bytes. */
    static ByteBuffer around(int count, byte[] records) {
        ByteBuffer batch = ByteBuffer.allocate(61 + records.length);
        batch.putLong(0)
                .putInt(49 + records.length)
                .putInt(0)
                .put((byte) 2)
                .putInt(0)
                .putShort((short) 0)
                .putInt(Math.max(0, count - 1))
                .putLong(NOW_MS)
                .putLong(NOW_MS)
                .putLong(-1)
                .putShort((short) -1)
                .putInt(-1)
                .putInt(count)
                .put(records)
                .flip();
        return seal(batch);
    }

    /** As {@link #around(int, byte[])}, the bytes in hexadecimal with spaces between them as one likes. */
    static ByteBuffer around(int count, String records) {
        return around(count, HexFormat.of().parseHex(records.replace(" ", "")));
    }

    /** Makes the CRC right for the bytes that are there. */
    static ByteBuffer seal(ByteBuffer batch) {
        CRC32C crc = new CRC32C();
        crc.update(batch.duplicate().position(21));
        return batch.putInt(17, (int) crc.getValue());
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static ByteBuffer copy(ByteBuffer buffer) {
        return ByteBuffer.wrap(bytes(buffer));
    }
}
