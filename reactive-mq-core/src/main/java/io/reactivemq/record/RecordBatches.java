package io.reactivemq.record;

import io.reactivemq.MqException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.NoSuchElementException;

/** Whole batches one behind the other, as a produce request or a fetch holds them. */
public final class RecordBatches implements Iterable<RecordBatch> {

    private final ByteBuffer buffer;

    private RecordBatches(ByteBuffer buffer) {
        this.buffer = buffer;
    }

    /** The batches between the buffer's position and its limit; the buffer itself is left as it is. */
    public static RecordBatches of(ByteBuffer records) {
        return new RecordBatches(records.duplicate());
    }

    /** Whether the records of one of the batches are compressed, as far as there are whole headers; nothing else of them is looked at. */
    public static boolean isAnyCompressed(ByteBuffer records) {
        ByteBuffer view = records.duplicate();
        long position = view.position();
        while (view.limit() - position >= RecordBatch.HEADER_BYTES) {
            if (RecordBatch.isCompressed(view.getShort((int) position + RecordBatch.ATTRIBUTES_AT))) {
                return true;
            }
            position += Math.max(0, view.getInt((int) position + RecordBatch.LENGTH_AT))
                    + (long) RecordBatch.LENGTH_OVERHEAD_BYTES;
        }
        return false;
    }

    /**
     * Walks the batches. {@link Iterator#next()} throws {@link MqException} CORRUPT_MESSAGE where the bytes that are
     * left do not begin with a whole batch.
     */
    @Override
    public Iterator<RecordBatch> iterator() {
        return new Iterator<>() {
            private int position = buffer.position();

            @Override
            public boolean hasNext() {
                return position < buffer.limit();
            }

            @Override
            public RecordBatch next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                RecordBatch batch = RecordBatch.of(buffer, position);
                position += batch.sizeInBytes();
                return batch;
            }
        };
    }
}
