package io.reactivemq.consume;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The records of one lane that {@code process} has in work, and who of them waits for whom: nobody for records without a key to be
 * ordered by, else those of a key for the one before. Owned by the worker, so that it needs none of what {@code
 * KeyOrdered} has to do between threads.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
final class LaneRuns<K, V> implements LaneWork {

    private final FluxProcess.ProcessSubscription<K, V> owner;
    private final int max;
    private final Set<HandlerRun<K, V>> runs = new LinkedHashSet<>();
    // a key is here while one of its records is in work; behind it wait the others, first in, first out
    private final Map<Object, ArrayDeque<HandlerRun<K, V>>> behind = new HashMap<>();

    /** @param max how many may be in work at once */
    LaneRuns(FluxProcess.ProcessSubscription<K, V> owner, int max) {
        this.owner = owner;
        this.max = max;
    }

    boolean hasRoom() {
        return runs.size() < max;
    }

    @Override
    public List<ReceiverHealth.StalledRecord> stalledRecords(long now, Duration longerThan) {
        return runs.stream()
                .filter(run ->
                        run.phase() == HandlerRun.Phase.RUNNING && now - run.attemptStartedAt() >= longerThan.toNanos())
                .map(run -> run.asStalled(now))
                .toList();
    }

    /** Takes a record in; true if it waits for none. */
    boolean add(HandlerRun<K, V> run) {
        runs.add(run);
        Object key = run.key();
        if (key == null) {
            return true;
        }
        ArrayDeque<HandlerRun<K, V>> line = behind.get(key);
        if (line == null) {
            behind.put(key, new ArrayDeque<>(0));
            return true;
        }
        line.add(run);
        return false;
    }

    /** The record has come to its end; returns the one that waited for it. */
    @Nullable HandlerRun<K, V> remove(HandlerRun<K, V> run) {
        runs.remove(run);
        Object key = run.key();
        ArrayDeque<HandlerRun<K, V>> line = key == null ? null : behind.get(key);
        HandlerRun<K, V> next = line == null ? null : line.poll();
        if (line != null && next == null) {
            behind.remove(key);
        }
        return next;
    }

    @Override
    public boolean isSettled() {
        return runs.isEmpty();
    }

    @Override
    public void windDown() {
        for (HandlerRun<K, V> run : List.copyOf(runs)) {
            if (!run.windDown()) {
                giveUp(run);
            }
        }
    }

    @Override
    public void abandon() {
        List<HandlerRun<K, V>> given = List.copyOf(runs);
        runs.clear();
        behind.clear();
        given.forEach(owner::abandoned);
    }

    /** Nothing more is taken in behind a wind-down, so that the key itself may stay. */
    private void giveUp(HandlerRun<K, V> run) {
        runs.remove(run);
        Object key = run.key();
        ArrayDeque<HandlerRun<K, V>> line = key == null ? null : behind.get(key);
        if (line != null) {
            line.remove(run);
        }
        owner.abandoned(run);
    }
}
