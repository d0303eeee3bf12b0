package io.reactivemq.engine;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.reactivemq.Durability;
import io.reactivemq.MqException;
import io.reactivemq.MqRuntime;
import io.reactivemq.group.GroupConfig;
import io.reactivemq.log.LogCleaner;
import io.reactivemq.log.LogConfig;
import io.reactivemq.metrics.BrokerMeter;
import io.reactivemq.metrics.BrokerMeters;
import io.reactivemq.metrics.CompactionMeters;
import io.reactivemq.topic.TopicConfig;
import io.reactivemq.transaction.TransactionConfig;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The settings of an {@link EmbeddedBroker}, given to the function that opens it: {@code EmbeddedBroker.open(path, o ->
 * o.durability(OS_BUFFERED))}. Belongs to the caller of that function until it returns.
 */
public final class BrokerOptions {

    /** With less a pass would have few keys, and most of its time go into the next. */
    private static final long COMPACTION_MEMORY_MIN = 64 * 1024;

    private MqRuntime runtime = MqRuntime.system();
    private Durability durability;
    private LogConfig log;
    private final Map<String, String> topicDefaults = new LinkedHashMap<>();
    private int openFilesMax = 1_000;
    private Duration retentionCheckInterval = Duration.ofMinutes(5);
    private Duration compactionInterval = Duration.ofSeconds(15);
    private long compactionMemory = LogCleaner.MAP_BYTES_DEFAULT;
    private @Nullable MeterRegistry meterRegistry;
    private GroupConfig groups = GroupConfig.DEFAULT;
    private Duration sessionTimeout = groups.sessionTimeout();
    private Durability transactionDurability;
    private Duration transactionMaxTimeout = TransactionConfig.DEFAULT.maxTimeout();
    private Duration transactionalIdExpiration = TransactionConfig.DEFAULT.idExpiration();
    private Duration transactionCheckInterval = TransactionConfig.DEFAULT.checkInterval();
    private Duration heartbeatInterval = groups.heartbeatInterval();

    BrokerOptions(Durability durability, LogConfig log) {
        this.durability = durability;
        this.transactionDurability = durability == Durability.MEMORY ? Durability.MEMORY : Durability.FSYNC;
        this.log = log;
    }

    /** Clocks, threads and chance; {@link MqRuntime#system()} by default. */
    public BrokerOptions runtime(MqRuntime runtime) {
        this.runtime = Objects.requireNonNull(runtime, "runtime");
        return this;
    }

    /**
     * When an append counts as done, for topics that do not say: {@link Durability#FSYNC} by default on files. A broker in memory
     * has {@link Durability#MEMORY} and takes no other.
     */
    public BrokerOptions durability(Durability durability) {
        requireMedium(durability);
        this.durability = durability;
        return this;
    }

    private void requireMedium(Durability wanted) {
        if ((wanted == Durability.MEMORY) != (this.durability == Durability.MEMORY)) {
            throw new IllegalArgumentException(
                    this.durability == Durability.MEMORY
                            ? "a broker in memory has durability memory, was " + wanted.configName()
                            : "a broker on files has durability fsync or os-buffered, was memory");
        }
    }

    /** Where a segment of a log ends, in bytes, for topics that do not say ({@code segment.bytes}); 1,024 or more. */
    public BrokerOptions segmentBytes(int segmentBytes) {
        if (segmentBytes < TopicConfig.SEGMENT_BYTES_MIN) {
            throw new IllegalArgumentException(
                    "segmentBytes must be " + TopicConfig.SEGMENT_BYTES_MIN + " or more, was " + segmentBytes);
        }
        this.log = log.withSegmentBytes(segmentBytes);
        return this;
    }

    /** The largest batch taken, in bytes, for topics that do not say ({@code max.message.bytes}); 1 or more. */
    public BrokerOptions maxMessageBytes(int maxMessageBytes) {
        if (maxMessageBytes < 1) {
            throw new IllegalArgumentException("maxMessageBytes must be 1 or more, was " + maxMessageBytes);
        }
        this.log = log.withMaxMessageBytes(maxMessageBytes);
        return this;
    }

    /**
     * A setting for topics that do not have it, under Kafka's name: {@code o.topicDefault("retention.ms", "86400000")}.
     *
     * @throws MqException {@code INVALID_CONFIG} naming the setting and what is valid
     */
    public BrokerOptions topicDefault(String name, String value) {
        Map<String, String> next = new LinkedHashMap<>(topicDefaults);
        next.put(name, value);
        new TopicConfig(durability, log).with(next).loadLibraries();
        topicDefaults.put(name, value);
        return this;
    }

    /**
     * How many files a broker on files has open at a time, 1,000 by default. Others are opened when they are used, so that the bound may be far below the number of
     * partitions; partitions that are written to all the time should fit in.
     */
    public BrokerOptions openFilesMax(int openFilesMax) {
        if (openFilesMax < 1) {
            throw new IllegalArgumentException("openFilesMax must be 1 or more, was " + openFilesMax);
        }
        this.openFilesMax = openFilesMax;
        return this;
    }

    /** How often partitions are looked over for segments that are beyond what is to be kept; 5 min by default, as Kafka. */
    public BrokerOptions retentionCheckInterval(Duration retentionCheckInterval) {
        this.retentionCheckInterval = positive("retentionCheckInterval", retentionCheckInterval);
        return this;
    }

    /** Where the broker's meters are registered: {@link io.reactivemq.metrics.BrokerMeter} and {@link io.reactivemq.metrics.CompactionMeter}. By default there are none. */
    public BrokerOptions meterRegistry(MeterRegistry registry) {
        this.meterRegistry = Objects.requireNonNull(registry, "registry");
        return this;
    }

    /**
     * How often partitions whose {@code cleanup.policy} is {@code compact} are looked over for what can be compacted; 15 s by default, as Kafka ({@code
     * log.cleaner.backoff.ms}).
     */
    public BrokerOptions compactionInterval(Duration compactionInterval) {
        this.compactionInterval = positive("compactionInterval", compactionInterval);
        return this;
    }

    /**
     * The most memory for the keys of a partition that is being compacted, in bytes ({@code log.cleaner.dedupe.buffer.size}): 32 bytes a key, 40 MiB
     * by default, taken as needed and for the time of the compaction. With more keys than that, it takes several passes over the log.
     */
    public BrokerOptions compactionMemory(long bytes) {
        if (bytes < COMPACTION_MEMORY_MIN) {
            throw new IllegalArgumentException(
                    "compactionMemory must be " + COMPACTION_MEMORY_MIN + " bytes or more, was " + bytes);
        }
        this.compactionMemory = bytes;
        return this;
    }

    /**
     * How long a partition remembers the last batches of an idempotent producer that sends no more, 1 day by default, as Kafka ({@code
     * producer.id.expiration.ms}). A batch that is sent again later than that is appended again.
     */
    public BrokerOptions producerIdExpiration(Duration producerIdExpiration) {
        this.log = log.withProducerIdExpirationMs(
                positive("producerIdExpiration", producerIdExpiration).toMillis());
        return this;
    }

    private static Duration positive(String name, Duration value) {
        if (value.toMillis() <= 0) {
            throw new IllegalArgumentException(name + " must be 1 ms or more, was " + value);
        }
        return value;
    }

    /** How long a member of a group may be silent before it is removed; 45 s by default, as Kafka. */
    public BrokerOptions groupSessionTimeout(Duration sessionTimeout) {
        this.sessionTimeout = Objects.requireNonNull(sessionTimeout, "sessionTimeout");
        return this;
    }

    /**
     * How often members of a group send a heartbeat; 500 ms by default (Kafka: 5 s). A member learns of a rebalance in its
     * heartbeats, so this is also how soon one begins. Must be shorter than the session timeout.
     */
    public BrokerOptions groupHeartbeatInterval(Duration heartbeatInterval) {
        this.heartbeatInterval = Objects.requireNonNull(heartbeatInterval, "heartbeatInterval");
        return this;
    }

    /**
     * How durable the end of a transaction is: {@link Durability#FSYNC} by default on files, whatever the durability of its topics. A transaction is then whole, or not
     * there, after a power failure, too: its partitions are forced before the decision is. With {@link Durability#OS_BUFFERED}, as Kafka
     * has it, a commit is several times as fast, and a power failure may take back the part of a transaction that is in one partition and leave
     * that in another; a kill of the process takes back nothing. It holds from the opening on.
     */
    public BrokerOptions transactionDurability(Durability transactionDurability) {
        requireMedium(transactionDurability);
        this.transactionDurability = transactionDurability;
        return this;
    }

    /** The longest time a transaction may be open before it is aborted; 15 min by default, as Kafka ({@code transaction.max.timeout.ms}). */
    public BrokerOptions transactionMaxTimeout(Duration transactionMaxTimeout) {
        this.transactionMaxTimeout = positive("transactionMaxTimeout", transactionMaxTimeout);
        return this;
    }

    /**
     * A transactional id that is not used for so long is forgotten; 7 days by default, as Kafka ({@code
     * transactional.id.expiration.ms}).
     */
    public BrokerOptions transactionalIdExpiration(Duration transactionalIdExpiration) {
        this.transactionalIdExpiration = positive("transactionalIdExpiration", transactionalIdExpiration);
        return this;
    }

    /** How often is looked for transactions that are open for too long; 1 s by default (Kafka: 10 s). */
    public BrokerOptions transactionCheckInterval(Duration transactionCheckInterval) {
        this.transactionCheckInterval = positive("transactionCheckInterval", transactionCheckInterval);
        return this;
    }

    /**
     * How long the first generation of a group of the classic protocol waits for more members ({@code group.initial.rebalance.delay.ms}). Zero by default,
     * as in the settings that Kafka comes with: it begins with the first member, and each that comes later costs a rebalance.
     */
    public BrokerOptions groupInitialRebalanceDelay(Duration delay) {
        this.groups = groups.withClassic(delay, groups.classicSessionTimeoutMin(), groups.classicSessionTimeoutMax());
        return this;
    }

    /**
     * The session timeouts that members of the classic protocol may ask for, 6 s to 30 min by default, as Kafka ({@code
     * group.min.session.timeout.ms}, {@code group.max.session.timeout.ms}).
     */
    public BrokerOptions groupClassicSessionTimeouts(Duration min, Duration max) {
        this.groups = groups.withClassic(groups.initialRebalanceDelay(), min, max);
        return this;
    }

    /** How many members a group takes, 10,000 by default ({@code group.max.size}, {@code group.consumer.max.size}). */
    public BrokerOptions groupMembersMax(int members) {
        this.groups = groups.withMembersMax(members);
        return this;
    }

    /**
     * How long committed offsets are kept that no member uses: since they were committed, or since their group became empty. 7 days by default, as Kafka
     * ({@code offsets.retention.minutes}).
     */
    public BrokerOptions offsetsRetention(Duration retention) {
        this.groups = groups.withOffsetsRetention(positive("offsetsRetention", retention));
        return this;
    }

    MqRuntime runtime() {
        return runtime;
    }

    int openFilesMax() {
        return openFilesMax;
    }

    @Nullable CompactionMeters compactionMeters() {
        return meterRegistry == null ? null : new CompactionMeters(meterRegistry);
    }

    /** Runs each force of a file. */
    Consumer<Runnable> forcing() {
        return meterRegistry == null
                ? Runnable::run
                : Timer.builder(BrokerMeter.FORCE.meterName())
                        .description(BrokerMeter.FORCE.description())
                        .register(meterRegistry)::record;
    }

    @Nullable BrokerMeters brokerMeters() {
        return meterRegistry == null ? null : new BrokerMeters(meterRegistry);
    }

    Duration compactionInterval() {
        return compactionInterval;
    }

    long compactionMemory() {
        return compactionMemory;
    }

    Duration retentionCheckInterval() {
        return retentionCheckInterval;
    }

    TopicConfig topicDefaults() {
        return new TopicConfig(durability, log).with(topicDefaults);
    }

    Durability transactionDurability() {
        return transactionDurability;
    }

    TransactionConfig transactionConfig() {
        return new TransactionConfig(transactionMaxTimeout, transactionalIdExpiration, transactionCheckInterval);
    }

    GroupConfig groupConfig() {
        return groups.withSession(sessionTimeout, heartbeatInterval);
    }
}
