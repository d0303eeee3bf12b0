package io.reactivemq.broker;

import java.util.List;
import reactor.core.publisher.Mono;

/**
 * Topics: create, list, describe, delete. The methods without a {@link Caller} are for applications; a door that others come through,
 * such as a server, says who asks.
 */
public interface AdminApi {

    /**
     * Creates a topic. When the Mono completes, the topic is there and survives what the broker's metadata survives: with
     * files, power loss.
     *
     * @return the new topic; errors are {@code TOPIC_ALREADY_EXISTS}, {@code INVALID_TOPIC_EXCEPTION}, {@code
     *     INVALID_PARTITIONS}, {@code INVALID_CONFIG}
     */
    Mono<TopicDescription> createTopic(Caller caller, NewTopic topic);

    /** {@link #createTopic(Caller, NewTopic)} by this application. */
    default Mono<TopicDescription> createTopic(NewTopic topic) {
        return createTopic(Caller.embedded("admin"), topic);
    }

    /** Deletes a topic with its records; {@code UNKNOWN_TOPIC_OR_PARTITION} where there is none. */
    Mono<Void> deleteTopic(Caller caller, String topic);

    /** {@link #deleteTopic(Caller, String)} by this application. */
    default Mono<Void> deleteTopic(String topic) {
        return deleteTopic(Caller.embedded("admin"), topic);
    }

    /** All topics, the internal ones too, by name. */
    Mono<List<TopicDescription>> listTopics(Caller caller);

    /** {@link #listTopics(Caller)} by this application. */
    default Mono<List<TopicDescription>> listTopics() {
        return listTopics(Caller.embedded("admin"));
    }

    /** One topic; {@code UNKNOWN_TOPIC_OR_PARTITION} where there is none. */
    Mono<TopicDescription> describeTopic(Caller caller, String topic);

    /** {@link #describeTopic(Caller, String)} by this application. */
    default Mono<TopicDescription> describeTopic(String topic) {
        return describeTopic(Caller.embedded("admin"), topic);
    }
}
