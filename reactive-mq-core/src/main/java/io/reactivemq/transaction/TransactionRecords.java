package io.reactivemq.transaction;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.broker.TransactionDescription.State;
import io.reactivemq.broker.TransactionVersion;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Transactions as records of {@code __transaction_state}, in Kafka's own format ({@code TransactionLogKey} version 0, {@code
 * TransactionLogValue} version 1), so that Kafka's tools read them. Big-endian. A compact string or array has its length plus one as an
 * unsigned varint before it; a tagged field is its tag and its size, both unsigned varints, and its bytes.
 *
 * <table>
 * <caption>Layout</caption>
 * <tr><td>key</td><td>version: int16 = 0, transactional id: string (length int16, UTF-8)</td></tr>
 * <tr><td>value</td><td>version: int16 = 1, producer id: int64, epoch: int16, timeout ms: int32, state: int8, partitions: compact array,
 *     null where there are none (topic: compact string, partitions: compact array of int32, tagged fields), last update ms: int64, start
 *     ms: int64, tagged fields (0 previous producer id: int64, 1 next producer id: int64, 2 the client's transaction version:
 *     int16)</td></tr>
 * </table>
 */
final class TransactionRecords {

    private static final short KEY_VERSION = 0;
    private static final short VALUE_VERSION = 1;

    private static final int TAG_PREVIOUS_PRODUCER_ID = 0;
    private static final int TAG_NEXT_PRODUCER_ID = 1;
    private static final int TAG_CLIENT_VERSION = 2;

    /** States by Kafka's number of them. */
    private static final List<State> STATES = List.of(
            State.EMPTY,
            State.ONGOING,
            State.PREPARE_COMMIT,
            State.PREPARE_ABORT,
            State.COMPLETE_COMMIT,
            State.COMPLETE_ABORT,
            State.DEAD,
            State.PREPARE_EPOCH_FENCE);

    private TransactionRecords() {}

    static CoordinatorRecord of(String transactionalId, TransactionMetadata transaction) {
        return new CoordinatorRecord(key(transactionalId), value(transaction));
    }

    /** The id is forgotten. */
    static CoordinatorRecord tombstone(String transactionalId) {
        return new CoordinatorRecord(key(transactionalId), null);
    }

    private static byte[] key(String transactionalId) {
        byte[] id = transactionalId.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(4 + id.length)
                .putShort(KEY_VERSION)
                .putShort((short) id.length)
                .put(id)
                .array();
    }

    /** The transactional id; null for a key of another kind, which this version does not know. */
    static @Nullable String readKey(ByteBuffer key) {
        if (key.getShort() != KEY_VERSION) {
            return null;
        }
        return text(key, key.getShort());
    }

    private static byte[] value(TransactionMetadata transaction) {
        Writer to = new Writer();
        to.int16(VALUE_VERSION);
        to.int64(transaction.producer().producerId());
        to.int16(transaction.producer().epoch());
        to.int32(transaction.timeoutMs());
        to.write(STATES.indexOf(transaction.state()));
        partitions(to, transaction.partitions());
        to.int64(transaction.updatedMs());
        to.int64(transaction.startMs());
        boolean previous = transaction.previousProducerId() != TransactionMetadata.NONE;
        boolean next = transaction.nextProducerId() != TransactionMetadata.NONE;
        to.varint((previous ? 1 : 0) + (next ? 1 : 0) + 1);
        if (previous) {
            to.tag(TAG_PREVIOUS_PRODUCER_ID, Long.BYTES);
            to.int64(transaction.previousProducerId());
        }
        if (next) {
            to.tag(TAG_NEXT_PRODUCER_ID, Long.BYTES);
            to.int64(transaction.nextProducerId());
        }
        to.tag(TAG_CLIENT_VERSION, Short.BYTES);
        to.int16((short) (transaction.version() == TransactionVersion.V2 ? 2 : 1));
        return to.toByteArray();
    }

    private static void partitions(Writer to, Set<TopicPartition> partitions) {
        if (partitions.isEmpty()) {
            to.varint(0);
            return;
        }
        Map<String, Set<Integer>> byTopic = new TreeMap<>();
        for (TopicPartition partition : partitions) {
            byTopic.computeIfAbsent(partition.topic(), topic -> new TreeSet<>()).add(partition.partition());
        }
        to.varint(byTopic.size() + 1);
        byTopic.forEach((topic, indexes) -> {
            byte[] name = topic.getBytes(StandardCharsets.UTF_8);
            to.varint(name.length + 1);
            to.writeBytes(name);
            to.varint(indexes.size() + 1);
            indexes.forEach(to::int32);
            to.varint(0);
        });
    }

    /** What a record says; the last epoch is not in it. */
    static TransactionMetadata readValue(ByteBuffer from) {
        short version = from.getShort();
        if (version != VALUE_VERSION) {
            throw new IllegalStateException(
                    "a transaction of version " + version + " was found, this version reads " + VALUE_VERSION);
        }
        long producerId = from.getLong();
        short epoch = from.getShort();
        int timeoutMs = from.getInt();
        State state = STATES.get(from.get());
        Set<TopicPartition> partitions = new HashSet<>();
        for (int topics = varint(from) - 1; topics > 0; topics--) {
            String topic = text(from, varint(from) - 1);
            for (int indexes = varint(from) - 1; indexes > 0; indexes--) {
                partitions.add(new TopicPartition(topic, from.getInt()));
            }
            skipTags(from);
        }
        long updatedMs = from.getLong();
        long startMs = from.getLong();
        long previous = TransactionMetadata.NONE;
        long next = TransactionMetadata.NONE;
        short client = 0;
        for (int tags = varint(from); tags > 0; tags--) {
            int tag = varint(from);
            int size = varint(from);
            switch (tag) {
                case TAG_PREVIOUS_PRODUCER_ID -> previous = from.getLong();
                case TAG_NEXT_PRODUCER_ID -> next = from.getLong();
                case TAG_CLIENT_VERSION -> client = from.getShort();
                default -> from.position(from.position() + size);
            }
        }
        return new TransactionMetadata(
                new ProducerIdAndEpoch(producerId, epoch),
                previous,
                next,
                TransactionMetadata.NO_EPOCH,
                timeoutMs,
                state,
                partitions,
                startMs,
                updatedMs,
                client >= 2 ? TransactionVersion.V2 : TransactionVersion.V1);
    }

    private static void skipTags(ByteBuffer from) {
        for (int tags = varint(from); tags > 0; tags--) {
            varint(from);
            int size = varint(from);
            from.position(from.position() + size);
        }
    }

    private static String text(ByteBuffer from, int length) {
        byte[] utf8 = new byte[length];
        from.get(utf8);
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private static int varint(ByteBuffer from) {
        int value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            byte next = from.get();
            value |= (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new IllegalStateException("a varint of more than 5 bytes");
    }

    private static final class Writer extends ByteArrayOutputStream {
        void int16(short value) {
            writeBytes(ByteBuffer.allocate(Short.BYTES).putShort(value).array());
        }

        void int32(int value) {
            writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(value).array());
        }

        void int64(long value) {
            writeBytes(ByteBuffer.allocate(Long.BYTES).putLong(value).array());
        }

        void varint(int value) {
            int left = value;
            while ((left & ~0x7f) != 0) {
                write((left & 0x7f) | 0x80);
                left >>>= 7;
            }
            write(left);
        }

        void tag(int tag, int size) {
            varint(tag);
            varint(size);
        }
    }
}
