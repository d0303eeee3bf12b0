package io.reactivemq.broker;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Sets a group's committed offsets from outside, to read again what was read or to leave something out.
 *
 * <pre>{@code
 * OffsetReset.toTime(Instant.parse("2026-01-01T00:00:00Z")).on(broker, "billing", partitions)
 * }</pre>
 *
 * <p>An offset outside of what the partition has becomes its first or last, as with Kafka's own tool. While the group has members nothing is set:
 * they would not hear of it, and commit over it.
 */
public final class OffsetReset {

    /** Partitions that are asked for their offsets at a time. */
    private static final int CONCURRENCY = 16;

    private final Target target;

    private OffsetReset(Target target) {
        this.target = target;
    }

    /** To the first record there is. */
    public static OffsetReset toEarliest() {
        return new OffsetReset(
                (broker, caller, group, partition) -> broker.listOffset(caller, partition, OffsetSpec.earliest()));
    }

    /** Behind the last record there is. */
    public static OffsetReset toLatest() {
        return new OffsetReset(
                (broker, caller, group, partition) -> broker.listOffset(caller, partition, OffsetSpec.latest()));
    }

    /** To the first record whose timestamp is at or after that time; behind the last where there is none. */
    public static OffsetReset toTime(Instant time) {
        Objects.requireNonNull(time, "time");
        return new OffsetReset((broker, caller, group, partition) ->
                broker.listOffset(caller, partition, OffsetSpec.atOrAfter(time.toEpochMilli())));
    }

    /** To the first record that is not older than that, by the broker's clock. */
    public static OffsetReset toDurationAgo(Duration age) {
        if (age.isNegative()) {
            throw new IllegalArgumentException("age must be zero or more, was " + age);
        }
        return new OffsetReset((broker, caller, group, partition) -> broker.listOffset(
                caller, partition, OffsetSpec.atOrAfter(broker.runtime().currentTimeMillis() - age.toMillis())));
    }

    /** To that offset, the same in each partition. */
    public static OffsetReset toOffset(long offset) {
        if (offset < 0) {
            throw new IllegalArgumentException("offset must be 0 or more, was " + offset);
        }
        return new OffsetReset((broker, caller, group, partition) -> Mono.just(offset));
    }

    /**
     * By so many records forward, or back where it is negative. A partition of which the group has committed nothing is {@code
     * INVALID_REQUEST}.
     */
    public static OffsetReset shiftBy(long records) {
        return new OffsetReset((broker, caller, group, partition) -> broker.fetchOffsets(
                        caller, OffsetFetch.of(group, Set.of(partition)))
                .flatMap(committed -> {
                    CommittedOffset now = committed.get(partition);
                    return now == null
                            ? Mono.<Long>error(new MqException(
                                            ErrorCode.INVALID_REQUEST,
                                            "group " + group + " has committed nothing of " + partition
                                                    + ", from which its offset could be shifted"))
                                    .hide()
                            : Mono.just(now.offset() + records);
                }));
    }

    /** {@link #on(Broker, Caller, String, Collection)} by this application. */
    public Mono<Map<TopicPartition, Long>> on(Broker broker, String group, Collection<TopicPartition> partitions) {
        return on(broker, Caller.embedded("admin"), group, partitions);
    }

    /**
     * Sets the offsets; all of them, or none, but where a topic is deleted meanwhile.
     *
     * @return the offsets that were committed; errors are {@code NON_EMPTY_GROUP} while the group has members, {@code
     *     UNKNOWN_TOPIC_OR_PARTITION}
     */
    public Mono<Map<TopicPartition, Long>> on(
            Broker broker, Caller caller, String group, Collection<TopicPartition> partitions) {
        return Flux.fromIterable(Set.copyOf(partitions))
                .flatMap(
                        partition ->
                                offsetOf(broker, caller, group, partition).map(offset -> Map.entry(partition, offset)),
                        CONCURRENCY)
                .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                .flatMap(offsets -> {
                    Map<TopicPartition, CommittedOffset> commits = new HashMap<>();
                    offsets.forEach((partition, offset) -> commits.put(partition, CommittedOffset.of(offset)));
                    return broker.commitOffsets(caller, OffsetCommit.admin(group, commits))
                            .flatMap(refused -> refused.isEmpty()
                                    ? Mono.just(offsets)
                                    : Mono.error(new MqException(
                                            refused.values().iterator().next(),
                                            "group " + group + ": offsets that were not taken: " + refused)));
                })
                .onErrorMap(
                        error -> error instanceof MqException e && e.errorCode() == ErrorCode.UNKNOWN_MEMBER_ID,
                        error -> new MqException(
                                ErrorCode.NON_EMPTY_GROUP,
                                "group " + group + " has members; its offsets can be reset when they have left",
                                error));
    }

    private Mono<Long> offsetOf(Broker broker, Caller caller, String group, TopicPartition partition) {
        return Mono.zip(
                        target.offset(broker, caller, group, partition),
                        broker.listOffset(caller, partition, OffsetSpec.earliest()),
                        broker.listOffset(caller, partition, OffsetSpec.latest()))
                .map(found -> Math.max(found.getT2(), Math.min(found.getT1(), found.getT3())));
    }

    /** Where to, before it is brought within the partition. */
    @FunctionalInterface
    private interface Target {
        Mono<Long> offset(Broker broker, Caller caller, String group, TopicPartition partition);
    }
}
