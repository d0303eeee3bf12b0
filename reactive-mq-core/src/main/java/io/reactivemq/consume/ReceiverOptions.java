package io.reactivemq.consume;

import io.micrometer.core.instrument.MeterRegistry;
import io.reactivemq.Serde;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.metrics.ReceiverMeter;
import io.reactivemq.metrics.ReceiverMeters;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Receiver} reads and how. Immutable and reusable; one Receiver each for several members of a group.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class ReceiverOptions<K, V> {

    private final Serde<K> keySerde;
    private final Serde<V> valueSerde;
    private final @Nullable String group;
    private final Set<String> topics;
    private final @Nullable Pattern topicPattern;
    private final Set<TopicPartition> partitions;
    private final Map<TopicPartition, Long> partitionOffsets;
    private final @Nullable RebalanceListener rebalanceListener;
    private final @Nullable OffsetSpec startFrom;
    private final @Nullable Duration startFromAgo;
    private final Duration commitInterval;
    private final Duration rebalanceTimeout;
    private final Duration requestTimeout;
    private final Duration fetchMaxWait;
    private final int fetchMaxBytes;
    private final int partitionFetchMaxBytes;
    private final int maxInFlight;
    private final int maxPollRecords;
    private final Duration maxPollInterval;
    private final @Nullable String instanceId;
    private final Duration stallAfter;
    private final Duration metadataMaxAge;
    private final IsolationLevel isolation;
    private final String clientId;
    private final @Nullable MeterRegistry meterRegistry;

    private ReceiverOptions(Serde<K> keySerde, Serde<V> valueSerde, Builder builder) {
        this.keySerde = Objects.requireNonNull(keySerde, "keySerde");
        this.valueSerde = Objects.requireNonNull(valueSerde, "valueSerde");
        this.group = builder.group;
        this.topics = Set.copyOf(builder.topics);
        this.topicPattern = builder.topicPattern;
        this.partitions = Set.copyOf(builder.partitions);
        this.partitionOffsets = Map.copyOf(builder.partitionOffsets);
        this.rebalanceListener = builder.rebalanceListener;
        this.startFrom = builder.startFrom;
        this.startFromAgo = builder.startFromAgo;
        this.instanceId = builder.instanceId;
        this.stallAfter = builder.stallAfter;
        this.metadataMaxAge = builder.metadataMaxAge;
        this.commitInterval = builder.commitInterval;
        this.rebalanceTimeout = builder.rebalanceTimeout;
        this.requestTimeout = builder.requestTimeout;
        this.fetchMaxWait = builder.fetchMaxWait;
        this.fetchMaxBytes = builder.fetchMaxBytes;
        this.partitionFetchMaxBytes = builder.partitionFetchMaxBytes;
        this.maxInFlight = builder.maxInFlight;
        this.maxPollRecords = builder.maxPollRecords;
        this.maxPollInterval = builder.maxPollInterval;
        this.isolation = builder.isolation;
        this.clientId = builder.clientId;
        this.meterRegistry = builder.meterRegistry;
        int ways = (topics.isEmpty() ? 0 : 1) + (topicPattern == null ? 0 : 1) + (partitions.isEmpty() ? 0 : 1);
        if (ways != 1) {
            throw new IllegalArgumentException(
                    "a receiver needs at least one topic, o.topics(\"orders\"), or a pattern of names, or"
                            + " partitions, and one of the three; there are topics " + topics + ", pattern "
                            + topicPattern
                            + ", partitions " + partitions);
        }
    }

    /**
     * The options that {@code configure} sets; {@code o.topics(..)} is the one that must be among them.
     *
     * <p>{@code ReceiverOptions.of(Serdes.string(), Serdes.bytes(), o -> o.group("billing").topics("orders"))}
     */
    public static <K, V> ReceiverOptions<K, V> of(
            Serde<K> keySerde, Serde<V> valueSerde, Consumer<? super Builder> configure) {
        Builder builder = new Builder();
        configure.accept(builder);
        return new ReceiverOptions<>(keySerde, valueSerde, builder);
    }

    public Serde<K> keySerde() {
        return keySerde;
    }

    public Serde<V> valueSerde() {
        return valueSerde;
    }

    /** The consumer group; null for a cursor of one's own. */
    public @Nullable String group() {
        return group;
    }

    public Set<String> topics() {
        return topics;
    }

    /** The pattern of the topics' names; null where they are given. */
    public @Nullable Pattern topicPattern() {
        return topicPattern;
    }

    /** The partitions assigned by hand; empty where the topics are given. */
    public Set<TopicPartition> partitions() {
        return partitions;
    }

    /** Where to begin in partitions assigned by hand, for those of which that was said. */
    Map<TopicPartition, Long> partitionOffsets() {
        return partitionOffsets;
    }

    @Nullable RebalanceListener rebalanceListener() {
        return rebalanceListener;
    }

    /** Where to begin at that time, without a committed offset; null where that is an error. */
    @Nullable OffsetSpec startFrom(long nowMs) {
        Duration ago = startFromAgo;
        return ago == null ? startFrom : OffsetSpec.atOrAfter(nowMs - ago.toMillis());
    }

    /** The id of a static member; null for a dynamic one. */
    public @Nullable String instanceId() {
        return instanceId;
    }

    public Duration stallAfter() {
        return stallAfter;
    }

    public Duration metadataMaxAge() {
        return metadataMaxAge;
    }

    public Duration commitInterval() {
        return commitInterval;
    }

    public Duration rebalanceTimeout() {
        return rebalanceTimeout;
    }

    public Duration requestTimeout() {
        return requestTimeout;
    }

    public Duration fetchMaxWait() {
        return fetchMaxWait;
    }

    public int fetchMaxBytes() {
        return fetchMaxBytes;
    }

    public int partitionFetchMaxBytes() {
        return partitionFetchMaxBytes;
    }

    public int maxInFlight() {
        return maxInFlight;
    }

    public int maxPollRecords() {
        return maxPollRecords;
    }

    public Duration maxPollInterval() {
        return maxPollInterval;
    }

    public IsolationLevel isolation() {
        return isolation;
    }

    public String clientId() {
        return clientId;
    }

    @Override
    public String toString() {
        return "ReceiverOptions[clientId " + clientId + ", group " + group + ", "
                + (topicPattern != null
                        ? "topics like " + topicPattern
                        : partitions.isEmpty() ? "topics " + topics : "partitions " + partitions)
                + "]";
    }

    /** For a new subscription; null without a registry. */
    @Nullable ReceiverMeters openMeters() {
        return meterRegistry == null ? null : new ReceiverMeters(meterRegistry, clientId, group);
    }

    /** Sets options; each has a default but {@link #topics}. */
    public static final class Builder {

        private @Nullable String group;
        private Collection<String> topics = List.of();
        private @Nullable Pattern topicPattern;
        private Set<TopicPartition> partitions = Set.of();
        private Map<TopicPartition, Long> partitionOffsets = Map.of();
        private @Nullable RebalanceListener rebalanceListener;
        private @Nullable OffsetSpec startFrom = OffsetSpec.earliest();
        private @Nullable Duration startFromAgo;
        private @Nullable String instanceId;
        private Duration stallAfter = Duration.ofMinutes(1);
        private Duration metadataMaxAge = Duration.ofSeconds(30);
        private Duration commitInterval = Duration.ofSeconds(5);
        private Duration rebalanceTimeout = Duration.ofSeconds(60);
        private Duration requestTimeout = Duration.ofSeconds(30);
        private Duration fetchMaxWait = Duration.ofMillis(500);
        private int fetchMaxBytes = 50 << 20;
        private int partitionFetchMaxBytes = 1 << 20;
        private int maxInFlight = 65_536;
        private int maxPollRecords = 500;
        private Duration maxPollInterval = Duration.ofMinutes(5);
        private IsolationLevel isolation = IsolationLevel.READ_UNCOMMITTED;
        private String clientId = "receiver";
        private @Nullable MeterRegistry meterRegistry;

        private Builder() {}

        /**
         * The consumer group to be a member of ({@code group.id}): its members share the partitions, and what they
         * acknowledge is committed under its name. Without one the receiver reads all partitions with a cursor of its own
         * and commits nothing.
         */
        public Builder group(String groupId) {
            if (groupId.isBlank()) {
                throw new IllegalArgumentException("group must not be blank");
            }
            this.group = groupId;
            return this;
        }

        /** The topics to read. */
        public Builder topics(String... names) {
            return topics(List.of(names));
        }

        /** The topics to read. */
        public Builder topics(Collection<String> names) {
            this.topics = new LinkedHashSet<>(names);
            return this;
        }

        /**
         * The topics to read by their names, which the whole pattern must match; the broker's own topics are left out. What comes and goes is
         * noticed within {@link #metadataMaxAge}.
         */
        public Builder topicPattern(Pattern names) {
            this.topicPattern = Objects.requireNonNull(names, "names");
            return this;
        }

        /**
         * How often the topics are looked through for a pattern, and, without a group, for partitions that were added ({@code
         * metadata.max.age.ms}). Default: 30 s.
         */
        public Builder metadataMaxAge(Duration age) {
            this.metadataMaxAge = positive("metadataMaxAge", age);
            return this;
        }

        /**
         * The partitions to read, whoever else reads them. With a group, its committed offsets are where to begin, and what is acknowledged
         * is committed under its name; that works only while the group has no members.
         */
        public Builder partitions(TopicPartition... assigned) {
            this.partitions = Set.of(assigned);
            this.partitionOffsets = Map.of();
            return this;
        }

        /** As {@link #partitions}, each from that offset on, whatever is committed. */
        public Builder partitionsFrom(Map<TopicPartition, Long> offsets) {
            offsets.forEach((partition, offset) -> {
                if (offset < 0) {
                    throw new IllegalArgumentException(
                            "the offset of " + partition + " must be 0 or more, was " + offset);
                }
            });
            this.partitions = Set.copyOf(offsets.keySet());
            this.partitionOffsets = Map.copyOf(offsets);
            return this;
        }

        /** Who is told when partitions come and go. Default: nobody. */
        public Builder rebalanceListener(RebalanceListener listener) {
            this.rebalanceListener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * Makes it a static member of its group ({@code group.instance.id}): when it leaves, its partitions wait for its return until its
         * session ends, so that a restart moves nothing. One member has an id at a time; a second one with it fails. Default: none.
         */
        public Builder instanceId(String id) {
            if (id.isBlank()) {
                throw new IllegalArgumentException("instanceId must not be blank");
            }
            this.instanceId = id;
            return this;
        }

        /** After how long without progress a partition or a record counts as stalled, see {@link Receiver#health}. Default: 1 minute. */
        public Builder stallAfter(Duration time) {
            this.stallAfter = positive("stallAfter", time);
            return this;
        }

        /**
         * Where to begin in a partition of which the group has committed nothing, or without a group; also where to go on
         * when the position is outside the log ({@code auto.offset.reset}). Default: earliest, so that a new group misses
         * nothing (Kafka's default is latest). Where the log was cut below what is committed, after a loss of power, it goes on at the cut, as far as leader epochs tell (KIP-320).
         */
        public Builder startFrom(OffsetSpec spec) {
            this.startFrom = Objects.requireNonNull(spec, "spec");
            this.startFromAgo = null;
            return this;
        }

        /** As {@link #startFrom(OffsetSpec)} at the records of the last hour or whatever is given, counted back from then ({@code by_duration}). */
        public Builder startFrom(Duration ago) {
            this.startFromAgo = positive("startFrom", ago);
            return this;
        }

        /** As {@link #startFrom(OffsetSpec)}, but it is an error, which ends the subscription ({@code auto.offset.reset=none}). */
        public Builder startFromNone() {
            this.startFrom = null;
            this.startFromAgo = null;
            return this;
        }

        /** How often acknowledged offsets are committed ({@code auto.commit.interval.ms}). Default: 5 s. */
        public Builder commitInterval(Duration interval) {
            this.commitInterval = positive("commitInterval", interval);
            return this;
        }

        /**
         * How long the member may take to release a partition before the broker removes it from the group. Three quarters
         * of it are the bound on the wait for the acknowledgements of what was emitted. Default: 60 s.
         */
        public Builder rebalanceTimeout(Duration timeout) {
            this.rebalanceTimeout = positive("rebalanceTimeout", timeout);
            return this;
        }

        /** How long to wait for the answer to a request before it is sent again. Default: 30 s. */
        public Builder requestTimeout(Duration timeout) {
            this.requestTimeout = positive("requestTimeout", timeout);
            return this;
        }

        /** How long a fetch waits at the end of the log for a record ({@code fetch.max.wait.ms}). Default: 500 ms. */
        public Builder fetchMaxWait(Duration wait) {
            this.fetchMaxWait = positive("fetchMaxWait", wait);
            return this;
        }

        /**
         * The bound on what is fetched and not yet emitted, over all partitions, besides the batch of each partition that is being read; at
         * least 64 KiB. Kafka's {@code fetch.max.bytes} bounds one answer; here the partitions share the bound, each asking for its part. A
         * single batch that is larger is fetched all the same. Default: 50 MiB.
         */
        public Builder fetchMaxBytes(int bytes) {
            if (bytes < 64 << 10) {
                throw new IllegalArgumentException("fetchMaxBytes must be 65536 or more, was " + bytes);
            }
            this.fetchMaxBytes = bytes;
            return this;
        }

        /** The bound on one fetch of one partition ({@code max.partition.fetch.bytes}), at least 1 KiB. Default: 1 MiB. */
        public Builder partitionFetchMaxBytes(int bytes) {
            if (bytes < 1 << 10) {
                throw new IllegalArgumentException("partitionFetchMaxBytes must be 1024 or more, was " + bytes);
            }
            this.partitionFetchMaxBytes = bytes;
            return this;
        }

        /**
         * How many offsets of a partition, counted from the oldest one that is not acknowledged, may have been emitted; at
         * the bound that partition waits. From 1 to 16,777,216. Default: 65,536. {@link Receiver#process} has
         * one record of a partition in work unless its options say otherwise.
         */
        public Builder maxInFlight(int offsetsPerPartition) {
            if (offsetsPerPartition < 1 || offsetsPerPartition > AckWindow.CAPACITY_MAX) {
                throw new IllegalArgumentException(
                        "maxInFlight must be 1 to " + AckWindow.CAPACITY_MAX + ", was " + offsetsPerPartition);
            }
            this.maxInFlight = offsetsPerPartition;
            return this;
        }

        /**
         * The most records in a batch of {@link Receiver#receiveBatches}, and how far {@link Receiver#receiveAtmostOnce} commits ahead of
         * what it emits: what a crash loses at most of a partition ({@code max.poll.records}). 1 or more. Default: 500.
         */
        public Builder maxPollRecords(int records) {
            if (records < 1) {
                throw new IllegalArgumentException("maxPollRecords must be 1 or more, was " + records);
            }
            this.maxPollRecords = records;
            return this;
        }

        /**
         * How long records of a partition may be in work while nothing of that partition moves ({@code max.poll.interval.ms}), or lie ready without demand for them while
         * no partition moves at all: a subscriber may take many partitions one after the other. A member that goes beyond it leaves the group, so that its
         * partitions go to others; it joins anew when its subscriber asks for more, at the latest after as long again. Default: 5 minutes.
         */
        public Builder maxPollInterval(Duration interval) {
            this.maxPollInterval = positive("maxPollInterval", interval);
            return this;
        }

        /**
         * Which records of transactions are received ({@code isolation.level}): all of them, or those of committed ones alone; then the
         * end of a partition is its last stable offset. Default: all, as Kafka has it.
         */
        public Builder isolation(IsolationLevel level) {
            this.isolation = Objects.requireNonNull(level, "level");
            return this;
        }

        /** The name that the broker's logs and group descriptions show. Default: {@code receiver}. */
        public Builder clientId(String id) {
            this.clientId = Objects.requireNonNull(id, "id");
            return this;
        }

        /**
         * Where the meters of {@link ReceiverMeter} are registered, while there is a subscription, with the client id and the group as their tags. Without a
         * registry there are none.
         */
        public Builder meterRegistry(MeterRegistry registry) {
            this.meterRegistry = Objects.requireNonNull(registry, "registry");
            return this;
        }

        private static Duration positive(String name, Duration value) {
            if (value.isZero() || value.isNegative()) {
                throw new IllegalArgumentException(name + " must be more than zero, was " + value);
            }
            return value;
        }
    }
}
