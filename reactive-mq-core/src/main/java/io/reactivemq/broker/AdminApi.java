package io.reactivemq.broker;

import java.util.List;
import reactor.core.publisher.Mono;

/** Topics: create, list, describe, delete. */
public interface AdminApi {

    /**
     * Creates a topic. When the Mono completes, the topic is there and survives what the broker's metadata survives: with
     * files, power loss.
     *
     * @return the new topic; errors are {@code TOPIC_ALREADY_EXISTS}, {@code INVALID_TOPIC_EXCEPTION}, {@code
     *     INVALID_PARTITIONS}, {@code INVALID_CONFIG}
     */
    Mono<TopicDescription> createTopic(Caller caller, NewTopic topic);

    /** Deletes a topic with its records; {@code UNKNOWN_TOPIC_OR_PARTITION} where there is none. */
    Mono<Void> deleteTopic(Caller caller, String topic);

    /** All topics, the internal ones too, by name. */
    Mono<List<TopicDescription>> listTopics(Caller caller);

    /** One topic; {@code UNKNOWN_TOPIC_OR_PARTITION} where there is none. */
    Mono<TopicDescription> describeTopic(Caller caller, String topic);
}
