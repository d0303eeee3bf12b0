package io.reactivemq.topic;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.record.StoredCompression;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A setting of a topic as text: its name, what values it takes, and where the value is in a {@link TopicConfig}.
 *
 * @param name Kafka's name for it, where Kafka has it
 * @param expected the values it takes, in words
 * @param parse the value of a text; null, or a NumberFormatException, where it is not one
 * @param write the text of a value
 * @param get the value in a configuration
 * @param set the configuration with another value
 * @param <V> the type of the value
 */
record TopicSetting<V>(
        String name,
        String expected,
        Function<String, @Nullable V> parse,
        Function<V, String> write,
        Function<TopicConfig, V> get,
        BiFunction<TopicConfig, V, TopicConfig> set) {

    /** All of them, by name. */
    static final Map<String, TopicSetting<?>> ALL = List.<TopicSetting<?>>of(
                    policies(),
                    durability(),
                    timestampType(),
                    compressionType(),
                    gzipLevel(),
                    compressionLevel(
                            "compression.lz4.level",
                            StoredCompression.LZ4_LEVEL_MIN,
                            StoredCompression.LZ4_LEVEL_MAX,
                            StoredCompression::lz4Level,
                            StoredCompression::withLz4Level),
                    compressionLevel(
                            "compression.zstd.level",
                            StoredCompression.ZSTD_LEVEL_MIN,
                            StoredCompression.ZSTD_LEVEL_MAX,
                            StoredCompression::zstdLevel,
                            StoredCompression::withZstdLevel),
                    number(
                            "segment.bytes",
                            TopicConfig.SEGMENT_BYTES_MIN,
                            Integer.MAX_VALUE,
                            c -> (long) c.log().segmentBytes(),
                            (c, v) -> c.withLog(c.log().withSegmentBytes(v.intValue()))),
                    number(
                            "segment.ms",
                            1,
                            Long.MAX_VALUE,
                            c -> c.log().segmentMs(),
                            (c, v) -> c.withLog(c.log().withSegmentMs(v))),
                    number(
                            "index.interval.bytes",
                            0,
                            Integer.MAX_VALUE,
                            c -> (long) c.log().indexIntervalBytes(),
                            (c, v) -> c.withLog(c.log().withIndexIntervalBytes(v.intValue()))),
                    number(
                            "max.message.bytes",
                            1,
                            Integer.MAX_VALUE,
                            c -> (long) c.log().maxMessageBytes(),
                            (c, v) -> c.withLog(c.log().withMaxMessageBytes(v.intValue()))),
                    number(
                            "message.timestamp.before.max.ms",
                            0,
                            Long.MAX_VALUE,
                            c -> c.log().timestampBeforeMaxMs(),
                            (c, v) -> c.withLog(
                                    c.log().withTimestampBounds(v, c.log().timestampAfterMaxMs()))),
                    number(
                            "message.timestamp.after.max.ms",
                            0,
                            Long.MAX_VALUE,
                            c -> c.log().timestampAfterMaxMs(),
                            (c, v) -> c.withLog(
                                    c.log().withTimestampBounds(c.log().timestampBeforeMaxMs(), v))),
                    number(
                            "min.insync.replicas",
                            1,
                            Integer.MAX_VALUE,
                            c -> (long) c.minInsyncReplicas(),
                            (c, v) -> c.withMinInsyncReplicas(v.intValue())),
                    number(
                            "retention.ms",
                            Retention.UNBOUNDED,
                            Long.MAX_VALUE,
                            c -> c.retention().ms(),
                            (c, v) -> c.withRetention(c.retention().withMs(v))),
                    number(
                            "retention.bytes",
                            Retention.UNBOUNDED,
                            Long.MAX_VALUE,
                            c -> c.retention().bytes(),
                            (c, v) -> c.withRetention(c.retention().withBytes(v))),
                    number(
                            "retention.records",
                            Retention.UNBOUNDED,
                            Long.MAX_VALUE,
                            c -> c.retention().records(),
                            (c, v) -> c.withRetention(c.retention().withRecords(v))),
                    number(
                            "delete.retention.ms",
                            0,
                            Long.MAX_VALUE,
                            c -> c.compaction().deleteRetentionMs(),
                            (c, v) -> c.withCompaction(c.compaction().withDeleteRetentionMs(v))),
                    ratio(),
                    number(
                            "min.compaction.lag.ms",
                            0,
                            Long.MAX_VALUE,
                            c -> c.compaction().minLagMs(),
                            (c, v) -> c.withCompaction(c.compaction().withMinLagMs(v))),
                    number(
                            "max.compaction.lag.ms",
                            1,
                            Long.MAX_VALUE,
                            c -> c.compaction().maxLagMs(),
                            (c, v) -> c.withCompaction(c.compaction().withMaxLagMs(v))),
                    number(
                            "flush.messages",
                            1,
                            Long.MAX_VALUE,
                            c -> c.flush().messages(),
                            (c, v) -> c.withFlush(c.flush().withMessages(v))),
                    number(
                            "flush.ms",
                            0,
                            Long.MAX_VALUE,
                            c -> c.flush().ms(),
                            (c, v) -> c.withFlush(c.flush().withMs(v))))
            .stream()
            .collect(Collectors.toUnmodifiableMap(TopicSetting::name, setting -> setting));

    /** The configuration with the value that the text stands for; INVALID_CONFIG where it stands for none. */
    TopicConfig apply(TopicConfig config, String text) {
        V value;
        try {
            value = parse.apply(text.trim());
        } catch (NumberFormatException e) {
            throw new MqException(ErrorCode.INVALID_CONFIG, refusal(text), e);
        }
        if (value == null) {
            throw new MqException(ErrorCode.INVALID_CONFIG, refusal(text));
        }
        return set.apply(config, value);
    }

    String textIn(TopicConfig config) {
        return write.apply(get.apply(config));
    }

    private String refusal(String text) {
        return "topic setting " + name + ": expected " + expected + ", was '" + text + "'";
    }

    private static TopicSetting<Long> number(
            String name,
            long min,
            long max,
            Function<TopicConfig, Long> get,
            BiFunction<TopicConfig, Long, TopicConfig> set) {
        String expected = min == Retention.UNBOUNDED
                ? "0 or more, or -1 for no bound"
                : min + (max == Long.MAX_VALUE ? " or more" : " to " + max);
        return new TopicSetting<>(
                name,
                expected,
                text -> {
                    long value = Long.parseLong(text);
                    return value < min || value > max ? null : value;
                },
                String::valueOf,
                get,
                set);
    }

    private static TopicSetting<Double> ratio() {
        return new TopicSetting<>(
                "min.cleanable.dirty.ratio",
                "0 to 1",
                text -> {
                    double value = Double.parseDouble(text);
                    return value >= 0 && value <= 1 ? value : null;
                },
                String::valueOf,
                c -> c.compaction().minCleanableDirtyRatio(),
                (c, v) -> c.withCompaction(c.compaction().withMinCleanableDirtyRatio(v)));
    }

    private static TopicSetting<Durability> durability() {
        return new TopicSetting<>(
                "durability",
                "fsync or os-buffered on files, memory on a broker in memory",
                text -> {
                    for (Durability level : Durability.values()) {
                        if (level.configName().equals(text)) {
                            return level;
                        }
                    }
                    return null;
                },
                Durability::configName,
                TopicConfig::durability,
                TopicConfig::withDurability);
    }

    private static TopicSetting<TimestampType> timestampType() {
        return new TopicSetting<>(
                "message.timestamp.type",
                "CreateTime or LogAppendTime",
                text -> switch (text) {
                    case "CreateTime" -> TimestampType.CREATE_TIME;
                    case "LogAppendTime" -> TimestampType.LOG_APPEND_TIME;
                    default -> null;
                },
                type -> switch (type) {
                    case CREATE_TIME -> "CreateTime";
                    case LOG_APPEND_TIME -> "LogAppendTime";
                },
                c -> c.log().timestampType(),
                (c, v) -> c.withLog(c.log().withTimestampType(v)));
    }

    private static TopicSetting<StoredCompression.Type> compressionType() {
        return new TopicSetting<>(
                "compression.type",
                "producer, uncompressed, gzip, snappy, lz4 or zstd",
                text -> {
                    for (StoredCompression.Type type : StoredCompression.Type.values()) {
                        if (type.configName().equals(text)) {
                            return type;
                        }
                    }
                    return null;
                },
                StoredCompression.Type::configName,
                c -> c.log().compression().type(),
                (c, v) ->
                        c.withLog(c.log().withCompression(c.log().compression().withType(v))));
    }

    private static TopicSetting<Integer> gzipLevel() {
        return new TopicSetting<>(
                "compression.gzip.level",
                StoredCompression.GZIP_LEVEL_MIN + " to " + StoredCompression.GZIP_LEVEL_MAX + ", or "
                        + StoredCompression.GZIP_LEVEL_DEFAULT,
                text -> {
                    int level = Integer.parseInt(text);
                    boolean known = level == StoredCompression.GZIP_LEVEL_DEFAULT
                            || (level >= StoredCompression.GZIP_LEVEL_MIN && level <= StoredCompression.GZIP_LEVEL_MAX);
                    return known ? level : null;
                },
                String::valueOf,
                c -> c.log().compression().gzipLevel(),
                (c, v) ->
                        c.withLog(c.log().withCompression(c.log().compression().withGzipLevel(v))));
    }

    private static TopicSetting<Integer> compressionLevel(
            String name,
            int min,
            int max,
            Function<StoredCompression, Integer> get,
            BiFunction<StoredCompression, Integer, StoredCompression> set) {
        return new TopicSetting<>(
                name,
                min + " to " + max,
                text -> {
                    int level = Integer.parseInt(text);
                    return level < min || level > max ? null : level;
                },
                String::valueOf,
                c -> get.apply(c.log().compression()),
                (c, v) -> c.withLog(c.log().withCompression(set.apply(c.log().compression(), v))));
    }

    private static TopicSetting<Set<CleanupPolicy>> policies() {
        return new TopicSetting<>(
                "cleanup.policy",
                "delete, compact, or both with a comma between",
                TopicSetting::parsePolicies,
                policies -> policies.stream()
                        .map(CleanupPolicy::configName)
                        .sorted()
                        .collect(Collectors.joining(",")),
                TopicConfig::cleanup,
                TopicConfig::withCleanup);
    }

    private static @Nullable Set<CleanupPolicy> parsePolicies(String text) {
        Set<CleanupPolicy> policies = EnumSet.noneOf(CleanupPolicy.class);
        for (String part : text.split(",", -1)) {
            switch (part.trim().toLowerCase(Locale.ROOT)) {
                case "delete" -> policies.add(CleanupPolicy.DELETE);
                case "compact" -> policies.add(CleanupPolicy.COMPACT);
                default -> {
                    return null;
                }
            }
        }
        return policies;
    }
}
