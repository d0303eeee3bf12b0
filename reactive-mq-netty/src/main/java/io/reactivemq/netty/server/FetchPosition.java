package io.reactivemq.netty.server;

import io.reactivemq.ErrorCode;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.kafka.common.Uuid;
import io.reactivemq.netty.protocol.ProtocolError;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Where a client wants to read in one partition, as it has said; it stays so until the client says otherwise.
 *
 * @param key the partition, as the client calls it
 * @param offset the first offset wanted
 * @param maxBytes the bound for this partition
 * @param refusal the number of the error for which the broker is not asked; 0 where it is
 * @param read what the broker is asked; null where it is not
 */
record FetchPosition(Key key, long offset, int maxBytes, short refusal, FetchRequest.@Nullable Partition read) {

    /** No topic has a longer name. */
    private static final int NAME_CHARS_MAX = 249;

    /**
     * A partition by the name of its topic or, from version 13 on, by the topic's id.
     *
     * @param topic the name; empty where the id is given
     * @param topicId the id; zero where the name is given
     * @param partition its number
     */
    record Key(String topic, Uuid topicId, int partition) {

        /** Whether it calls the same topic as another. */
        boolean isOfTopicOf(Key other) {
            return topicId.equals(other.topicId) && topic.equals(other.topic);
        }
    }

    /** @param name of the topic; null where no topic has the id of the key */
    static FetchPosition of(Key key, @Nullable String name, long offset, int maxBytes) {
        if (name == null) {
            return new FetchPosition(key, offset, maxBytes, ProtocolError.UNKNOWN_TOPIC_ID, null);
        }
        if (name.isBlank() || key.partition < 0) {
            return new FetchPosition(key, offset, maxBytes, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION.code(), null);
        }
        if (offset < 0) {
            return new FetchPosition(key, offset, maxBytes, ErrorCode.OFFSET_OUT_OF_RANGE.code(), null);
        }
        UUID topicId = key.topicId.equals(Uuid.ZERO_UUID) ? null : TopicNames.javaId(key.topicId);
        FetchRequest.Partition read = new FetchRequest.Partition(
                new TopicPartition(name, key.partition), offset, Math.max(1, maxBytes), topicId);
        return new FetchPosition(key, offset, maxBytes, ProtocolError.NONE, read);
    }

    /** The same where the topic is called that. */
    FetchPosition named(String name) {
        return of(key, name, offset, maxBytes);
    }

    /** Whether no topic had the id when it was last looked for. */
    boolean isNameless() {
        return refusal == ProtocolError.UNKNOWN_TOPIC_ID;
    }

    /** Whether it may be remembered beyond its request: what is remembered is counted by partitions, and so each has its bound. */
    boolean isShort() {
        return key.topic.length() <= NAME_CHARS_MAX;
    }
}
