package io.reactivemq.examples.demo;

import io.reactivemq.TopicPartition;
import java.util.BitSet;
import java.util.Map;
import java.util.Map.Entry;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What a group has handled, shared by its members. A record may be delivered again when its partition moves; it is known by its
 * partition and offset, so that it is counted as a redelivery and not added twice. This is how a handler makes at-least-once
 * delivery count once.
 *
 * <p>Thread-safe: while a partition moves, its former and its new member may both be at work on it.
 */
final class Tally {

    private final Totals totals = new Totals();
    private final Map<TopicPartition, Handled> partitions = new TreeMap<>();
    private final Map<String, Long> redelivered = new TreeMap<>();
    private long done;

    /** Adds a record that was handled, unless it was before. */
    synchronized void handled(String member, TopicPartition partition, long offset, Sample sample, String text) {
        if (isNew(member, partition, offset)) {
            totals.add(sample.key(), text, sample.delayMinutes());
        }
    }

    /** Takes note of a record that went to the dead letters. */
    synchronized void deadLettered(String member, TopicPartition partition, long offset) {
        isNew(member, partition, offset);
    }

    private boolean isNew(String member, TopicPartition partition, long offset) {
        Handled handled = partitions.computeIfAbsent(partition, p -> new Handled());
        int index = Math.toIntExact(offset);
        if (handled.offsets.get(index)) {
            redelivered.merge(handled.firstHandlerOf(offset), 1L, Long::sum);
            return false;
        }
        handled.offsets.set(index);
        handled.by(member, offset);
        done++;
        return true;
    }

    /** How many records are done: handled or dead-lettered, each counted once. */
    synchronized long done() {
        return done;
    }

    /** How many records of the given partitions are done. */
    synchronized long done(Iterable<TopicPartition> some) {
        long sum = 0;
        for (TopicPartition partition : some) {
            Handled handled = partitions.get(partition);
            sum += handled == null ? 0 : handled.offsets.cardinality();
        }
        return sum;
    }

    /** What was counted so far; the totals are the tally's own and are read when the members are done. */
    synchronized Result result() {
        Map<TopicPartition, Integer> counts = new TreeMap<>();
        Map<TopicPartition, Integer> gaps = new TreeMap<>();
        for (Entry<TopicPartition, Handled> entry : partitions.entrySet()) {
            BitSet offsets = entry.getValue().offsets;
            counts.put(entry.getKey(), offsets.cardinality());
            if (offsets.length() != offsets.cardinality()) {
                gaps.put(entry.getKey(), offsets.nextClearBit(0));
            }
        }
        return new Result(totals, counts, gaps, new TreeMap<>(redelivered));
    }

    /**
     * What a group has come to.
     *
     * @param totals the figures
     * @param done how many records of each partition are done
     * @param gaps the first offset that was skipped, where one was
     * @param redelivered how often a record came again, by the member that had handled it first
     */
    record Result(
            Totals totals,
            Map<TopicPartition, Integer> done,
            Map<TopicPartition, Integer> gaps,
            Map<String, Long> redelivered) {

        long redeliveredInAll() {
            return redelivered.values().stream().mapToLong(Long::longValue).sum();
        }

        long doneInAll() {
            return done.values().stream().mapToLong(Integer::longValue).sum();
        }
    }

    /** One partition: the offsets that are done, and who did them, as runs keyed by their first offset. */
    private static final class Handled {
        private final BitSet offsets = new BitSet();
        private final NavigableMap<Long, String> runs = new TreeMap<>();

        void by(String member, long offset) {
            Entry<Long, String> run = runs.floorEntry(offset);
            if (run == null || !run.getValue().equals(member)) {
                runs.put(offset, member);
            }
        }

        String firstHandlerOf(long offset) {
            Entry<Long, String> run = runs.floorEntry(offset);
            return run == null ? "?" : run.getValue();
        }
    }
}
