package io.reactivemq.group;

import io.reactivemq.broker.TopicDescription;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;

/** Topics as a test makes them. */
final class TestTopics implements TopicCatalog {

    private final Map<String, TopicDescription> topics = new TreeMap<>();
    private long made;
    private long version;
    private int looks;

    void put(String topic, int partitions) {
        // one made anew is another topic, and one that grows is the same
        TopicDescription before = topics.get(topic);
        UUID id = before == null ? new UUID(++made, topic.hashCode()) : before.topicId();
        topics.put(topic, new TopicDescription(topic, id, partitions, Map.of(), 1_000_000, topic.startsWith("__")));
        version++;
    }

    /** Returns the id that it had. */
    UUID remove(String topic) {
        version++;
        return Objects.requireNonNull(topics.remove(topic)).topicId();
    }

    /** How often somebody has looked, be it for one topic or for all that match an expression. */
    int looks() {
        return looks;
    }

    @Override
    public long version() {
        looks++;
        return version;
    }

    @Override
    public List<TopicDescription> list() {
        return List.copyOf(topics.values());
    }
}
