package io.reactivemq.broker;

import java.util.Map;
import java.util.Objects;

/**
 * A topic to be created.
 *
 * @param name letters, digits, {@code .}, {@code _} and {@code -}, at most 249, not {@code .} or {@code ..}; the broker checks
 * @param partitions how many partitions, 1 or more
 * @param configs the topic's settings by Kafka's names; the broker's defaults hold for the rest
 */
public record NewTopic(String name, int partitions, Map<String, String> configs) {

    public NewTopic {
        Objects.requireNonNull(name, "name");
        configs = Map.copyOf(configs);
    }

    public static NewTopic of(String name, int partitions) {
        return new NewTopic(name, partitions, Map.of());
    }
}
