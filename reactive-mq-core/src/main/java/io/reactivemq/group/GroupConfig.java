package io.reactivemq.group;

import java.time.Duration;

/**
 * The settings of groups.
 *
 * @param sessionTimeout a member that sends no heartbeat for that long is removed ({@code
 *     group.consumer.session.timeout.ms})
 * @param heartbeatInterval how often members send one ({@code group.consumer.heartbeat.interval.ms}); shorter than the session
 */
public record GroupConfig(Duration sessionTimeout, Duration heartbeatInterval) {

    /** Members of one group; above it a join is refused. Keeps one group's assignment within what one event may cost. */
    static final int MEMBERS_MAX = 10_000;

    /** Bytes of the note that goes with a committed offset ({@code offset.metadata.max.bytes}). */
    static final int METADATA_BYTES_MAX = 4096;

    /** The interval while partitions are on their way to a member, or away from it: then each heartbeat is one step. */
    private static final Duration RECONCILING_INTERVAL = Duration.ofMillis(50);

    /** Kafka's session timeout of 45 s. Its heartbeat interval is 5 s; in one JVM a heartbeat is a method call, so 500 ms. */
    public static final GroupConfig DEFAULT = new GroupConfig(Duration.ofSeconds(45), Duration.ofMillis(500));

    public GroupConfig {
        if (heartbeatInterval.isNegative()
                || heartbeatInterval.isZero()
                || sessionTimeout.compareTo(heartbeatInterval) <= 0) {
            throw new IllegalArgumentException("the heartbeat interval must be more than zero and less than the session"
                    + " timeout; were " + heartbeatInterval + " and " + sessionTimeout);
        }
    }

    /** How soon a member shall send its next heartbeat. */
    Duration nextHeartbeat(boolean settled) {
        return settled || heartbeatInterval.compareTo(RECONCILING_INTERVAL) < 0
                ? heartbeatInterval
                : RECONCILING_INTERVAL;
    }
}
