package io.reactivemq.record;

import com.github.luben.zstd.ZstdInputStreamNoFinalizer;
import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import io.reactivemq.Compression;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import net.jpountz.xxhash.XXHashFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xerial.snappy.SnappyError;
import org.xerial.snappy.SnappyOutputStream;

/**
 * Compresses and decompresses the records of a batch in the containers that Kafka's clients use: gzip, the framing of snappy-java,
 * LZ4 frames with independent blocks of 64 KiB, zstd frames. All but gzip come from libraries that may be missing: then the
 * error names the artifact to add.
 *
 * <p>What a batch decompresses to is not known before, and its producer may mean harm: the output grows with what comes out, and
 * has two bounds.
 */
public final class Codec {

    private static final Logger LOG = LoggerFactory.getLogger(Codec.class);

    /** The most that one batch may hold: what a consumer has to have room for in its heap. */
    static final int DECOMPRESSED_BYTES_MAX = 256 << 20;

    /** How much more may come out than went in. Real batches of equal records come to some thousands, with zstd. */
    static final int RATIO_MAX = 20_000;

    /** Below it the ratio is nobody's concern. */
    private static final int RATIO_FREE_BYTES = 4 << 20;

    private static final int FIRST_BYTES_MIN = 1 << 10;
    private static final int FIRST_RATIO = 4;

    private static final int PROBE_BYTES = 64;

    /** Of a compression that has no levels. */
    static final int NO_LEVEL = 0;

    private Codec() {}

    /**
     * Loads the library, native code and all, which reads files: to be called where that is allowed, before the codec is used on a thread
     * that must not block.
     *
     * @throws MqException UNSUPPORTED_COMPRESSION_TYPE where the library is missing or does not run on this machine
     */
    public static void load(Compression compression) {
        if (compression != Compression.NONE) {
            byte[] probe = compress(compression, new byte[PROBE_BYTES], 0, PROBE_BYTES);
            decompress(compression, ByteBuffer.wrap(probe), "a probe");
        }
    }

    /** {@link #load} of all whose libraries are there. */
    public static void loadAll() {
        if (!Loaded.all) {
            for (Compression compression : Compression.values()) {
                try {
                    load(compression);
                } catch (MqException e) {
                    LOG.debug("batches compressed with {} can't be read", compression.configName(), e);
                }
            }
            Loaded.all = true;
        }
    }

    private static final class Loaded {
        /** Twice does no harm. */
        static volatile boolean all;
    }

    /**
     * Compresses the bytes of the array from {@code from} to {@code to}; the result begins with as many bytes of room as are before
     * {@code from}.
     */
    static byte[] compress(Compression compression, byte[] array, int from, int to) {
        return compress(compression, defaultLevel(compression), array, from, to);
    }

    static int defaultLevel(Compression compression) {
        return switch (compression) {
            case GZIP -> StoredCompression.GZIP_LEVEL_DEFAULT;
            case LZ4 -> StoredCompression.LZ4_LEVEL_DEFAULT;
            case ZSTD -> StoredCompression.ZSTD_LEVEL_DEFAULT;
            case NONE, SNAPPY -> NO_LEVEL;
        };
    }

    /**
     * As {@link #compress(Compression, byte[], int, int)}, of what is to be read again: with gzip where the wished compression is so good that
     * readers would take the result for a bomb. Of what gzip compresses a byte becomes 1,032 at most.
     *
     * @throws MqException MESSAGE_TOO_LARGE for more than {@link #DECOMPRESSED_BYTES_MAX}, which is read in no compression
     */
    static Compressed compressReadable(Compression wished, byte[] array, int from, int to) {
        if (to - from > DECOMPRESSED_BYTES_MAX) {
            throw new MqException(
                    ErrorCode.MESSAGE_TOO_LARGE,
                    "a compressed batch: expected records of at most " + DECOMPRESSED_BYTES_MAX + " bytes, actual "
                            + (to - from));
        }
        byte[] bytes = compress(wished, array, from, to);
        return to - from <= bytesMax(bytes.length - from)
                ? new Compressed(wished, ByteBuffer.wrap(bytes))
                : new Compressed(Compression.GZIP, ByteBuffer.wrap(compress(Compression.GZIP, array, from, to)));
    }

    /** What came out, in an array of its own, and of which compression. */
    record Compressed(Compression compression, ByteBuffer bytes) {}

    /** As {@link #compress(Compression, byte[], int, int)}, with a level that the compression has. */
    static byte[] compress(Compression compression, int level, byte[] array, int from, int to) {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream(from + (to - from) / 2);
        compressed.write(array, 0, from);
        try (OutputStream compressing = compressing(compression, level, compressed)) {
            compressing.write(array, from, to - from);
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory", e);
        }
        return compressed.toByteArray();
    }

    /**
     * A stream that compresses what is written to it.
     *
     * @throws MqException UNSUPPORTED_COMPRESSION_TYPE where the library is missing
     */
    static OutputStream compressing(Compression compression, int level, OutputStream to) throws IOException {
        try {
            return switch (compression) {
                case NONE -> to;
                case GZIP -> new Gzip(to, level);
                case SNAPPY -> Snappy.compressing(to);
                case LZ4 -> Lz4.compressing(to, level);
                case ZSTD -> Zstd.compressing(to, level);
            };
        } catch (LinkageError e) {
            throw unavailable(compression, "a batch", e);
        }
    }

    private static final class Gzip extends GZIPOutputStream {
        Gzip(OutputStream to, int level) throws IOException {
            super(to);
            def.setLevel(level);
        }
    }

    /**
     * Decompresses what the buffer has between position and limit.
     *
     * @param where whose records they are, for the error
     * @throws MqException as {@link #decompressing(Compression, ByteBuffer, String)}
     */
    static ByteBuffer decompress(Compression compression, ByteBuffer compressed, String where) {
        int bytesMax = bytesMax(compressed.remaining());
        try (InputStream decompressing = decompressing(compression, compressed, where)) {
            return readAll(decompressing, compressed.remaining(), bytesMax);
        } catch (IOException e) {
            throw new UncheckedIOException("reading from memory", e);
        }
    }

    /**
     * A stream of what the buffer has between position and limit, decompressed; without compression, of the bytes as they are.
     *
     * @param where whose records they are, for the error
     * @throws MqException from the stream as well: CORRUPT_MESSAGE where the bytes are no such container or decompress to too much;
     *     UNSUPPORTED_COMPRESSION_TYPE where the library is missing
     */
    static InputStream decompressing(Compression compression, ByteBuffer compressed, String where) {
        return compression == Compression.NONE
                ? input(compressed)
                : new Decompressing(compression, compressed, where, bytesMax(compressed.remaining()));
    }

    /** What so many bytes may decompress to. */
    static int bytesMax(int compressedBytes) {
        return (int) Math.min(DECOMPRESSED_BYTES_MAX, Math.max(RATIO_FREE_BYTES, (long) compressedBytes * RATIO_MAX));
    }

    /** Keeps to the bound, and says what is wrong as an {@link MqException}. */
    private static final class Decompressing extends InputStream {
        private final Compression compression;
        private final String where;
        private final int bytesMax;
        private final InputStream from;
        private int left;

        Decompressing(Compression compression, ByteBuffer compressed, String where, int bytesMax) {
            this.compression = compression;
            this.where = where;
            this.bytesMax = bytesMax;
            this.left = bytesMax;
            try {
                this.from = Codec.decompressing(compression, compressed, bytesMax);
            } catch (LinkageError e) {
                throw unavailable(compression, where, e);
            } catch (IOException | RuntimeException e) {
                throw corrupt(e);
            }
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] to, int offset, int length) {
            try {
                int read = from.read(to, offset, length);
                left -= Math.max(0, read);
                if (left < 0) {
                    throw new IOException("more");
                }
                return read;
            } catch (LinkageError e) {
                throw unavailable(compression, where, e);
            } catch (IOException | RuntimeException e) {
                throw corrupt(e);
            }
        }

        @Override
        public void close() throws IOException {
            from.close();
        }

        private MqException corrupt(Exception cause) {
            return new MqException(
                    ErrorCode.CORRUPT_MESSAGE,
                    where + ": records: expected " + compression.configName() + " of at most " + bytesMax
                            + " bytes when decompressed, actual: " + cause.getMessage(),
                    cause);
        }
    }

    private static InputStream decompressing(Compression compression, ByteBuffer from, int bytesMax)
            throws IOException {
        return switch (compression) {
            case NONE -> input(from);
            case GZIP -> new GZIPInputStream(input(from));
            case SNAPPY -> Snappy.decompressing(from, bytesMax);
            case LZ4 -> Lz4.decompressing(input(from));
            case ZSTD -> Zstd.decompressing(input(from));
        };
    }

    // each library in a class of its own, which is loaded when it is needed: the JVM looks for all that a class names

    private static final class Snappy {

        static OutputStream compressing(OutputStream to) {
            requireNative();
            return new SnappyOutputStream(to);
        }

        /** Its own error, where its native code does not run on this machine, is no LinkageError as the others' is. */
        private static void requireNative() {
            try {
                org.xerial.snappy.Snappy.maxCompressedLength(1);
            } catch (SnappyError e) {
                throw new LinkageError("snappy's native code", e);
            }
        }

        static InputStream decompressing(ByteBuffer from, int bytesMax) {
            requireNative();
            return new SnappyInput(from, bytesMax);
        }
    }

    private static final class Lz4 {

        private static final long UNKNOWN_SIZE = -1;

        /** Kafka's clients, too, take the fast compressor at the default level. */
        static OutputStream compressing(OutputStream to, int level) throws IOException {
            LZ4Factory factory = LZ4Factory.fastestInstance();
            return new LZ4FrameOutputStream(
                    to,
                    LZ4FrameOutputStream.BLOCKSIZE.SIZE_64KB,
                    UNKNOWN_SIZE,
                    level == StoredCompression.LZ4_LEVEL_DEFAULT
                            ? factory.fastCompressor()
                            : factory.highCompressor(level),
                    XXHashFactory.fastestInstance().hash32(),
                    LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE);
        }

        static InputStream decompressing(InputStream from) throws IOException {
            return new LZ4FrameInputStream(from);
        }
    }

    private static final class Zstd {

        static OutputStream compressing(OutputStream to, int level) throws IOException {
            return new ZstdOutputStreamNoFinalizer(to, level);
        }

        static InputStream decompressing(InputStream from) throws IOException {
            return new ZstdInputStreamNoFinalizer(from);
        }
    }

    private static InputStream input(ByteBuffer buffer) {
        return buffer.hasArray()
                ? new ByteArrayInputStream(buffer.array(), buffer.arrayOffset() + buffer.position(), buffer.remaining())
                : new BufferInput(buffer);
    }

    private static ByteBuffer readAll(InputStream from, int compressedBytes, int bytesMax) throws IOException {
        long first = Math.min(bytesMax, Math.max(FIRST_BYTES_MIN, (long) compressedBytes * FIRST_RATIO));
        byte[] array = new byte[(int) first];
        int size = 0;
        for (; ; ) {
            int read = from.read(array, size, array.length - size);
            if (read < 0) {
                return ByteBuffer.wrap(array, 0, size);
            }
            size += read;
            if (size == array.length) {
                // a byte of room more than there may be, for the stream to say that there is more
                array = Arrays.copyOf(array, (int) Math.min(bytesMax + 1L, 2L * size));
            }
        }
    }

    private static MqException unavailable(Compression compression, String where, LinkageError cause) {
        String artifact = switch (compression) {
            case NONE, GZIP -> throw cause;
            case SNAPPY -> "org.xerial.snappy:snappy-java";
            case LZ4 -> "at.yawk.lz4:lz4-java";
            case ZSTD -> "com.github.luben:zstd-jni";
        };
        boolean missing = cause.getCause() instanceof ClassNotFoundException;
        return new MqException(
                ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
                where + ": " + compression.configName() + " needs the library " + artifact
                        + (missing ? ", which is not on the class path" : ", which can't be loaded on this machine"),
                cause);
    }
}
