package io.reactivemq.group;

import io.reactivemq.coordinator.CoordinatorShard;
import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.function.Consumer;

/**
 * The deadlines of groups and members. Moving a deadline later, which is what each heartbeat does, is one assignment: its entry in the queue
 * stays where it is, and when its time comes it is put back to the time that holds then.
 */
final class Timers {

    private final PriorityQueue<Entry> queue = new PriorityQueue<>(Comparator.comparingLong(Entry::nanos));

    /** A timer that is not set. */
    Timer timer(Consumer<Step> task) {
        return new Timer(task);
    }

    /** When the next deadline may be; never too late. */
    long next() {
        Entry first = queue.peek();
        while (first != null && first.timer.queued != first.nanos) {
            queue.remove();
            first = queue.peek();
        }
        return first == null ? CoordinatorShard.NEVER : first.nanos;
    }

    /**
     * Runs what is due, until there is so much to write that the rest is left for the next run: its deadlines stay, and are due.
     *
     * @param recordsMax after as many records no further one is run
     */
    void run(Step step, int recordsMax) {
        for (Entry due = queue.peek();
                due != null && due.nanos <= step.nanos && step.records.size() < recordsMax;
                due = queue.peek()) {
            queue.remove();
            Timer timer = due.timer;
            if (timer.queued != due.nanos) {
                continue;
            }
            timer.queued = CoordinatorShard.NEVER;
            if (timer.deadline > step.nanos) {
                timer.enqueue();
            } else {
                timer.deadline = CoordinatorShard.NEVER;
                timer.task.accept(step);
            }
        }
    }

    private record Entry(long nanos, Timer timer) {}

    /** One deadline, of one task. */
    final class Timer {
        private final Consumer<Step> task;
        private long deadline = CoordinatorShard.NEVER;

        /** The time of its entry in the queue; an entry of another time is stale. */
        private long queued = CoordinatorShard.NEVER;

        private Timer(Consumer<Step> task) {
            this.task = task;
        }

        void set(long nowNanos, Duration delay) {
            deadline = nowNanos + delay.toNanos();
            enqueue();
        }

        void cancel() {
            deadline = CoordinatorShard.NEVER;
        }

        boolean isSet() {
            return deadline != CoordinatorShard.NEVER;
        }

        private void enqueue() {
            if (deadline < queued) {
                queued = deadline;
                queue.add(new Entry(deadline, this));
            }
        }
    }
}
