package io.reactivemq.topic;

import io.reactivemq.Durability;
import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.log.LogConfig;
import java.util.Map;

/**
 * A topic's settings: what was given for it under Kafka's names, and the broker's defaults for the rest.
 *
 * <table>
 * <caption>Settings</caption>
 * <tr><th>name</th><th>value</th></tr>
 * <tr><td>{@code durability}</td><td>{@code fsync}, {@code os-buffered}; {@code memory} on a broker in memory</td></tr>
 * <tr><td>{@code segment.bytes}</td><td>where a segment ends, 1,024 or more</td></tr>
 * <tr><td>{@code max.message.bytes}</td><td>the largest batch that is taken, 1 or more</td></tr>
 * <tr><td>{@code message.timestamp.type}</td><td>{@code CreateTime}, {@code LogAppendTime}</td></tr>
 * </table>
 *
 * @param durability when an append counts as done
 * @param log the settings of the partitions' logs
 */
public record TopicConfig(Durability durability, LogConfig log) {

    /** The least value of {@code segment.bytes}. */
    public static final int SEGMENT_BYTES_MIN = 1024;

    /**
     * The settings given, over these defaults.
     *
     * @throws MqException {@code INVALID_CONFIG} naming the setting, its value and what is valid
     */
    public TopicConfig with(Map<String, String> configs) {
        TopicConfig result = this;
        for (Map.Entry<String, String> config : configs.entrySet()) {
            result = result.with(config.getKey(), config.getValue());
        }
        return result;
    }

    private TopicConfig with(String name, String value) {
        return switch (name) {
            case "durability" -> new TopicConfig(durabilityOf(name, value), log);
            case "segment.bytes" ->
                new TopicConfig(durability, log.withSegmentBytes(atLeast(name, value, SEGMENT_BYTES_MIN)));
            case "max.message.bytes" -> new TopicConfig(durability, log.withMaxMessageBytes(atLeast(name, value, 1)));
            case "message.timestamp.type" ->
                new TopicConfig(durability, log.withTimestampType(timestampTypeOf(name, value)));
            default ->
                throw invalid(
                        name,
                        value,
                        "one of the settings durability, segment.bytes, max.message.bytes, message.timestamp.type");
        };
    }

    private Durability durabilityOf(String name, String value) {
        Durability wanted;
        try {
            wanted = Durability.ofConfigName(value);
        } catch (IllegalArgumentException e) {
            throw new MqException(ErrorCode.INVALID_CONFIG, String.valueOf(e.getMessage()), e);
        }
        if ((wanted == Durability.MEMORY) != (durability == Durability.MEMORY)) {
            throw invalid(
                    name,
                    value,
                    durability == Durability.MEMORY ? "memory on a broker in memory" : "fsync or os-buffered on files");
        }
        return wanted;
    }

    private static TimestampType timestampTypeOf(String name, String value) {
        return switch (value) {
            case "CreateTime" -> TimestampType.CREATE_TIME;
            case "LogAppendTime" -> TimestampType.LOG_APPEND_TIME;
            default -> throw invalid(name, value, "CreateTime or LogAppendTime");
        };
    }

    private static int atLeast(String name, String value, int min) {
        try {
            int number = Integer.parseInt(value);
            if (number >= min) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw new MqException(ErrorCode.INVALID_CONFIG, expected(name, value, min + " or more"), e);
        }
        throw invalid(name, value, min + " or more");
    }

    private static MqException invalid(String name, String value, String expected) {
        return new MqException(ErrorCode.INVALID_CONFIG, expected(name, value, expected));
    }

    private static String expected(String name, String value, String expected) {
        return "topic setting " + name + ": expected " + expected + ", was '" + value + "'";
    }
}
