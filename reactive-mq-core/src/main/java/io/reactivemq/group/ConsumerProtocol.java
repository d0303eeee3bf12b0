package io.reactivemq.group;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What consumers tell each other in the classic protocol: subscriptions and assignments, in Kafka's {@code ConsumerProtocolSubscription} and
 * {@code ConsumerProtocolAssignment}, versions 0 to 3. The broker reads them where members of both protocols are in one group, and to know which
 * topics a group subscribes to.
 */
final class ConsumerProtocol {

    /** The protocol type of consumers. */
    static final String TYPE = "consumer";

    private static final int VERSION = 3;

    private ConsumerProtocol() {}

    /**
     * What a consumer wants and has.
     *
     * @param topics what it subscribes to
     * @param owned what it owned when it joined; empty with assignors that give up everything before
     * @param rackId where it is
     */
    record Subscription(
            Set<String> topics,
            Set<TopicPartition> owned,
            @Nullable String rackId) {
        Subscription {
            topics = Set.copyOf(topics);
            owned = Set.copyOf(owned);
        }
    }

    /** Reads a subscription; of a version to come, the part that is known. */
    static Subscription readSubscription(ByteBuffer bytes) {
        try {
            Decoder from = new Decoder(bytes.duplicate());
            int version = from.int16();
            Set<String> topics = new HashSet<>();
            int count = from.size();
            for (int i = 0; i < count; i++) {
                topics.add(from.string());
            }
            from.nullableBytes();
            Set<TopicPartition> owned = version >= 1 ? readPartitions(from) : Set.of();
            if (version >= 2) {
                from.int32();
            }
            return new Subscription(topics, owned, version >= 3 ? from.nullableString() : null);
        } catch (BufferUnderflowException | IllegalArgumentException | NullPointerException e) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "a member's metadata is no subscription of a consumer", e);
        }
    }

    /** Reads an assignment; no bytes are none. */
    static Set<TopicPartition> readAssignment(ByteBuffer bytes) {
        if (!bytes.hasRemaining()) {
            return Set.of();
        }
        try {
            Decoder from = new Decoder(bytes.duplicate());
            from.int16();
            return readPartitions(from);
        } catch (BufferUnderflowException | IllegalArgumentException | NullPointerException e) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "a member's assignment is not that of a consumer", e);
        }
    }

    /** Whether the assignor has put data of its own into an assignment. */
    static boolean hasUserData(ByteBuffer bytes) {
        if (!bytes.hasRemaining()) {
            return false;
        }
        try {
            Decoder from = new Decoder(bytes.duplicate());
            from.int16();
            readPartitions(from);
            ByteBuffer userData = from.nullableBytes();
            return userData != null && userData.hasRemaining();
        } catch (BufferUnderflowException | IllegalArgumentException | NullPointerException e) {
            throw new MqException(
                    ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "a member's assignment is not that of a consumer", e);
        }
    }

    private static Set<TopicPartition> readPartitions(Decoder from) {
        Set<TopicPartition> partitions = new TreeSet<>();
        int topics = from.size();
        for (int i = 0; i < topics; i++) {
            String topic = from.string();
            int count = from.size();
            for (int j = 0; j < count; j++) {
                partitions.add(new TopicPartition(topic, from.int32()));
            }
        }
        return partitions;
    }

    static ByteBuffer assignment(Set<TopicPartition> partitions) {
        Encoder to = new Encoder().int16(VERSION);
        partitions(to, partitions);
        return ByteBuffer.wrap(to.bytes(null).toByteArray()).asReadOnlyBuffer();
    }

    /** Of a consumer without user data, as of version 3. */
    static ByteBuffer subscription(Set<String> topics, Set<TopicPartition> owned) {
        Encoder to = new Encoder().int16(VERSION).int32(topics.size());
        new TreeSet<>(topics).forEach(to::string);
        to.bytes(null);
        partitions(to, owned);
        return ByteBuffer.wrap(to.int32(-1).string(null).toByteArray()).asReadOnlyBuffer();
    }

    private static void partitions(Encoder to, Set<TopicPartition> partitions) {
        Map<String, List<Integer>> byTopic = new TreeMap<>();
        for (TopicPartition partition : new TreeSet<>(partitions)) {
            byTopic.computeIfAbsent(partition.topic(), t -> new ArrayList<>()).add(partition.partition());
        }
        to.int32(byTopic.size());
        byTopic.forEach((topic, indexes) -> {
            to.string(topic).int32(indexes.size());
            indexes.forEach(to::int32);
        });
    }
}
