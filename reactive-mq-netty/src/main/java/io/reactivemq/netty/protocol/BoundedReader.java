package io.reactivemq.netty.protocol;

import io.reactivemq.kafka.common.protocol.ByteBufferAccessor;
import io.reactivemq.kafka.common.protocol.types.RawTaggedField;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Reads a message, and adds up what becomes of it on the heap, so that a small frame can't become large there: two bytes may be a text, an object that
 * has it, and a place in a list. It is estimated, rather too high than too low, from what is read.
 *
 * <p>The work is in proportion to it: what Kafka's message classes keep in tables, where keys of equal hashes would take the cube of their number, is
 * kept in lists here ({@link io.reactivemq.kafka.common.utils.internals.ImplicitLinkedHashCollection}).
 */
final class BoundedReader extends ByteBufferAccessor {

    /** What a byte of a frame may take up. Of what clients send, offsets without metadata come near to it. */
    static final int HEAP_BYTES_PER_BYTE = 8;

    /** A shorter frame counts as this one: lists of short names take up more, and are not long. */
    static final int FRAME_BYTES_MIN = 256 * 1024;

    private static final int NUMBER_BYTES = 16;
    private static final int SMALL_NUMBER_BYTES = 8;
    private static final int ARRAY_BYTES = 16;
    private static final int TEXT_BYTES = 40;
    private static final int BUFFER_BYTES = 128;

    /** More than it takes up: none is known that clients send, so there are few. */
    private static final int TAGGED_FIELD_BYTES = 1024;

    /** With the one that stands there before. */
    private static final int LIST_BYTES = 48;

    /** Of a list, for an element. */
    private static final int PLACE_BYTES = 8;

    private final long max;
    private long used;

    /** The number that was read last: the length of a list, if one is about to be made. */
    private int length;

    BoundedReader(ByteBuffer frame) {
        super(frame);
        this.max = (long) HEAP_BYTES_PER_BYTE * Math.max(FRAME_BYTES_MIN, frame.limit());
    }

    private void charge(long bytes) {
        used += bytes;
        if (used > max) {
            throw new IllegalArgumentException(
                    "it has so many parts that they would take up more than " + max + " bytes");
        }
    }

    @Override
    public byte readByte() {
        charge(SMALL_NUMBER_BYTES);
        return super.readByte();
    }

    @Override
    public short readShort() {
        charge(SMALL_NUMBER_BYTES);
        return super.readShort();
    }

    @Override
    public int readInt() {
        charge(NUMBER_BYTES);
        length = super.readInt();
        return length;
    }

    @Override
    public long readLong() {
        charge(NUMBER_BYTES);
        return super.readLong();
    }

    @Override
    public double readDouble() {
        charge(NUMBER_BYTES);
        return super.readDouble();
    }

    @Override
    public int readUnsignedVarint() {
        charge(NUMBER_BYTES);
        length = super.readUnsignedVarint();
        return length;
    }

    @Override
    public byte[] readArray(int size) {
        charge(ARRAY_BYTES + Math.max(0L, size));
        return super.readArray(size);
    }

    @Override
    public String readString(int bytes) {
        charge(TEXT_BYTES + Math.max(0L, bytes));
        return super.readString(bytes);
    }

    @Override
    public ByteBuffer readByteBuffer(int size) {
        charge(BUFFER_BYTES);
        return super.readByteBuffer(size);
    }

    @Override
    public List<RawTaggedField> readUnknownTaggedField(List<RawTaggedField> fields, int tag, int size) {
        charge(TAGGED_FIELD_BYTES);
        return super.readUnknownTaggedField(fields, tag, size);
    }

    /** Asked before a list is made, with room for as many elements as were read just now. */
    @Override
    public int remaining() {
        int remaining = super.remaining();
        if (length <= remaining) {
            charge(LIST_BYTES + (long) PLACE_BYTES * Math.max(0, length));
        }
        return remaining;
    }
}
