package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.NamePattern;
import io.reactivemq.broker.TopicDescription;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The topics there are, by name and by id, as of the catalog's version. Belongs to one state machine. */
final class TopicIndex {

    private final TopicCatalog catalog;
    private long version = -1;
    private final Map<String, TopicDescription> byName = new HashMap<>();
    private final Map<UUID, String> names = new HashMap<>();

    TopicIndex(TopicCatalog catalog) {
        this.catalog = catalog;
    }

    /** Rises with each topic that is created, deleted or changed. */
    long version() {
        return catalog.version();
    }

    private Map<String, TopicDescription> topics() {
        long now = catalog.version();
        if (now != version) {
            version = now;
            byName.clear();
            names.clear();
            for (TopicDescription topic : catalog.list()) {
                byName.put(topic.name(), topic);
                names.put(topic.topicId(), topic.name());
            }
        }
        return byName;
    }

    /** How many partitions a topic has; 0 where there is no such topic. */
    int partitionCount(String topic) {
        TopicDescription found = topics().get(topic);
        return found == null ? 0 : found.partitions();
    }

    @Nullable UUID id(String topic) {
        TopicDescription found = topics().get(topic);
        return found == null ? null : found.topicId();
    }

    @Nullable String name(UUID id) {
        topics();
        return names.get(id);
    }

    /** The topics of users that match. */
    Set<String> matching(NamePattern pattern) {
        Set<String> matching = new TreeSet<>();
        for (TopicDescription topic : topics().values()) {
            if (!topic.internal() && pattern.matches(topic.name())) {
                matching.add(topic.name());
            }
        }
        return matching;
    }

    /** Partitions by their topic, in order; those of topics that are gone are left out. */
    Map<UUID, List<Integer>> byTopicId(Set<TopicPartition> partitions) {
        Map<String, List<Integer>> byTopic = new TreeMap<>();
        for (TopicPartition partition : partitions) {
            byTopic.computeIfAbsent(partition.topic(), t -> new ArrayList<>()).add(partition.partition());
        }
        Map<UUID, List<Integer>> byId = new TreeMap<>();
        byTopic.forEach((topic, indexes) -> {
            UUID id = id(topic);
            if (id != null) {
                indexes.sort(null);
                byId.put(id, indexes);
            }
        });
        return byId;
    }
}
