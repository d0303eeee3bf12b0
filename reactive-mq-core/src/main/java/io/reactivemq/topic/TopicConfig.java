package io.reactivemq.topic;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.log.Compaction;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.LogConfig.RecordCheck;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A topic's settings: what was given for it under Kafka's names, and the broker's defaults for the rest. All can be altered while the
 * topic is in use.
 *
 * <table>
 * <caption>Settings</caption>
 * <tr><th>name</th><th>value</th><th>default</th></tr>
 * <tr><td>{@code durability}</td><td>{@code fsync}, {@code os-buffered}; {@code memory} on a broker in memory</td><td>the
 *     broker's</td></tr>
 * <tr><td>{@code flush.messages}</td><td>1 or more; 1 means durability {@code fsync}</td><td>never</td></tr>
 * <tr><td>{@code flush.ms}</td><td>0 or more</td><td>never</td></tr>
 * <tr><td>{@code segment.bytes}</td><td>where a segment ends, 1,024 or more</td><td>1 GiB</td></tr>
 * <tr><td>{@code segment.ms}</td><td>how much later than a segment's first record its last may be, 1 or more</td><td>7 days</td></tr>
 * <tr><td>{@code index.interval.bytes}</td><td>0 or more</td><td>4,096</td></tr>
 * <tr><td>{@code max.message.bytes}</td><td>the largest batch that is taken, 1 or more</td><td>1 MiB + 12</td></tr>
 * <tr><td>{@code compression.type}</td><td>how batches are kept: {@code producer}, as they came, or {@code uncompressed}, {@code gzip}, {@code snappy},
 *     {@code lz4}, {@code zstd}</td><td>{@code producer}</td></tr>
 * <tr><td>{@code compression.gzip.level}, {@code compression.lz4.level}, {@code compression.zstd.level}</td><td>1 to 9 or -1, 1 to 17, -131,072 to
 *     22</td><td>-1, 9, 3</td></tr>
 * <tr><td>{@code message.timestamp.type}</td><td>{@code CreateTime}, {@code LogAppendTime}</td><td>{@code CreateTime}</td></tr>
 * <tr><td>{@code message.timestamp.before.max.ms}, {@code message.timestamp.after.max.ms}</td><td>how far from the broker's time a create time
 *     may be, 0 or more</td><td>no bound, 1 hour</td></tr>
 * <tr><td>{@code min.insync.replicas}</td><td>1 or more; see {@code minInsyncReplicas}</td><td>1</td></tr>
 * <tr><td>{@code cleanup.policy}</td><td>{@code delete}, {@code compact}, {@code compact,delete}</td><td>{@code delete}</td></tr>
 * <tr><td>{@code retention.ms}, {@code retention.bytes}, {@code retention.records}</td><td>0 or more; -1: no bound</td><td>7 days,
 *     -1, -1</td></tr>
 * <tr><td>{@code delete.retention.ms}</td><td>0 or more</td><td>1 day</td></tr>
 * <tr><td>{@code min.cleanable.dirty.ratio}</td><td>0 to 1</td><td>0.5</td></tr>
 * <tr><td>{@code min.compaction.lag.ms}, {@code max.compaction.lag.ms}</td><td>0 or more, 1 or more</td><td>0, none</td></tr>
 * </table>
 *
 * @param durability when an append counts as done
 * @param flush how often a log is forced although nobody waits for it
 * @param log the settings of the partitions' logs
 * @param cleanup what becomes of old records; at least one policy
 * @param retention how much is kept where the policy is to delete
 * @param compaction how the topic is compacted where that is its policy
 * @param minInsyncReplicas with more than 1, appends with {@code acks=all} are refused with NOT_ENOUGH_REPLICAS: a broker is one replica
 */
public record TopicConfig(
        Durability durability,
        FlushPolicy flush,
        LogConfig log,
        Set<CleanupPolicy> cleanup,
        Retention retention,
        Compaction compaction,
        int minInsyncReplicas) {

    /** The least value of {@code segment.bytes}. */
    public static final int SEGMENT_BYTES_MIN = 1024;

    private static final long TIMESTAMP_AFTER_MAX_MS = 60L * 60 * 1000;

    private static final String DURABILITY = "durability";
    private static final String FLUSH_MESSAGES = "flush.messages";

    public TopicConfig {
        cleanup = Set.copyOf(cleanup);
        if (cleanup.isEmpty()) {
            throw new IllegalArgumentException("cleanup needs at least one policy");
        }
        if (minInsyncReplicas < 1) {
            throw new IllegalArgumentException("minInsyncReplicas must be 1 or more, was " + minInsyncReplicas);
        }
    }

    /** Kafka's defaults for all but these. */
    public TopicConfig(Durability durability, LogConfig log) {
        this(
                durability,
                FlushPolicy.DEFAULT.withMessages(durability == Durability.FSYNC ? 1 : FlushPolicy.NEVER),
                log.withTimestampBounds(Long.MAX_VALUE, TIMESTAMP_AFTER_MAX_MS),
                Set.of(CleanupPolicy.DELETE),
                Retention.DEFAULT,
                Compaction.DEFAULT,
                1);
    }

    /**
     * The settings given, over these.
     *
     * @throws MqException {@code INVALID_CONFIG} naming the setting, its value and what is valid
     */
    public TopicConfig with(Map<String, String> configs) {
        TopicConfig result = this;
        if (durability == Durability.FSYNC) {
            result = result.withFlush(flush.withMessages(FlushPolicy.NEVER));
        }
        for (Map.Entry<String, String> config : configs.entrySet()) {
            result = setting(config.getKey()).apply(result, config.getValue());
        }
        return result.reconciled(configs, durability);
    }

    /** INVALID_CONFIG where no setting has that name. */
    public static void requireSetting(String name) {
        setting(name);
    }

    private static TopicSetting<?> setting(String name) {
        TopicSetting<?> setting = TopicSetting.ALL.get(name);
        if (setting == null) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    "there is no topic setting '" + name + "': expected one of "
                            + String.join(", ", new TreeSet<>(TopicSetting.ALL.keySet())));
        }
        return setting;
    }

    /** What the settings say together. */
    private TopicConfig reconciled(Map<String, String> given, Durability broker) {
        if ((durability == Durability.MEMORY) != (broker == Durability.MEMORY)) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    "topic setting durability: expected "
                            + (broker == Durability.MEMORY
                                    ? "memory on a broker in memory"
                                    : "fsync or os-buffered on files")
                            + ", was '" + durability.configName() + "'");
        }
        if (compaction.minLagMs() > compaction.maxLagMs()) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    "topic setting min.compaction.lag.ms: expected at most max.compaction.lag.ms, which is "
                            + compaction.maxLagMs() + ", was " + compaction.minLagMs());
        }
        if (durability == Durability.MEMORY) {
            return this;
        }
        boolean each = flush.messages() == 1;
        if (each && given.containsKey(DURABILITY) && durability != Durability.FSYNC) {
            if (given.containsKey(FLUSH_MESSAGES)) {
                throw new MqException(
                        ErrorCode.INVALID_CONFIG,
                        "topic setting flush.messages: 1 means durability fsync, but durability was '"
                                + durability.configName() + "'; give one of the two");
            }
            return withFlush(flush.withMessages(FlushPolicy.NEVER));
        }
        if (each) {
            return withDurability(Durability.FSYNC);
        }
        return durability == Durability.FSYNC ? withFlush(flush.withMessages(1)) : this;
    }

    /**
     * Loads the libraries that the settings ask for, which reads files.
     *
     * @throws MqException {@code INVALID_CONFIG} naming the setting and the library that is missing
     */
    public void loadLibraries() {
        try {
            log.compression().load();
        } catch (MqException e) {
            throw new MqException(
                    ErrorCode.INVALID_CONFIG,
                    "topic setting compression.type: '"
                            + log.compression().type().configName() + "' needs more than is there: " + e.getMessage(),
                    e);
        }
    }

    /** Every setting as text, by name. */
    public SortedMap<String, String> asText() {
        SortedMap<String, String> text = new TreeMap<>();
        TopicSetting.ALL.forEach((name, setting) -> text.put(name, setting.textIn(this)));
        return text;
    }

    /** Whether old segments are deleted. */
    public boolean deletes() {
        return cleanup.contains(CleanupPolicy.DELETE);
    }

    /** Whether older records of a key are taken away. */
    public boolean compacts() {
        return cleanup.contains(CleanupPolicy.COMPACT);
    }

    /** The settings of the partitions' logs, with what compaction asks of them; bits rot on disk, not in memory. */
    public LogConfig effectiveLog() {
        LogConfig settings = log.withCheckCrcs(durability != Durability.MEMORY);
        return compacts()
                ? settings.withRecordCheck(RecordCheck.RECORDS_WITH_KEYS)
                        .withSegmentMs(Math.min(log.segmentMs(), compaction.maxLagMs()))
                : settings;
    }

    public TopicConfig withDurability(Durability value) {
        return new TopicConfig(value, flush, log, cleanup, retention, compaction, minInsyncReplicas);
    }

    TopicConfig withFlush(FlushPolicy value) {
        return new TopicConfig(durability, value, log, cleanup, retention, compaction, minInsyncReplicas);
    }

    public TopicConfig withLog(LogConfig value) {
        return new TopicConfig(durability, flush, value, cleanup, retention, compaction, minInsyncReplicas);
    }

    public TopicConfig withCleanup(Set<CleanupPolicy> value) {
        return new TopicConfig(durability, flush, log, value, retention, compaction, minInsyncReplicas);
    }

    TopicConfig withRetention(Retention value) {
        return new TopicConfig(durability, flush, log, cleanup, value, compaction, minInsyncReplicas);
    }

    TopicConfig withCompaction(Compaction value) {
        return new TopicConfig(durability, flush, log, cleanup, retention, value, minInsyncReplicas);
    }

    TopicConfig withMinInsyncReplicas(int value) {
        return new TopicConfig(durability, flush, log, cleanup, retention, compaction, value);
    }
}
