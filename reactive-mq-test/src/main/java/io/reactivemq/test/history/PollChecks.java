package io.reactivemq.test.history;

import io.reactivemq.TopicPartition;
import io.reactivemq.test.history.Anomaly.Kind;
import io.reactivemq.test.history.Operation.Acknowledge;
import io.reactivemq.test.history.Operation.Assigned;
import io.reactivemq.test.history.Operation.Poll;
import io.reactivemq.test.history.Operation.Sought;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A reader gets the records of a partition in order and without a gap, and a member of a group those that are left to do. */
final class PollChecks {

    private final Facts facts;
    private final List<Anomaly> found;

    // by reader and partition: the offset of the last record since the reading began
    private final Map<String, Map<TopicPartition, Long>> last = new HashMap<>();
    // by group and partition
    private final Map<String, Map<TopicPartition, Acknowledged>> acknowledged = new HashMap<>();
    // by group and partition: the first offset that anybody of it read
    private final Map<String, Map<TopicPartition, Long>> begin = new HashMap<>();
    // by reader and partition: offsets that it has read in its present assignment
    private final Map<String, Map<TopicPartition, Set<Long>>> inWork = new HashMap<>();

    PollChecks(Facts facts, List<Anomaly> found) {
        this.facts = facts;
        this.found = found;
    }

    void run() {
        for (Facts.Read read : facts.reads) {
            Poll poll = read.poll();
            if (poll.group() != null) {
                begin.computeIfAbsent(poll.group(), group -> new HashMap<>())
                        .merge(poll.partition(), poll.offset(), Math::min);
            }
        }
        for (HistoryEvent event : facts.events) {
            if (event.operation() instanceof Assigned assigned) {
                restart(event.client(), assigned.partition());
            } else if (event.operation() instanceof Sought sought) {
                last.computeIfAbsent(event.client(), client -> new HashMap<>()).put(sought.partition(), Long.MIN_VALUE);
            } else if (event.operation() instanceof Acknowledge acknowledge) {
                acknowledged
                        .computeIfAbsent(acknowledge.group(), group -> new HashMap<>())
                        .computeIfAbsent(acknowledge.partition(), partition -> new Acknowledged())
                        .note(event.phase(), acknowledge.offset());
            } else if (event.operation() instanceof Poll poll) {
                check(event.client(), poll);
            }
        }
    }

    private void restart(String client, TopicPartition partition) {
        last.computeIfAbsent(client, c -> new HashMap<>()).remove(partition);
        inWork.computeIfAbsent(client, c -> new HashMap<>()).remove(partition);
    }

    private void check(String client, Poll poll) {
        Long before = last.computeIfAbsent(client, c -> new HashMap<>()).put(poll.partition(), poll.offset());
        Set<Long> mine = inWork.computeIfAbsent(client, c -> new HashMap<>())
                .computeIfAbsent(poll.partition(), partition -> new HashSet<>());
        mine.add(poll.offset());
        if (before != null && before == Long.MIN_VALUE) {
            return;
        }
        if (before != null && poll.offset() <= before) {
            found.add(new Anomaly(
                    Kind.NON_MONOTONIC_POLL,
                    client,
                    poll.partition() + "@" + poll.offset(),
                    "an offset above " + before,
                    "'" + poll.value() + "' at " + poll.offset() + " was read"));
            return;
        }
        checkNothingSkipped(client, poll, before, mine);
    }

    private void checkNothingSkipped(String client, Poll poll, @Nullable Long before, Set<Long> mine) {
        long from;
        if (before != null) {
            from = before + 1;
        } else if (poll.group() != null) {
            from = begin.getOrDefault(poll.group(), Map.of()).getOrDefault(poll.partition(), poll.offset());
        } else {
            return;
        }
        Acknowledged done = poll.group() == null
                ? new Acknowledged()
                : acknowledged.getOrDefault(poll.group(), Map.of()).getOrDefault(poll.partition(), new Acknowledged());
        for (Map.Entry<Long, String> known :
                facts.known(poll.partition(), from, poll.offset()).entrySet()) {
            long offset = known.getKey();
            if (!done.contains(offset)
                    && !mine.contains(offset)
                    && facts.isVisible(known.getValue(), poll.isolation())) {
                found.add(new Anomaly(
                        Kind.SKIPPED_POLL,
                        client,
                        poll.partition() + "@" + offset,
                        "'" + known.getValue() + "'"
                                + (poll.group() == null
                                        ? ""
                                        : ", which nobody of " + poll.group() + " had acknowledged,"),
                        (before == null ? "its reading began" : "it went on from " + before) + " at " + poll.offset()));
                return;
            }
        }
    }
}
