package io.reactivemq.consume;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;
import reactor.util.context.Context;

/**
 * A record as it was received. Safe for use by many threads.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class ReceiverRecord<K, V> {

    private static final VarHandle ACKNOWLEDGED;

    static {
        try {
            ACKNOWLEDGED = MethodHandles.lookup().findVarHandle(ReceiverRecord.class, "acknowledged", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final AckWindow window;
    private final long offset;
    private final long timestampMs;
    private final TimestampType timestampType;
    private final @Nullable Object key;
    private final @Nullable Object value;
    private final Headers headers;

    // set once, by whoever acknowledges first
    private volatile boolean acknowledged;

    /**
     * @param key the key, or {@link Undecodable}
     * @param value the value, or {@link Undecodable}
     * @param acknowledged whether the receiver itself sees to the acknowledgement, and {@link #acknowledge} does nothing
     */
    ReceiverRecord(
            AckWindow window,
            long offset,
            long timestampMs,
            TimestampType timestampType,
            @Nullable Object key,
            @Nullable Object value,
            Headers headers,
            boolean acknowledged) {
        this.window = window;
        this.offset = offset;
        this.timestampMs = timestampMs;
        this.timestampType = timestampType;
        this.key = key;
        this.value = value;
        this.headers = headers;
        if (acknowledged) {
            ACKNOWLEDGED.set(this, true);
        }
    }

    /** The bytes were there, and their Serde could not read them. */
    record Undecodable(String part, Throwable cause) {}

    public TopicPartition topicPartition() {
        return window.partition();
    }

    public String topic() {
        return topicPartition().topic();
    }

    public int partition() {
        return topicPartition().partition();
    }

    public long offset() {
        return offset;
    }

    /** Milliseconds since 1970; whose clock it was is {@link #timestampType}. */
    public long timestampMs() {
        return timestampMs;
    }

    public TimestampType timestampType() {
        return timestampType;
    }

    /**
     * The key; null where the record has none.
     *
     * @throws MqException INVALID_RECORD with the Serde's error as its cause, where the bytes could not be deserialized
     */
    @SuppressWarnings("unchecked") // made by the Serde of K
    public @Nullable K key() {
        return (K) decoded(key);
    }

    /**
     * The value; null where the record has none (a tombstone).
     *
     * @throws MqException INVALID_RECORD with the Serde's error as its cause, where the bytes could not be deserialized
     */
    @SuppressWarnings("unchecked") // made by the Serde of V
    public @Nullable V value() {
        return (V) decoded(value);
    }

    public Headers headers() {
        return headers;
    }

    /**
     * Says that this record is done with. Its offset is committed, at the latest an interval later, once every earlier
     * record of its partition has been acknowledged too. From any thread, in any order; a second call changes nothing. Does
     * nothing in {@link Receiver#receiveAutoAck} and {@link Receiver#process}, which acknowledge by themselves.
     *
     * @return false if the partition was taken away or the subscription has ended: the acknowledgement came too late, and the
     *     record will be delivered again
     */
    public boolean acknowledge() {
        if (!acknowledged && ACKNOWLEDGED.compareAndSet(this, false, true)) {
            return window.acknowledge(offset);
        }
        return !window.isClosed();
    }

    /** The key; null also where its bytes could not be deserialized. */
    @Nullable Object keyOrNull() {
        return key instanceof Undecodable ? null : key;
    }

    /** Whether the partition was taken away since. */
    boolean isLost() {
        return window.isClosed();
    }

    /** The trace that the record belongs to by its headers; null for none. */
    public @Nullable TraceContext trace() {
        return TraceContext.of(headers);
    }

    /** The context with the record's trace in it. */
    Context trace(Context context) {
        TraceContext trace = trace();
        return trace == null ? context : trace.addTo(context);
    }

    /**
     * Why key or value could not be deserialized; null where both could. Such a record is received like any other, and to read that part
     * of it is an error; {@link Receiver#process} moves it to the dead-letter topic without an attempt.
     */
    public @Nullable MqException undecodable() {
        if (key instanceof Undecodable undecodable) {
            return exception(undecodable);
        }
        return value instanceof Undecodable undecodable ? exception(undecodable) : null;
    }

    private @Nullable Object decoded(@Nullable Object part) {
        if (part instanceof Undecodable undecodable) {
            throw exception(undecodable);
        }
        return part;
    }

    private MqException exception(Undecodable undecodable) {
        return new MqException(
                ErrorCode.INVALID_RECORD,
                "the " + undecodable.part() + " of " + topicPartition() + " at offset " + offset
                        + " could not be deserialized: " + undecodable.cause(),
                undecodable.cause());
    }

    @Override
    public String toString() {
        return "ReceiverRecord[" + topicPartition() + "@" + offset + "]";
    }
}
