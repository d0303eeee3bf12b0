package io.reactivemq.operator;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Which elements of the head come from files: their places there, and the sequences they have in the files. Contiguous ones are in one run, so
 * there are seldom more than one or two, and never more than the head has elements.
 */
final class SpillPlaces {

    private final Deque<Run> runs = new ArrayDeque<>();

    private static final class Run {
        final long firstPlace;
        final long firstSequence;
        long count;

        Run(long firstPlace, long firstSequence) {
            this.firstPlace = firstPlace;
            this.firstSequence = firstSequence;
        }

        long endPlace() {
            return firstPlace + count;
        }

        long endSequence() {
            return firstSequence + count;
        }
    }

    void add(long place, long sequence) {
        Run run = runs.peekLast();
        if (run == null || run.endPlace() != place || run.endSequence() != sequence) {
            run = new Run(place, sequence);
            runs.addLast(run);
        }
        run.count++;
    }

    boolean isEmpty() {
        return runs.isEmpty();
    }

    /** The place behind the last one; to be called where there is one. */
    long end() {
        return runs.getLast().endPlace();
    }

    /** The sequence behind the last element that was at a place below that one, which are forgotten; -1: none was. */
    long sequenceBelow(long place) {
        long sequence = -1;
        for (Run run = runs.peekFirst(); run != null && run.firstPlace < place; run = runs.peekFirst()) {
            if (run.endPlace() > place) {
                return run.firstSequence + place - run.firstPlace;
            }
            sequence = run.endSequence();
            runs.removeFirst();
        }
        return sequence;
    }
}
