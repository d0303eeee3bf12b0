package io.reactivemq.record;

import io.reactivemq.Compression;
import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How a topic keeps the batches that producers send: as they came, or all with one compression. The levels are those of the topic; a batch that came with
 * the topic's compression stays as it is, whatever its level (KIP-390).
 *
 * @param type {@code compression.type}
 * @param gzipLevel {@code compression.gzip.level}: 1 to 9, or -1 for the library's own choice
 * @param lz4Level {@code compression.lz4.level}: 1 to 17; at 9, the default, the fast compressor is taken, else the one that compresses harder
 * @param zstdLevel {@code compression.zstd.level}: -131,072 to 22
 */
public record StoredCompression(Type type, int gzipLevel, int lz4Level, int zstdLevel) {

    public static final int GZIP_LEVEL_DEFAULT = -1;
    public static final int GZIP_LEVEL_MIN = 1;
    public static final int GZIP_LEVEL_MAX = 9;
    public static final int LZ4_LEVEL_DEFAULT = 9;
    public static final int LZ4_LEVEL_MIN = 1;
    public static final int LZ4_LEVEL_MAX = 17;
    public static final int ZSTD_LEVEL_DEFAULT = 3;
    public static final int ZSTD_LEVEL_MIN = -131_072;
    public static final int ZSTD_LEVEL_MAX = 22;

    /** As they came. */
    public static final StoredCompression OF_PRODUCER =
            new StoredCompression(Type.PRODUCER, GZIP_LEVEL_DEFAULT, LZ4_LEVEL_DEFAULT, ZSTD_LEVEL_DEFAULT);

    public StoredCompression {
        Objects.requireNonNull(type, "type");
        if (gzipLevel != GZIP_LEVEL_DEFAULT) {
            require("gzipLevel", gzipLevel, GZIP_LEVEL_MIN, GZIP_LEVEL_MAX);
        }
        require("lz4Level", lz4Level, LZ4_LEVEL_MIN, LZ4_LEVEL_MAX);
        require("zstdLevel", zstdLevel, ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX);
    }

    private static void require(String name, int level, int min, int max) {
        if (level < min || level > max) {
            throw new IllegalArgumentException(name + " must be " + min + " to " + max + ", was " + level);
        }
    }

    public StoredCompression withType(Type value) {
        return new StoredCompression(value, gzipLevel, lz4Level, zstdLevel);
    }

    public StoredCompression withGzipLevel(int value) {
        return new StoredCompression(type, value, lz4Level, zstdLevel);
    }

    public StoredCompression withLz4Level(int value) {
        return new StoredCompression(type, gzipLevel, value, zstdLevel);
    }

    public StoredCompression withZstdLevel(int value) {
        return new StoredCompression(type, gzipLevel, lz4Level, value);
    }

    /** Whether a batch is not kept as it came. */
    public boolean changes(RecordBatch batch) {
        return type.compression != null && type.compression != batch.compression();
    }

    /**
     * The batch with the same records and header, compressed as it is to be kept, in a buffer of its own. Its records are looked at one by one:
     * a batch that could not be read would not be found out later. They pass by in small pieces; what it takes of the heap is what comes out.
     *
     * @param bytesMax the largest that may come out
     * @param context what the batch belongs to; begins the error's message
     * @param look has to walk to the end, and may refuse
     * @throws MqException CORRUPT_MESSAGE where the records can't be read; MESSAGE_TOO_LARGE where more comes out, or so little that no reader
     *     takes it for a batch of good will; UNSUPPORTED_COMPRESSION_TYPE where a library is missing
     */
    public ByteBuffer apply(RecordBatch batch, int bytesMax, String context, Consumer<? super RecordWalk> look) {
        Compression to = type.compression;
        if (to == null) {
            throw new IllegalStateException("batches stay as they came");
        }
        return batch.compressedAs(to, level(to), bytesMax, context, look);
    }

    private int level(Compression compression) {
        return switch (compression) {
            case GZIP -> gzipLevel;
            case LZ4 -> lz4Level;
            case ZSTD -> zstdLevel;
            case NONE, SNAPPY -> Codec.NO_LEVEL;
        };
    }

    /**
     * Loads the libraries that keeping batches so takes, native code and all: see {@link Codec#load}.
     *
     * @throws MqException UNSUPPORTED_COMPRESSION_TYPE where the one that compresses is missing
     */
    public void load() {
        Compression to = type.compression;
        if (to != null) {
            Codec.load(to);
            Codec.loadAll(); // what producers use has to be read
        }
    }

    /** The values of {@code compression.type}. */
    public enum Type {
        PRODUCER(null),
        UNCOMPRESSED(Compression.NONE),
        GZIP(Compression.GZIP),
        SNAPPY(Compression.SNAPPY),
        LZ4(Compression.LZ4),
        ZSTD(Compression.ZSTD);

        private final @Nullable Compression compression;

        Type(@Nullable Compression compression) {
            this.compression = compression;
        }

        /** The name in configurations, as Kafka's: {@code producer}, {@code uncompressed}, {@code gzip}, ... */
        public String configName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
