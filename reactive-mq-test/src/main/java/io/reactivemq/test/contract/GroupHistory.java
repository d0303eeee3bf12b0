package io.reactivemq.test.contract;

import io.reactivemq.TopicPartition;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the members of one group saw and acknowledged, checked as it is recorded. Safe for use by many threads.
 *
 * <p>Checked at each delivery: a member's records of a partition follow each other without a gap; where they do not, a new
 * assignment began, or what was acknowledged out of order is left out, and then everything below must have been acknowledged by someone
 * or been delivered to the member itself (nothing skipped).
 * Checked at each acknowledgement: nobody else's counted acknowledgement of that record came before (nothing processed
 * twice), unless that was by a member whose last acknowledgements may be lost, because it was cut off.
 */
final class GroupHistory {

    private final Map<TopicPartition, Map<Long, String>> values = new TreeMap<>();
    private final Map<TopicPartition, Map<Long, String>> acknowledgedBy = new TreeMap<>();
    private final Map<String, Map<TopicPartition, Long>> lastDelivered = new HashMap<>();
    private final Map<String, Map<TopicPartition, Set<Long>>> deliveredTo = new HashMap<>();
    private final Set<String> cutOff = new HashSet<>();
    private final Set<String> repeatable = new HashSet<>();
    private final List<String> violations = new ArrayList<>();
    private int acknowledged;
    private int redelivered;

    synchronized void delivered(String member, TopicPartition partition, long offset, String value) {
        if (cutOff.contains(member)) {
            return;
        }
        Map<Long, String> valuesHere = values.computeIfAbsent(partition, p -> new HashMap<>());
        String before = valuesHere.putIfAbsent(offset, value);
        if (before != null) {
            redelivered++;
            if (!before.equals(value)) {
                violation(partition, offset, member + " got '" + value + "' where '" + before + "' was before");
            }
        }
        Long last = lastDelivered.computeIfAbsent(member, m -> new HashMap<>()).put(partition, offset);
        if (last == null || offset != last + 1) {
            checkNothingSkipped(member, partition, offset);
        }
        deliveredTo
                .computeIfAbsent(member, m -> new HashMap<>())
                .computeIfAbsent(partition, p -> new HashSet<>())
                .add(offset);
    }

    private void checkNothingSkipped(String member, TopicPartition partition, long offset) {
        Map<Long, String> acks = acknowledgedBy.getOrDefault(partition, Map.of());
        Set<Long> inWork = deliveredTo.getOrDefault(member, Map.of()).getOrDefault(partition, Set.of());
        for (long below = 0; below < offset; below++) {
            if (!acks.containsKey(below) && !inWork.contains(below)) {
                violation(partition, offset, member + " began here although nobody has acknowledged offset " + below);
                return;
            }
        }
    }

    synchronized void acknowledged(String member, TopicPartition partition, long offset) {
        if (cutOff.contains(member)) {
            return;
        }
        String before =
                acknowledgedBy.computeIfAbsent(partition, p -> new TreeMap<>()).put(offset, member);
        if (before == null) {
            acknowledged++;
        } else if (!repeatable.contains(before)) {
            violation(partition, offset, member + " acknowledged what " + before + " had acknowledged before");
        }
    }

    /** From now on what this member does no longer counts, and others may repeat what it did. */
    synchronized void cutOff(String member) {
        cutOff.add(member);
        repeatable.add(member);
    }

    /** Others may repeat what this member did: its last acknowledgements may not have been taken. */
    synchronized void mayBeRepeated(String member) {
        repeatable.add(member);
    }

    /** How many different records have been acknowledged. */
    synchronized int acknowledged() {
        return acknowledged;
    }

    synchronized int redelivered() {
        return redelivered;
    }

    synchronized List<String> violations() {
        return List.copyOf(violations);
    }

    /** All values acknowledged, by partition in the order of offsets. */
    synchronized Map<TopicPartition, List<String>> acknowledgedValues() {
        Map<TopicPartition, List<String>> all = new TreeMap<>();
        acknowledgedBy.forEach((partition, acks) -> {
            Map<Long, String> valuesHere = values.getOrDefault(partition, Map.of());
            all.put(
                    partition,
                    acks.keySet().stream()
                            .map(offset -> valuesHere.getOrDefault(offset, "?"))
                            .toList());
        });
        return all;
    }

    private void violation(TopicPartition partition, long offset, String what) {
        violations.add(partition + " at offset " + offset + ": " + what);
    }
}
