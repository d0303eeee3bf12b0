package io.reactivemq.netty.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCounted;
import io.reactivemq.broker.LentRecords;
import io.reactivemq.kafka.common.protocol.Writable;
import io.reactivemq.kafka.common.record.internal.BaseRecords;
import io.reactivemq.kafka.common.record.internal.MemoryRecords;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Where Kafka's message classes write to: a Netty buffer of the right size, and between its bytes those of files. */
final class ByteBufWritable implements Writable {

    private final ByteBuf out;
    private final List<Cut> cuts = new ArrayList<>();
    private int lentBytes;

    ByteBufWritable(ByteBuf out) {
        this.out = out;
    }

    /** Of all that was written, files included. */
    int size() {
        return out.readableBytes() + lentBytes;
    }

    /** The buffer, where no file was left out of it. */
    ByteBuf whole() {
        if (!cuts.isEmpty()) {
            throw new IllegalStateException("records are lent, so there is no one buffer");
        }
        return out;
    }

    /** The buffer cut where files come in, and those. */
    List<ReferenceCounted> parts() {
        if (cuts.isEmpty()) {
            return List.of(out);
        }
        List<ReferenceCounted> parts = new ArrayList<>();
        for (Cut cut : cuts) {
            if (cut.index > out.readerIndex()) {
                parts.add(out.readRetainedSlice(cut.index - out.readerIndex()));
            }
            parts.add(new FilePart(cut.records));
        }
        if (out.isReadable()) {
            parts.add(out.readRetainedSlice(out.readableBytes()));
        }
        out.release(); // each slice has a count of its own
        return parts;
    }

    /** Before which byte of the buffer records come in. */
    private record Cut(int index, LentRecords records) {}

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
        if (records instanceof MemoryRecords inMemory) {
            out.writeBytes(inMemory.buffer());
        } else if (records instanceof LentKafkaRecords lent) {
            cuts.add(new Cut(out.writerIndex(), lent.records()));
            lentBytes += lent.sizeInBytes();
        } else {
            throw new IllegalArgumentException("expected records in memory or lent, were "
                    + records.getClass().getName());
        }
    }
}
