package io.reactivemq.group;

import io.reactivemq.broker.TopicDescription;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** Topics as a test makes them. */
final class TestTopics implements TopicCatalog {

    private final Map<String, TopicDescription> topics = new TreeMap<>();
    private long version;

    void put(String topic, int partitions) {
        UUID id = UUID.nameUUIDFromBytes(topic.getBytes(StandardCharsets.UTF_8));
        topics.put(topic, new TopicDescription(topic, id, partitions, Map.of(), 1_000_000, topic.startsWith("__")));
        version++;
    }

    void remove(String topic) {
        topics.remove(topic);
        version++;
    }

    @Override
    public long version() {
        return version;
    }

    @Override
    public List<TopicDescription> list() {
        return List.copyOf(topics.values());
    }
}
