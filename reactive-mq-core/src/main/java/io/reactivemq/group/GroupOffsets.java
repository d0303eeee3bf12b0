package io.reactivemq.group;

import io.reactivemq.TopicPartition;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The committed offsets of all groups. Changed by replayed records only. */
final class GroupOffsets {

    private final TreeMap<String, Map<TopicPartition, StoredOffset>> byGroup = new TreeMap<>();

    void put(OffsetRecords.Key about, StoredOffset offset) {
        byGroup.computeIfAbsent(about.group(), group -> new HashMap<>()).put(about.partition(), offset);
    }

    void remove(OffsetRecords.Key about) {
        Map<TopicPartition, StoredOffset> offsets = byGroup.get(about.group());
        if (offsets != null) {
            offsets.remove(about.partition());
            if (offsets.isEmpty()) {
                byGroup.remove(about.group());
            }
        }
    }

    /** The groups that have any, in order. */
    Set<String> groups() {
        return byGroup.keySet();
    }

    boolean has(String group) {
        return byGroup.containsKey(group);
    }

    Map<TopicPartition, StoredOffset> of(String group) {
        return byGroup.getOrDefault(group, Map.of());
    }

    @Nullable StoredOffset of(String group, TopicPartition partition) {
        return of(group).get(partition);
    }
}
