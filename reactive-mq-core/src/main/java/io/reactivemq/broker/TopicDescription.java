package io.reactivemq.broker;

import java.util.Map;
import java.util.UUID;

/**
 * A topic as it is.
 *
 * @param name its name
 * @param topicId its id, which a topic of the same name created later does not share
 * @param partitions how many partitions it has
 * @param configs the settings given for it; the broker's defaults hold for the rest
 * @param maxMessageBytes the largest batch it takes, by its settings or the broker's default
 * @param internal whether the broker keeps its own state in it
 * @param offline the partitions that are not served since their logs could not be opened, and what is wrong with each; requests to them end
 *     with {@code KAFKA_STORAGE_ERROR}
 */
public record TopicDescription(
        String name,
        UUID topicId,
        int partitions,
        Map<String, String> configs,
        int maxMessageBytes,
        boolean internal,
        Map<Integer, String> offline) {

    public TopicDescription {
        configs = Map.copyOf(configs);
        offline = Map.copyOf(offline);
    }

    /** Of a topic all of whose partitions are served. */
    public TopicDescription(
            String name,
            UUID topicId,
            int partitions,
            Map<String, String> configs,
            int maxMessageBytes,
            boolean internal) {
        this(name, topicId, partitions, configs, maxMessageBytes, internal, Map.of());
    }
}
