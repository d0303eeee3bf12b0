package io.reactivemq.group;

import java.time.Duration;

/**
 * The settings of groups, under Kafka's names.
 *
 * @param sessionTimeout a member of KIP-848 that sends no heartbeat for that long is removed ({@code
 *     group.consumer.session.timeout.ms})
 * @param heartbeatInterval how often it sends one ({@code group.consumer.heartbeat.interval.ms}); shorter than the session
 * @param initialRebalanceDelay how long the first generation of a classic group waits for more members ({@code
 *     group.initial.rebalance.delay.ms})
 * @param classicSessionTimeoutMin the least session timeout a classic member may ask for ({@code group.min.session.timeout.ms})
 * @param classicSessionTimeoutMax the most ({@code group.max.session.timeout.ms})
 * @param membersMax members of one group ({@code group.max.size}, {@code group.consumer.max.size}); above it a join is refused
 * @param offsetsRetention how long offsets are kept that nobody uses ({@code offsets.retention.minutes})
 */
public record GroupConfig(
        Duration sessionTimeout,
        Duration heartbeatInterval,
        Duration initialRebalanceDelay,
        Duration classicSessionTimeoutMin,
        Duration classicSessionTimeoutMax,
        int membersMax,
        Duration offsetsRetention) {

    /** Bytes of the note that goes with a committed offset ({@code offset.metadata.max.bytes}). */
    static final int METADATA_BYTES_MAX = 4096;

    /** Bytes of all that a classic member says of itself in a join; of the names that one of KIP-848 subscribes to. */
    static final int CLASSIC_METADATA_BYTES_MAX = 1024 * 1024;

    /**
     * Bytes of what is one record, such as a classic group, and of the offsets in one commit: half of what a batch of the broker's own
     * topics may have. What does not fit would fail the append, and with it what others wrote in the same batch.
     */
    static final int RECORD_BYTES_MAX = 8 * 1024 * 1024;

    /** How long a classic member that is new is kept while its first generation has not begun, as in Kafka. */
    static final Duration NEW_MEMBER_JOIN_TIMEOUT = Duration.ofMinutes(5);

    /** The interval while partitions are on their way to a member, or away from it: then each heartbeat is one step. */
    private static final Duration RECONCILING_INTERVAL = Duration.ofMillis(50);

    /** With more members the target is not computed more often than each tenth of a millisecond a member. */
    private static final int ASSIGN_AT_ONCE_MEMBERS = 100;

    /**
     * Kafka's session timeout of 45 s. Its heartbeat interval is 5 s; in one JVM a heartbeat is a method call, so 500 ms. No wait for the first generation:
     * Kafka's own is 3 s, and the settings that come with it say 0.
     */
    public static final GroupConfig DEFAULT = new GroupConfig(
            Duration.ofSeconds(45),
            Duration.ofMillis(500),
            Duration.ZERO,
            Duration.ofSeconds(6),
            Duration.ofMinutes(30),
            10_000,
            Duration.ofDays(7));

    public GroupConfig {
        if (heartbeatInterval.isNegative()
                || heartbeatInterval.isZero()
                || sessionTimeout.compareTo(heartbeatInterval) <= 0) {
            throw new IllegalArgumentException("the heartbeat interval must be more than zero and less than the session"
                    + " timeout; were " + heartbeatInterval + " and " + sessionTimeout);
        }
        if (initialRebalanceDelay.isNegative()) {
            throw new IllegalArgumentException(
                    "the initial rebalance delay must be zero or more, was " + initialRebalanceDelay);
        }
        if (classicSessionTimeoutMin.isNegative()
                || classicSessionTimeoutMax.compareTo(classicSessionTimeoutMin) < 0
                || classicSessionTimeoutMax.toMillis() > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("the bounds of classic session timeouts must be 0 or more, the lower not"
                    + " above the upper; were " + classicSessionTimeoutMin + " and " + classicSessionTimeoutMax);
        }
        if (membersMax < 1 || offsetsRetention.toMillis() < 1) {
            throw new IllegalArgumentException("a group must take 1 member or more, and offsets be kept for 1 ms or"
                    + " more; were " + membersMax + " and " + offsetsRetention);
        }
    }

    public GroupConfig withSession(Duration timeout, Duration interval) {
        return new GroupConfig(
                timeout,
                interval,
                initialRebalanceDelay,
                classicSessionTimeoutMin,
                classicSessionTimeoutMax,
                membersMax,
                offsetsRetention);
    }

    public GroupConfig withClassic(Duration initialDelay, Duration sessionMin, Duration sessionMax) {
        return new GroupConfig(
                sessionTimeout, heartbeatInterval, initialDelay, sessionMin, sessionMax, membersMax, offsetsRetention);
    }

    public GroupConfig withMembersMax(int members) {
        return new GroupConfig(
                sessionTimeout,
                heartbeatInterval,
                initialRebalanceDelay,
                classicSessionTimeoutMin,
                classicSessionTimeoutMax,
                members,
                offsetsRetention);
    }

    public GroupConfig withOffsetsRetention(Duration retention) {
        return new GroupConfig(
                sessionTimeout,
                heartbeatInterval,
                initialRebalanceDelay,
                classicSessionTimeoutMin,
                classicSessionTimeoutMax,
                membersMax,
                retention);
    }

    /** How soon a member shall send its next heartbeat; in a large group each step is less urgent, since all take part. */
    Duration nextHeartbeat(boolean settled, int members) {
        Duration step = RECONCILING_INTERVAL.toMillis() < members ? Duration.ofMillis(members) : RECONCILING_INTERVAL;
        return settled || heartbeatInterval.compareTo(step) < 0 ? heartbeatInterval : step;
    }

    /** How long a target stands before the next is computed: so that many who join together cost one. */
    static Duration assignInterval(int members) {
        return members < ASSIGN_AT_ONCE_MEMBERS ? Duration.ZERO : Duration.ofNanos(members * 100_000L);
    }
}
