package io.reactivemq.broker;

import io.reactivemq.TopicPartition;
import java.util.List;
import reactor.core.publisher.Mono;

/**
 * Topics: create, list, describe, configure, delete. The methods without a {@link Caller} are for applications; a door that others come through,
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

    /**
     * All settings of a topic as they hold, by name: those given for it and the broker's defaults. {@code UNKNOWN_TOPIC_OR_PARTITION}
     * where there is no such topic.
     */
    Mono<List<ConfigEntry>> describeTopicConfigs(Caller caller, String topic);

    /** {@link #describeTopicConfigs(Caller, String)} by this application. */
    default Mono<List<ConfigEntry>> describeTopicConfigs(String topic) {
        return describeTopicConfigs(Caller.embedded("admin"), topic);
    }

    /**
     * Changes some settings of a topic and leaves the others as they are. All changes hold, or none. When the Mono completes they survive what
     * the broker's metadata survives, and hold for every append and fetch that begins later.
     *
     * @return the topic as it is then; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}, {@code INVALID_CONFIG}, {@code
     *     INVALID_TOPIC_EXCEPTION} for a topic of the broker's own
     */
    Mono<TopicDescription> alterTopicConfigs(Caller caller, String topic, List<ConfigChange> changes);

    /** {@link #alterTopicConfigs(Caller, String, List)} by this application. */
    default Mono<TopicDescription> alterTopicConfigs(String topic, List<ConfigChange> changes) {
        return alterTopicConfigs(Caller.embedded("admin"), topic, changes);
    }

    /**
     * Adds partitions to a topic. Its records stay where they are; keys are spread over all partitions from then on, so a key may lie in
     * another partition than before, and order across the change is not kept for it. When the Mono completes the partitions survive what the
     * broker's metadata survives. Groups take them up within a heartbeat, running Senders and Receivers within their {@code metadataMaxAge}.
     *
     * @param total how many partitions it has then; more than now
     * @return the topic as it is then; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}, {@code INVALID_PARTITIONS}, {@code
     *     INVALID_TOPIC_EXCEPTION} for a topic of the broker's own
     */
    Mono<TopicDescription> createPartitions(Caller caller, String topic, int total);

    /** {@link #createPartitions(Caller, String, int)} by this application. */
    default Mono<TopicDescription> createPartitions(String topic, int total) {
        return createPartitions(Caller.embedded("admin"), topic, total);
    }

    /**
     * Deletes records from the begin of a partition. When the Mono completes nobody reads them any more, after a restart neither.
     *
     * @return the first offset that is left; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}, {@code OFFSET_OUT_OF_RANGE} beyond the high
     *     watermark, {@code POLICY_VIOLATION} where the topic is only compacted
     */
    Mono<Long> deleteRecords(Caller caller, TopicPartition partition, RecordsToDelete records);

    /** {@link #deleteRecords(Caller, TopicPartition, RecordsToDelete)} by this application. */
    default Mono<Long> deleteRecords(TopicPartition partition, RecordsToDelete records) {
        return deleteRecords(Caller.embedded("admin"), partition, records);
    }

    /**
     * Whether {@link #createTopic(Caller, NewTopic)} would create the topic now; nothing is created.
     *
     * @return the settings it would have; errors are those of {@code createTopic}
     */
    Mono<List<ConfigEntry>> validateTopic(Caller caller, NewTopic topic);

    /** Whether {@link #alterTopicConfigs(Caller, String, List)} would be done now, with its errors; nothing is changed. */
    Mono<Void> validateTopicConfigs(Caller caller, String topic, List<ConfigChange> changes);

    /** Whether {@link #createPartitions(Caller, String, int)} would be done now, with its errors; nothing is changed. */
    Mono<Void> validatePartitions(Caller caller, String topic, int total);

    /** The producers that a partition knows, by id; errors are {@code UNKNOWN_TOPIC_OR_PARTITION}. */
    Mono<List<ProducerDescription>> describeProducers(Caller caller, TopicPartition partition);

    /** Where this broker's records are. */
    Mono<LogDirDescription> describeLogDir(Caller caller);
}
