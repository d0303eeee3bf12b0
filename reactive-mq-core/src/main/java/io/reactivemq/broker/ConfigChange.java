package io.reactivemq.broker;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A change of one setting of a topic.
 *
 * @param name Kafka's name for it, where Kafka has it
 * @param value the new value as text; null: the broker's default holds again
 */
public record ConfigChange(String name, @Nullable String value) {

    public ConfigChange {
        Objects.requireNonNull(name, "name");
    }

    /** The setting has that value from now on. */
    public static ConfigChange set(String name, String value) {
        return new ConfigChange(name, Objects.requireNonNull(value, "value"));
    }

    /** Nothing is given for the topic any more, and the broker's default holds. */
    public static ConfigChange reset(String name) {
        return new ConfigChange(name, null);
    }
}
