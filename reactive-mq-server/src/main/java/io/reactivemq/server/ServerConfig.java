package io.reactivemq.server;

import io.reactivemq.Durability;
import io.reactivemq.engine.BrokerOptions;
import io.reactivemq.netty.server.KafkaServer;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a configuration file, by Kafka's names.
 *
 * @param partitions how many partitions a topic gets whose creator does not say ({@code num.partitions})
 * @param autoCreate whether a topic is created that a client asks for ({@code auto.create.topics.enable})
 * @param nodeId the server's number ({@code node.id})
 * @param transactionDurability how durable the end of a transaction is ({@code transaction.durability}); null: fsync on files
 * @param metricsPort where its meters are to be fetched ({@code metrics.port}), 0 for any port that is free; null: nowhere
 * @param security where it listens, and who may come in
 * @param limits how much of it clients may take
 * @param topicDefaults settings for topics that do not have them ({@code retention.ms} and the others of a topic)
 */
record ServerConfig(
        int partitions,
        boolean autoCreate,
        int nodeId,
        @Nullable Durability transactionDurability,
        @Nullable Integer metricsPort,
        SecurityConfig security,
        LimitsConfig limits,
        Map<String, String> topicDefaults) {

    /** What a file with nothing in it says: Kafka's defaults. */
    static ServerConfig defaults() {
        return new ServerConfig(1, true, 1, null, null, SecurityConfig.NONE, LimitsConfig.NONE, Map.of());
    }

    static ServerConfig read(Path file) throws ConfigException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigException("cannot read " + file + ": " + e.getMessage());
        }
        ServerConfig defaults = defaults();
        int partitions = defaults.partitions;
        boolean autoCreate = defaults.autoCreate;
        int nodeId = defaults.nodeId;
        Durability transactionDurability = null;
        Integer metricsPort = null;
        Map<String, String> security = new TreeMap<>();
        Map<String, String> limits = new TreeMap<>();
        Map<String, String> topicDefaults = new TreeMap<>();
        for (String name : properties.stringPropertyNames()) {
            String value = properties.getProperty(name).strip();
            switch (name) {
                case "num.partitions" -> partitions = number(file, name, value, 1, Integer.MAX_VALUE);
                case "auto.create.topics.enable" -> autoCreate = bool(file, name, value);
                case "node.id" -> nodeId = number(file, name, value, 0, Integer.MAX_VALUE);
                case "transaction.durability" -> transactionDurability = durability(file, name, value);
                case "metrics.port" -> metricsPort = number(file, name, value, 0, 65_535);
                default -> {
                    Map<String, String> others =
                            SecurityConfig.knows(name) ? security : LimitsConfig.knows(name) ? limits : topicDefaults;
                    others.put(name, value);
                }
            }
        }
        return new ServerConfig(
                partitions,
                autoCreate,
                nodeId,
                transactionDurability,
                metricsPort,
                SecurityConfig.of(file, security),
                LimitsConfig.of(file, limits),
                topicDefaults);
    }

    private static int number(Path file, String name, String value, int min, int max) throws ConfigException {
        return (int) number(file, name, value, (long) min, max);
    }

    /** The number that a setting is, between those two. */
    static long number(Path file, String name, String value, long min, long max) throws ConfigException {
        try {
            long number = Long.parseLong(value);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below, as a number that is too small
        }
        String range = max >= Integer.MAX_VALUE ? min + " or more" : min + " to " + max;
        throw new ConfigException(file + ": " + name + " must be a number of " + range + ", was '" + value + "'");
    }

    private static Durability durability(Path file, String name, String value) throws ConfigException {
        for (Durability level : Durability.values()) {
            if (level != Durability.MEMORY && level.configName().equals(value)) {
                return level;
            }
        }
        throw new ConfigException(file + ": " + name + " must be fsync or os-buffered, was '" + value + "'");
    }

    private static boolean bool(Path file, String name, String value) throws ConfigException {
        return switch (value) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new ConfigException(file + ": " + name + " must be true or false, was '" + value + "'");
        };
    }

    /**
     * @throws io.reactivemq.MqException {@code INVALID_CONFIG} for a setting that topics do not have either
     * @throws IllegalArgumentException for a durability that a broker in memory cannot have
     */
    BrokerOptions apply(BrokerOptions options) {
        if (transactionDurability != null) {
            options.transactionDurability(transactionDurability);
        }
        topicDefaults.forEach(options::topicDefault);
        return options;
    }

    KafkaServer apply(KafkaServer server) {
        limits.apply(security.apply(server.nodeId(nodeId).defaultPartitions(partitions)));
        return autoCreate ? server.autoCreateTopics(partitions) : server;
    }
}
