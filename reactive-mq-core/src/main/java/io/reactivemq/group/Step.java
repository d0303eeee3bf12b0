package io.reactivemq.group;

import io.reactivemq.coordinator.Answer;
import io.reactivemq.coordinator.CoordinatorRecord;
import java.util.ArrayList;
import java.util.List;

/**
 * One step of the state machine: its time, and what it decides.
 *
 * <p>A step changes the members' state itself, and writes records that say the same; offsets change as their records are replayed.
 */
final class Step {

    /** The clock of durations. */
    final long nanos;

    /** Milliseconds since 1970. */
    final long millis;

    final List<CoordinatorRecord> records = new ArrayList<>();

    /** Answers to requests of earlier steps that waited. */
    final List<Answer> answers = new ArrayList<>();

    Step(long nanos, long millis) {
        this.nanos = nanos;
        this.millis = millis;
    }

    void write(CoordinatorRecord what) {
        records.add(what);
    }

    void answer(Answer answer) {
        answers.add(answer);
    }
}
