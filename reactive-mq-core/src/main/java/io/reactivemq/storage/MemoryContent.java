package io.reactivemq.storage;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a file in memory: chunks of 4 KiB, doubling up to 512 KiB, then all of one size, so that a small file costs
 * little and a large one is never copied to grow.
 *
 * <pre>
 * chunk       0      1       2    ...        7          8              9
 * bytes   4,096  8,192  16,384    ...  524,288  1,048,560      1,048,560   ...
 * </pre>
 *
 * <p>A chunk of full size takes 1 MiB with its array header, and not a byte more: the collector gives each array of half a
 * region or more whole regions, and wastes what is left.
 *
 * <p>One writer, many readers: the writer fills chunks, then publishes them with {@link #size}; readers look no further.
 */
final class MemoryContent {

    private static final int FIRST_BYTES = 4096;
    private static final int GROWING_CHUNKS = 8;
    private static final int GROWING_BYTES = FIRST_BYTES * ((1 << GROWING_CHUNKS) - 1);
    private static final int FULL_BYTES = (1 << 20) - 16;

    /** Written by the writer. Invariant: every chunk that begins before {@code size} is there. */
    private volatile byte[] @Nullable [] chunks = new byte[4][];

    /** Written by the writer. */
    private volatile long size;

    long size() {
        return size;
    }

    void write(ByteBuffer source, long position) {
        long end = position + source.remaining();
        long sizeBefore = size;
        if (position > sizeBefore) {
            fillWithZeros(sizeBefore, position);
        }
        long at = position;
        while (source.hasRemaining()) {
            int index = chunkAt(at);
            byte[] chunk = chunkForWriting(index);
            int from = (int) (at - startOf(index));
            int length = Math.min(source.remaining(), chunk.length - from);
            source.get(chunk, from, length);
            at += length;
        }
        if (end > sizeBefore) {
            size = end;
        }
    }

    /** A view up to the end of the chunk, or a copy of {@code lengthMin} bytes that lie in several. The range exists. */
    ByteBuffer read(long position, int lengthMin, int lengthMax) {
        if (lengthMax == 0) {
            return ByteBuffer.allocate(0).asReadOnlyBuffer();
        }
        int index = chunkAt(position);
        byte[] chunk = chunk(index);
        int from = (int) (position - startOf(index));
        int contiguous = Math.min(lengthMax, chunk.length - from);
        if (contiguous >= lengthMin) {
            return ByteBuffer.wrap(chunk, from, contiguous).slice().asReadOnlyBuffer();
        }
        byte[] copy = new byte[lengthMin];
        int copied = 0;
        while (copied < lengthMin) {
            int length = Math.min(lengthMin - copied, chunk.length - from);
            System.arraycopy(chunk, from, copy, copied, length);
            copied += length;
            if (copied < lengthMin) {
                chunk = chunk(++index);
                from = 0;
            }
        }
        return ByteBuffer.wrap(copy).asReadOnlyBuffer();
    }

    void truncate(long newSize) {
        if (newSize >= size) {
            return;
        }
        size = newSize;
        byte[] @Nullable [] table = chunks;
        int keep = newSize == 0 ? 0 : chunkAt(newSize - 1) + 1;
        for (int i = keep; i < table.length && table[i] != null; i++) {
            table[i] = null;
        }
    }

    private void fillWithZeros(long from, long to) {
        long at = from;
        while (at < to) {
            int index = chunkAt(at);
            byte[] chunk = chunkForWriting(index);
            int begin = (int) (at - startOf(index));
            int end = (int) Math.min(chunk.length, begin + (to - at));
            Arrays.fill(chunk, begin, end, (byte) 0);
            at += end - begin;
        }
    }

    private byte[] chunk(int index) {
        byte[] chunk = chunks[index];
        if (chunk == null) {
            throw new IllegalStateException("chunk " + index + " of a file of " + size + " bytes is not there");
        }
        return chunk;
    }

    private byte[] chunkForWriting(int index) {
        byte[] @Nullable [] table = chunks;
        if (index >= table.length) {
            table = Arrays.copyOf(table, Math.max(index + 1, table.length * 2));
            chunks = table;
        }
        byte[] chunk = table[index];
        if (chunk == null) {
            chunk = new byte[index < GROWING_CHUNKS ? FIRST_BYTES << index : FULL_BYTES];
            table[index] = chunk;
        }
        return chunk;
    }

    private static int chunkAt(long position) {
        if (position < GROWING_BYTES) {
            return 31 - Integer.numberOfLeadingZeros((int) position / FIRST_BYTES + 1);
        }
        return GROWING_CHUNKS + Math.toIntExact((position - GROWING_BYTES) / FULL_BYTES);
    }

    private static long startOf(int index) {
        return index < GROWING_CHUNKS
                ? (long) FIRST_BYTES * ((1 << index) - 1)
                : GROWING_BYTES + (long) (index - GROWING_CHUNKS) * FULL_BYTES;
    }
}
