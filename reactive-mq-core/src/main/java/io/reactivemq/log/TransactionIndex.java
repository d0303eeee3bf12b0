package io.reactivemq.log;

import io.reactivemq.MqException;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.OpenMode;
import io.reactivemq.storage.StorageException;
import io.reactivemq.storage.StoredFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The transactions that were aborted by a marker in one segment, in the order of their markers. Kafka's {@code .txnindex}; there is
 * no file where there are none.
 *
 * <pre>
 * entry of 34 bytes: version int16 = 0, producer id int64, first offset int64, last offset int64, last stable offset int64
 * </pre>
 *
 * <p>While the segment grows the entries are on the heap, and the file follows at {@link #flush}; {@link #seal} leaves them to the
 * file. A missing entry would show aborted records, so the checkpoint says how many entries there are, with a checksum; an index that is
 * not what it says is made again from the log.
 *
 * <p>One writer adds; any number of threads collect.
 */
final class TransactionIndex {

    static final int ENTRY_BYTES = 34;

    private static final Logger LOGGER = LoggerFactory.getLogger(TransactionIndex.class);
    private static final short VERSION = 0;
    private static final AbortedTransaction[] NONE = {};

    private final FileStore store;
    private final Path directory;
    private final long baseOffset;

    /** Null once they are in the file only. */
    private volatile AbortedTransaction @Nullable [] entries = NONE;

    private volatile int count;

    /** Of the entries that were flushed. Guarded by this. */
    private CRC32C flushedCrc = new CRC32C();

    private int flushed;

    TransactionIndex(FileStore store, Path directory, long baseOffset) {
        this.store = store;
        this.directory = directory;
        this.baseOffset = baseOffset;
    }

    /**
     * What an index holds, as a checkpoint records it.
     *
     * @param baseOffset of the segment
     * @param entries how many
     * @param crc the CRC-32C over them
     */
    record State(long baseOffset, int entries, long crc) {}

    /**
     * The entries that the state tells of, from the file.
     *
     * @return null where the file has not got them
     */
    static @Nullable TransactionIndex load(FileStore store, Path directory, State state) {
        TransactionIndex index = new TransactionIndex(store, directory, state.baseOffset);
        ByteBuffer bytes = index.readFile(state.entries);
        if (bytes == null) {
            return null;
        }
        index.flushedCrc.update(bytes.duplicate());
        if (index.flushedCrc.getValue() != state.crc) {
            return null;
        }
        AbortedTransaction[] loaded = new AbortedTransaction[state.entries];
        for (int i = 0; i < loaded.length; i++) {
            loaded[i] = decode(bytes);
        }
        index.entries = loaded;
        index.count = loaded.length;
        index.flushed = loaded.length;
        return index;
    }

    /** The writer's. Entries come in the order of their last offsets. */
    void add(AbortedTransaction aborted) {
        AbortedTransaction[] now = entries;
        if (now == null) {
            throw new IllegalStateException("the index " + path() + " is closed");
        }
        int size = count;
        if (size == now.length) {
            now = Arrays.copyOf(now, Math.max(4, 2 * size));
            entries = now;
        }
        now[size] = aborted;
        count = size + 1;
    }

    int count() {
        return count;
    }

    /** Made when it is asked for: most logs have no such file. */
    private Path path() {
        return IndexFormat.transactionIndexFile(directory, baseOffset);
    }

    /** The last offset of the last entry; -1: there is none. For the opening, before the index is sealed. */
    long lastOffset() {
        AbortedTransaction[] now = entries;
        int size = count;
        return now == null || size == 0 ? -1 : now[size - 1].lastOffset();
    }

    /**
     * Brings the file up to date with the first so many entries; fewer than an earlier call said must not be asked for.
     *
     * @return what a checkpoint says of it, whether or not the file could be written: if not, the index is made again by the next opening
     */
    synchronized State flush(int wanted) {
        AbortedTransaction[] now = entries;
        if (now == null || wanted == flushed) {
            return new State(baseOffset, flushed, flushedCrc.getValue());
        }
        ByteBuffer bytes = ByteBuffer.allocate((wanted - flushed) * ENTRY_BYTES);
        for (int i = flushed; i < wanted; i++) {
            encode(now[i], bytes);
        }
        bytes.flip();
        long end = (long) flushed * ENTRY_BYTES;
        flushedCrc.update(bytes.duplicate());
        flushed = wanted;
        try (StoredFile file = store.open(path(), OpenMode.CREATE)) {
            file.truncate(end);
            file.write(bytes, end);
        } catch (StorageException e) {
            LOGGER.warn("index {} could not be written; it is made again when the log is opened", path(), e);
        }
        return new State(baseOffset, flushed, flushedCrc.getValue());
    }

    /** The segment has got its last batch: from now on the entries are read from the file, if it has them. */
    synchronized State seal() {
        State state = flush(count);
        if (count == 0) {
            deleteIfEmpty();
        } else if (isInFile(state)) {
            entries = null;
        }
        return state;
    }

    /** From now on the entries are on the heap, so that the file can go: {@link #moveAside}. */
    void keepOnHeap() {
        if (entries == null) {
            ByteBuffer bytes = verifiedFile(count);
            AbortedTransaction[] loaded = new AbortedTransaction[count];
            for (int i = 0; i < loaded.length; i++) {
                loaded[i] = decode(bytes);
            }
            entries = loaded;
        }
    }

    void moveAside() {
        if (store.exists(path())) {
            store.delete(path());
        }
    }

    /** Without entries a file is one that tells of a history which a crash has taken back. */
    void deleteIfEmpty() {
        try {
            if (count == 0 && store.exists(path())) {
                store.delete(path());
            }
        } catch (StorageException e) {
            LOGGER.warn("{} has no entries and could not be deleted", path(), e);
        }
    }

    private boolean isInFile(State state) {
        try {
            ByteBuffer bytes = readFile(state.entries);
            return bytes != null && store.size(path()) == bytes.limit() && crcOf(bytes) == state.crc;
        } catch (StorageException e) {
            LOGGER.warn("index {} could not be read back and stays on the heap", path(), e);
            return false;
        }
    }

    /**
     * Adds the transactions with records between the offsets.
     *
     * @param to exclusive; all transactions with records below it have ended
     * @return whether later segments can have no more of them
     */
    boolean collect(long from, long to, List<AbortedTransaction> into) {
        int size = count; // before the entries: they are at least as many
        AbortedTransaction[] now = entries;
        ByteBuffer bytes = null;
        if (now == null) {
            size = count; // all there will be: one may have come since the look before
            try {
                bytes = verifiedFile(size);
            } catch (MqException e) {
                now = entries;
                if (now == null) {
                    throw e;
                }
                // the file was given up under this reader, and the entries are here again
            }
        }
        for (int i = 0; i < size; i++) {
            AbortedTransaction entry = bytes != null ? decode(bytes) : now == null ? null : now[i];
            if (entry == null) {
                break;
            }
            if (entry.lastOffset() >= from && entry.firstOffset() < to) {
                into.add(entry);
            }
            if (entry.lastStableOffset() >= to) {
                return true;
            }
        }
        return false;
    }

    private ByteBuffer verifiedFile(int size) {
        ByteBuffer bytes = readFile(size);
        long crc;
        synchronized (this) {
            crc = flushedCrc.getValue();
        }
        if (bytes == null || crcOf(bytes) != crc) {
            throw LogDamage.of(
                    path(),
                    0,
                    "entries of the transaction index",
                    size + " with crc " + crc,
                    bytes == null ? "fewer" : "crc " + crcOf(bytes));
        }
        return bytes;
    }

    private @Nullable ByteBuffer readFile(int size) {
        int length = size * ENTRY_BYTES;
        if (length == 0) {
            return ByteBuffer.allocate(0);
        }
        if (!store.exists(path()) || store.size(path()) < length) {
            return null;
        }
        try (StoredFile file = store.open(path(), OpenMode.READ)) {
            return file.read(0, length).slice();
        }
    }

    private static long crcOf(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return crc.getValue();
    }

    private static void encode(AbortedTransaction entry, ByteBuffer to) {
        to.putShort(VERSION)
                .putLong(entry.producerId())
                .putLong(entry.firstOffset())
                .putLong(entry.lastOffset())
                .putLong(entry.lastStableOffset());
    }

    private static AbortedTransaction decode(ByteBuffer from) {
        from.getShort();
        return new AbortedTransaction(from.getLong(), from.getLong(), from.getLong(), from.getLong());
    }
}
