package io.reactivemq.test.simulation;

import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32C;

/** What mistakes do to batches and files. */
final class Batches {

    // where they are in a batch of format v2
    private static final int CRC = 17;
    private static final int ATTRIBUTES = 21;
    private static final int PRODUCER_ID = 43;
    private static final int PRODUCER_EPOCH = 51;
    private static final int BASE_SEQUENCE = 53;
    private static final int TRANSACTIONAL = 0x10;

    private Batches() {}

    /** A copy of the batch as one of nobody, outside of transactions. */
    static ByteBuffer plain(ByteBuffer batch) {
        ByteBuffer copy =
                ByteBuffer.allocate(batch.remaining()).put(batch.duplicate()).flip();
        copy.putShort(ATTRIBUTES, (short) (copy.getShort(ATTRIBUTES) & ~TRANSACTIONAL));
        copy.putLong(PRODUCER_ID, -1);
        copy.putShort(PRODUCER_EPOCH, (short) -1);
        copy.putInt(BASE_SEQUENCE, -1);
        CRC32C crc = new CRC32C();
        crc.update(copy.duplicate().position(ATTRIBUTES));
        copy.putInt(CRC, (int) crc.getValue());
        return copy;
    }

    /** A log without its last batch; where {@code markerOnly}, only if that is the end of a transaction. */
    static byte[] withoutLast(byte[] log, boolean markerOnly) {
        int end = 0;
        int last = 0;
        boolean marker = false;
        for (RecordBatch batch : RecordBatches.of(ByteBuffer.wrap(log))) {
            last = end;
            end += batch.sizeInBytes();
            marker = batch.isControl();
        }
        return marker || !markerOnly ? Arrays.copyOf(log, last) : log;
    }

    /** The store, but that no file is ever forced. */
    static FileStore withoutForce(FileStore store) {
        return proxy(FileStore.class, store, file -> proxy(StoredFile.class, file, same -> same));
    }

    private static <T> T proxy(Class<T> type, T target, java.util.function.UnaryOperator<StoredFile> files) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            if (method.getName().equals("force")) {
                return null;
            }
            try {
                Object result = method.invoke(target, arguments);
                return result instanceof StoredFile file ? files.apply(file) : result;
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        };
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }
}
