package io.reactivemq.produce;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.Compression;
import io.reactivemq.Serde;
import io.reactivemq.broker.Acks;
import io.reactivemq.metrics.SenderMeter;
import io.reactivemq.metrics.SenderMeters;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link Sender} sends. Immutable; a value out of its range is an {@link IllegalArgumentException} that names option,
 * value and range.
 *
 * @param <K> the type of keys
 * @param <V> the type of values
 */
public final class SenderOptions<K, V> {

    private static final Duration LINGER_MAX = Duration.ofMinutes(1);
    private static final int BATCH_SIZE_BYTES_MAX = 64 << 20;

    /** The records in flight are kept in arrays of that length. */
    private static final int IN_FLIGHT_MAX = 1 << 24;

    private static final long BUFFER_BYTES_MAX = 1L << 40;
    private static final Duration DELIVERY_TIMEOUT_MAX = Duration.ofDays(1);
    private static final Duration RETRY_BACKOFF_MAX = Duration.ofMinutes(1);

    private final Serde<K> keySerde;
    private final Serde<V> valueSerde;
    private final Duration linger;
    private final int batchSizeBytes;
    private final int maxInFlight;
    private final long bufferBytes;
    private final Acks acks;
    private final boolean idempotence;
    private final Compression compression;
    private final String clientId;
    private final Partitioner partitioner;
    private final double recordsPerSecond;
    private final Duration deliveryTimeout;
    private final Duration metadataMaxAge;
    private final Duration retryBackoff;
    private final boolean stopOnError;
    private final @Nullable SenderMeters meters;

    private SenderOptions(Serde<K> keySerde, Serde<V> valueSerde, Builder builder) {
        this.keySerde = Objects.requireNonNull(keySerde, "keySerde");
        this.valueSerde = Objects.requireNonNull(valueSerde, "valueSerde");
        this.linger = builder.linger;
        this.batchSizeBytes = builder.batchSizeBytes;
        this.maxInFlight = builder.maxInFlight;
        this.bufferBytes = builder.bufferBytes;
        this.acks = builder.acks;
        this.idempotence = builder.idempotence == null ? acks == Acks.ALL : builder.idempotence;
        this.compression = builder.compression;
        this.clientId = builder.clientId;
        this.partitioner = builder.partitioner;
        this.recordsPerSecond = builder.recordsPerSecond;
        this.deliveryTimeout = builder.deliveryTimeout;
        this.metadataMaxAge = builder.metadataMaxAge;
        this.retryBackoff = builder.retryBackoff;
        this.stopOnError = builder.stopOnError;
        if (bufferBytes < batchSizeBytes) {
            throw new IllegalArgumentException(
                    "bufferBytes must be at least batchSizeBytes (" + batchSizeBytes + "), was " + bufferBytes);
        }
        if (idempotence && acks != Acks.ALL) {
            throw new IllegalArgumentException("idempotence needs acks ALL, was " + acks);
        }
        if (deliveryTimeout.compareTo(linger) <= 0) {
            throw new IllegalArgumentException(
                    "deliveryTimeout must be more than linger (" + linger + "), was " + deliveryTimeout);
        }
        this.meters = builder.meterRegistry == null ? null : new SenderMeters(builder.meterRegistry, clientId);
    }

    /** The defaults, with these Serdes. */
    public static <K, V> SenderOptions<K, V> of(Serde<K> keySerde, Serde<V> valueSerde) {
        return of(keySerde, valueSerde, options -> {});
    }

    /** These Serdes, and what {@code options} sets; the defaults for the rest. */
    public static <K, V> SenderOptions<K, V> of(Serde<K> keySerde, Serde<V> valueSerde, Consumer<Builder> options) {
        Builder builder = new Builder();
        options.accept(builder);
        return new SenderOptions<>(keySerde, valueSerde, builder);
    }

    public Serde<K> keySerde() {
        return keySerde;
    }

    public Serde<V> valueSerde() {
        return valueSerde;
    }

    /** See {@link Builder#linger}. */
    public Duration linger() {
        return linger;
    }

    /** See {@link Builder#batchSizeBytes}. */
    public int batchSizeBytes() {
        return batchSizeBytes;
    }

    /** See {@link Builder#maxInFlight}. */
    public int maxInFlight() {
        return maxInFlight;
    }

    /** See {@link Builder#bufferBytes}. */
    public long bufferBytes() {
        return bufferBytes;
    }

    /** See {@link Builder#acks}. */
    public Acks acks() {
        return acks;
    }

    /** See {@link Builder#idempotence}. */
    public boolean idempotence() {
        return idempotence;
    }

    /** See {@link Builder#compression}. */
    public Compression compression() {
        return compression;
    }

    /** See {@link Builder#clientId}. */
    public String clientId() {
        return clientId;
    }

    /** See {@link Builder#partitioner}. */
    public Partitioner partitioner() {
        return partitioner;
    }

    /** See {@link Builder#recordsPerSecond}; infinite: no limit. */
    public double recordsPerSecond() {
        return recordsPerSecond;
    }

    /** See {@link Builder#metadataMaxAge}. */
    public Duration metadataMaxAge() {
        return metadataMaxAge;
    }

    /** See {@link Builder#deliveryTimeout}. */
    public Duration deliveryTimeout() {
        return deliveryTimeout;
    }

    /** See {@link Builder#retryBackoff}. */
    public Duration retryBackoff() {
        return retryBackoff;
    }

    /** See {@link Builder#stopOnError}. */
    public boolean stopOnError() {
        return stopOnError;
    }

    /** Null without a registry. */
    @Nullable SenderMeters meters() {
        return meters;
    }

    /** Sets options, each with its default where it is not called. */
    public static final class Builder {

        private Duration linger = Duration.ZERO;
        private int batchSizeBytes = 256 << 10;
        private int maxInFlight = 1 << 16;
        private long bufferBytes = 32L << 20;
        private Acks acks = Acks.ALL;
        private @Nullable Boolean idempotence;
        private Compression compression = Compression.NONE;
        private String clientId = "rmq-sender";
        private Partitioner partitioner = Partitioner.byKey();
        private double recordsPerSecond = Double.POSITIVE_INFINITY;
        private Duration deliveryTimeout = Duration.ofMinutes(2);
        private Duration metadataMaxAge = Duration.ofSeconds(30);
        private Duration retryBackoff = Duration.ofMillis(100);
        private boolean stopOnError;
        private @Nullable MeterRegistry meterRegistry;

        private Builder() {}

        /**
         * How long a batch may wait for more records, [0, 1 minute]. With 0, the default, it waits only while records that
         * have arrived are being put into batches, or while an earlier batch of its partition is under way; so batches
         * grow with the load all the same.
         */
        public Builder linger(Duration value) {
            linger = between("linger", value, Duration.ZERO, LINGER_MAX);
            return this;
        }

        /**
         * The size at which a batch is sent at once, in bytes, [1, 64 MiB]; 256 KiB by default, so that a partition
         * whose every append is forced to a slow disk still takes many records a second. A record larger than that makes a
         * batch of its own. The topic's {@code max.message.bytes} bounds what the broker takes.
         */
        public Builder batchSizeBytes(int value) {
            batchSizeBytes = (int) between("batchSizeBytes", value, 1, BATCH_SIZE_BYTES_MAX);
            return this;
        }

        /**
         * How many records a subscription may hold: requested from upstream and their result not yet emitted, [1,
         * 16,777,216]; 65,536 by default. At the bound nothing is requested from upstream.
         */
        public Builder maxInFlight(int value) {
            maxInFlight = (int) between("maxInFlight", value, 1, IN_FLIGHT_MAX);
            return this;
        }

        /**
         * How many bytes of batches a subscription may hold, not yet acknowledged, [{@code batchSizeBytes}, 1 TiB]; 32 MiB
         * by default. At the bound no record is put into a batch, and so, in the end, none is requested from upstream.
         */
        public Builder bufferBytes(long value) {
            bufferBytes = between("bufferBytes", value, 1, BUFFER_BYTES_MAX);
            return this;
        }

        /** What is awaited before a result is emitted; {@link Acks#ALL} by default. */
        public Builder acks(Acks value) {
            acks = Objects.requireNonNull(value, "acks");
            return this;
        }

        /**
         * Whether a batch that is sent again, since its answer was lost, is in the log once; as Kafka's {@code enable.idempotence}. By
         * default it is with {@link Acks#ALL}, which it needs.
         */
        public Builder idempotence(boolean value) {
            idempotence = value;
            return this;
        }

        /**
         * How batches are compressed; {@link Compression#NONE} by default. The larger the batches, the more there is to gain, so a
         * linger helps. {@code batchSizeBytes} counts the bytes before compression, {@code bufferBytes} and the topic's {@code
         * max.message.bytes} those after it.
         */
        public Builder compression(Compression value) {
            compression = Objects.requireNonNull(value, "compression");
            return this;
        }

        /** The name under which the broker sees this sender, not blank; {@code rmq-sender} by default. */
        public Builder clientId(String value) {
            if (value.isBlank()) {
                throw new IllegalArgumentException("clientId must not be blank, was '" + value + "'");
            }
            clientId = value;
            return this;
        }

        /** Who chooses the partition of a record that names none; {@link Partitioner#byKey()} by default. */
        public Builder partitioner(Partitioner value) {
            partitioner = Objects.requireNonNull(value, "partitioner");
            return this;
        }

        /**
         * How many records a subscription sends a second, more than 0; no limit by default. What was not sent may be made up for within a tenth
         * of a second. Beyond the limit nothing is requested from upstream.
         */
        public Builder recordsPerSecond(double value) {
            if (!(value > 0)) {
                throw new IllegalArgumentException("recordsPerSecond must be more than 0, was " + value);
            }
            recordsPerSecond = value;
            return this;
        }

        /**
         * How long what is known of a topic in use may be old before it is asked for again: after at most that long keys are spread over
         * partitions that were added. 1 ms or more; 30 s by default. Kafka's {@code metadata.max.age.ms}.
         */
        public Builder metadataMaxAge(Duration value) {
            metadataMaxAge = between("metadataMaxAge", value, Duration.ofMillis(1), DELIVERY_TIMEOUT_MAX);
            return this;
        }

        /**
         * The time from a batch's first record to its acknowledgement, retries included, after which the send fails, (linger,
         * 1 day]; 2 minutes by default.
         */
        public Builder deliveryTimeout(Duration value) {
            deliveryTimeout = between("deliveryTimeout", value, Duration.ofMillis(1), DELIVERY_TIMEOUT_MAX);
            return this;
        }

        /**
         * The wait before a failed append is tried again where its error is retriable, [1 ms, 1 minute]; it doubles each time,
         * up to a second or to itself where it is longer, and is spread by a fifth either way. 100 ms by default.
         */
        public Builder retryBackoff(Duration value) {
            retryBackoff = between("retryBackoff", value, Duration.ofMillis(1), RETRY_BACKOFF_MAX);
            return this;
        }

        /**
         * Whether the first record that fails for good ends the send with its error, behind the results of all records before it; false by default: its result has the
         * error, and the send goes on. In a transaction the first failed record always ends the send, and aborts.
         */
        public Builder stopOnError(boolean value) {
            stopOnError = value;
            return this;
        }

        /** Where the meters of {@link SenderMeter} are registered, with the client id as their tag. Without a registry there are none. */
        public Builder meterRegistry(MeterRegistry value) {
            meterRegistry = Objects.requireNonNull(value, "meterRegistry");
            return this;
        }

        private static long between(String option, long value, long least, long most) {
            if (value < least || value > most) {
                throw new IllegalArgumentException(option + " must be in [" + least + ", " + most + "], was " + value);
            }
            return value;
        }

        private static Duration between(String option, Duration value, Duration least, Duration most) {
            if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
                throw new IllegalArgumentException(option + " must be in [" + least + ", " + most + "], was " + value);
            }
            return value;
        }
    }
}
