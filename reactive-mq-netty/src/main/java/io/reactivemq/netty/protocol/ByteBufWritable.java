package io.reactivemq.netty.protocol;

import io.netty.buffer.ByteBuf;
import io.reactivemq.kafka.common.protocol.Writable;
import io.reactivemq.kafka.common.record.internal.BaseRecords;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import java.nio.ByteBuffer;

/** Where Kafka's message classes write to: a Netty buffer of the right size. */
final class ByteBufWritable implements Writable {

    private final ByteBuf out;

    ByteBufWritable(ByteBuf out) {
        this.out = out;
    }

    @Override
    public void writeByte(byte value) {
        out.writeByte(value);
    }

    @Override
    public void writeShort(short value) {
        out.writeShort(value);
    }

    @Override
    public void writeInt(int value) {
        out.writeInt(value);
    }

    @Override
    public void writeLong(long value) {
        out.writeLong(value);
    }

    @Override
    public void writeDouble(double value) {
        out.writeDouble(value);
    }

    @Override
    public void writeByteArray(byte[] bytes) {
        out.writeBytes(bytes);
    }

    @Override
    public void writeUnsignedVarint(int value) {
        int rest = value;
        while ((rest & ~0x7f) != 0) {
            out.writeByte((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.writeByte(rest);
    }

    @Override
    public void writeByteBuffer(ByteBuffer bytes) {
        out.writeBytes(bytes.duplicate());
    }

    @Override
    public void writeVarint(int value) {
        writeUnsignedVarint((value << 1) ^ (value >> 31));
    }

    @Override
    public void writeVarlong(long value) {
        long rest = (value << 1) ^ (value >> 63);
        while ((rest & ~0x7fL) != 0) {
            out.writeByte((int) (rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.writeByte((int) rest);
    }

    @Override
    public void writeRecords(BaseRecords records) {
        if (!(records instanceof MemoryRecords inMemory)) {
            throw new IllegalArgumentException(
                    "expected records in memory, were " + records.getClass().getName());
        }
        out.writeBytes(inMemory.buffer());
    }
}
