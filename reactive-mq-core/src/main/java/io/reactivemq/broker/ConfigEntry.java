package io.reactivemq.broker;

import java.util.Objects;

/**
 * A setting of a topic, as it holds.
 *
 * @param name Kafka's name for it, where Kafka has it
 * @param value its value as text
 * @param source where the value comes from
 */
public record ConfigEntry(String name, String value, Source source) {

    public ConfigEntry {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(value, "value");
        Objects.requireNonNull(source, "source");
    }

    /** Where a value comes from. */
    public enum Source {
        /** Given for the topic. */
        TOPIC,
        /** The broker's default: nothing was given for the topic, or what was given follows from another setting. */
        BROKER
    }
}
