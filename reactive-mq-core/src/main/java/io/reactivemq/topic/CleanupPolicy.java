package io.reactivemq.topic;

/** What becomes of a topic's old records: {@code cleanup.policy}. A topic has one of them, or both. */
public enum CleanupPolicy {
    /** Whole segments go by age, size or number: {@link Retention}. */
    DELETE("delete"),
    /** The last record of each key stays: {@link io.reactivemq.log.Compaction}. */
    COMPACT("compact");

    private final String configName;

    CleanupPolicy(String configName) {
        this.configName = configName;
    }

    /** The value as it is written in a topic's configuration. */
    String configName() {
        return configName;
    }
}
