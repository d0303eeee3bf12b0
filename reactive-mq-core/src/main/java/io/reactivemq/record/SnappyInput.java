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

    private final ByteBuffer compressed;
    private final byte[] array;
    private final boolean framed;
    private long left;

    /** The block that is read, from its begin. */
    private byte[] plain = new byte[0];

    private InputStream block = InputStream.nullInputStream();

    /**
     * @param compressed all there is
     * @param bytesMax how much may come out
     */
    SnappyInput(byte[] compressed, int bytesMax) {
        this.compressed = ByteBuffer.wrap(compressed);
        this.array = compressed;
        this.left = bytesMax;
        this.framed = compressed.length >= HEADER_BYTES && this.compressed.getLong(0) == MAGIC;
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
        int at = compressed.position();
        int size = Snappy.uncompressedLength(array, at, length);
        if (size < 0 || size > left) {
            throw new IOException("a block of " + size + " bytes where " + left + " are left");
        }
        left -= size;
        if (plain.length < size) {
            plain = new byte[size];
        }
        int actual = Snappy.uncompress(array, at, length, plain, 0);
        compressed.position(at + length);
        return new ByteArrayInputStream(plain, 0, actual);
    }
}
