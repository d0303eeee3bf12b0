package io.reactivemq.server;

import io.reactivemq.netty.server.KafkaServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/**
 * How much of the server clients may take: the settings of a configuration file about that, by Kafka's names. What the file does not say is as {@link KafkaServer} has it.
 *
 * @param values the settings that the file has, checked
 */
record LimitsConfig(Map<String, Long> values) {

    private static final Map<String, Limit> LIMITS = Map.of(
            "max.connections",
            new Limit(1, Integer.MAX_VALUE, (server, value) -> server.connectionsMax(value.intValue())),
            "max.connections.per.ip",
            new Limit(1, Integer.MAX_VALUE, (server, value) -> server.connectionsPerAddressMax(value.intValue())),
            "socket.request.max.bytes",
            new Limit(
                    KafkaServer.FRAME_BYTES_MAX_MIN,
                    KafkaServer.FRAME_BYTES_MAX_MAX,
                    (server, value) -> server.frameBytesMax(value.intValue())),
            "queued.max.request.bytes",
            new Limit(1, Long.MAX_VALUE, KafkaServer::unwrittenBytesMax),
            "max.incremental.fetch.session.cache.slots",
            new Limit(0, Integer.MAX_VALUE, (server, value) -> server.fetchSessionsMax(value.intValue())),
            "connections.max.idle.ms",
            new Limit(1, Long.MAX_VALUE, (server, value) -> server.idleTimeout(Duration.ofMillis(value))));

    static final LimitsConfig NONE = new LimitsConfig(Map.of());

    /** What is valid, and what it sets. */
    private record Limit(long min, long max, BiConsumer<KafkaServer, Long> setting) {}

    LimitsConfig {
        values = Map.copyOf(values);
    }

    /** Whether it is a setting of these. */
    static boolean knows(String name) {
        return LIMITS.containsKey(name);
    }

    /** Reads settings that it {@link #knows}. */
    static LimitsConfig of(Path file, Map<String, String> settings) throws ConfigException {
        Map<String, Long> values = new TreeMap<>();
        for (Map.Entry<String, String> setting : settings.entrySet()) {
            Limit limit = LIMITS.get(setting.getKey());
            if (limit == null) {
                throw new IllegalArgumentException(setting.getKey() + " is no limit");
            }
            values.put(
                    setting.getKey(),
                    ServerConfig.number(file, setting.getKey(), setting.getValue(), limit.min, limit.max));
        }
        return new LimitsConfig(values);
    }

    KafkaServer apply(KafkaServer server) {
        values.forEach((name, value) -> {
            Limit limit = LIMITS.get(name);
            if (limit != null) {
                limit.setting.accept(server, value);
            }
        });
        return server;
    }
}
