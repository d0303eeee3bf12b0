package io.reactivemq.record;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.xerial.snappy.Snappy;

/**
 * Decompresses snappy as Kafka's clients write it, in the framing of snappy-java, or as one bare block, as some other clients do. Unlike
 * snappy-java's own stream it believes no length before it has looked at what is there: a few bytes can't make it allocate much.
 *
 * <pre>
 * header:  0x82 'S' 'N' 'A' 'P' 'P' 'Y' 0x00, version int32, least compatible version int32
 * block:   length int32, that many bytes of snappy
 * </pre>
 */
final class SnappyInput extends InputStream {

    private static final long MAGIC = 0x82_53_4e_41_50_50_59_00L;
    private static final int HEADER_BYTES = 16;

    /** The format's densest element copies 64 bytes and takes 3. Older versions of the library do not look. */
    private static final int RATIO_MAX = 22;

    private final ByteBuffer compressed;
    private final boolean framed;
    private long left;

    /** A compressed block of a buffer that has no array, from its begin. */
    private byte[] copied = new byte[0];

    /** The block that is read, from its begin. */
    private byte[] plain = new byte[0];

    private InputStream block = InputStream.nullInputStream();

    /**
     * @param compressed all there is, from position to limit; neither moves
     * @param bytesMax how much may come out
     */
    SnappyInput(ByteBuffer compressed, int bytesMax) {
        this.compressed = compressed.slice();
        this.left = bytesMax;
        this.framed = compressed.remaining() >= HEADER_BYTES && this.compressed.getLong(0) == MAGIC;
        if (framed) {
            this.compressed.position(HEADER_BYTES);
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        for (; ; ) {
            int read = block.read(to, offset, length);
            if (read >= 0 || !compressed.hasRemaining()) {
                return read;
            }
            block = nextBlock();
        }
    }

    private InputStream nextBlock() throws IOException {
        int length = compressed.remaining();
        if (framed) {
            if (length < Integer.BYTES) {
                throw new IOException("a block's length cut off after " + length + " of 4 bytes");
            }
            length = compressed.getInt();
            if (length < 0 || length > compressed.remaining()) {
                throw new IOException("a block of " + length + " bytes where " + compressed.remaining() + " are left");
            }
        }
        byte[] array;
        int at;
        if (compressed.hasArray()) {
            array = compressed.array();
            at = compressed.arrayOffset() + compressed.position();
        } else {
            if (copied.length < length) {
                copied = new byte[length];
            }
            array = copied;
            at = 0;
            compressed.get(compressed.position(), array, 0, length);
        }
        int size = Snappy.uncompressedLength(array, at, length);
        if (size < 0 || size > left) {
            throw new IOException("a block of " + size + " bytes where " + left + " are left");
        }
        if (size > (long) RATIO_MAX * length) {
            throw new IOException("a block of " + size + " bytes that takes " + length + ", where a byte becomes "
                    + RATIO_MAX + " at most");
        }
        left -= size;
        if (plain.length < size) {
            plain = new byte[size];
        }
        int actual = Snappy.uncompress(array, at, length, plain, 0);
        compressed.position(compressed.position() + length);
        return new ByteArrayInputStream(plain, 0, actual);
    }
}
