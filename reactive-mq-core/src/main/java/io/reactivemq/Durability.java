package io.reactivemq;

/**
 * When an append counts as done: the acknowledgement is sent, and readers see the record, from that moment on. A topic's
 * setting ({@code durability}); the broker's where the topic has none.
 */
public enum Durability {
    /** Forced to disk, with everything before it; survives power loss. Appenders that wait at once share one force. */
    FSYNC("fsync"),
    /** Written to the operating system's page cache; survives a kill of the process, not power loss. Kafka's default. */
    OS_BUFFERED("os-buffered"),
    /** Held in memory; survives nothing. The only level of a broker in memory. */
    MEMORY("memory");

    private final String configName;

    Durability(String configName) {
        this.configName = configName;
    }

    /** The value as it is written in a topic's configuration. */
    public String configName() {
        return configName;
    }

    /** The level of that name; IllegalArgumentException names the valid ones. */
    public static Durability ofConfigName(String name) {
        for (Durability level : values()) {
            if (level.configName.equals(name)) {
                return level;
            }
        }
        throw new IllegalArgumentException("durability must be one of fsync, os-buffered, memory, was '" + name + "'");
    }
}
