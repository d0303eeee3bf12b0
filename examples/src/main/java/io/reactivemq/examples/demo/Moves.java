package io.reactivemq.examples.demo;

import io.reactivemq.TopicPartition;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Which member owns which partition, and how often partitions moved from one to another in each chapter of the story. Thread-safe. */
final class Moves {

    private final Map<TopicPartition, String> owners = new TreeMap<>();
    private final Map<String, Set<TopicPartition>> ownedBy = new TreeMap<>();
    private final Map<String, Integer> movesByChapter = new TreeMap<>();
    private String chapter = "";

    /** From now on moves count as part of that chapter. */
    synchronized void chapter(String name) {
        chapter = name;
        movesByChapter.putIfAbsent(name, 0);
    }

    /** A member's assignment, as it learns it. */
    synchronized void assigned(String member, Set<TopicPartition> partitions) {
        ownedBy.put(member, new TreeSet<>(partitions));
        for (TopicPartition partition : partitions) {
            String before = owners.put(partition, member);
            if (before != null && !before.equals(member)) {
                movesByChapter.merge(chapter, 1, Integer::sum);
            }
        }
    }

    synchronized Set<TopicPartition> ownedBy(String member) {
        return new TreeSet<>(ownedBy.getOrDefault(member, Set.of()));
    }

    /** Whether these members own that many partitions between them, each one, and none of them twice. */
    synchronized boolean shared(int partitions, Iterable<String> members) {
        Set<TopicPartition> all = new TreeSet<>();
        int sum = 0;
        for (String member : members) {
            Set<TopicPartition> owned = ownedBy.getOrDefault(member, Set.of());
            if (owned.isEmpty()) {
                return false;
            }
            all.addAll(owned);
            sum += owned.size();
        }
        return sum == partitions && all.size() == partitions;
    }

    synchronized int movesIn(String name) {
        return movesByChapter.getOrDefault(name, 0);
    }
}
