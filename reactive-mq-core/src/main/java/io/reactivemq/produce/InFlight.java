package io.reactivemq.produce;

import java.util.Arrays;

/**
 * The records put into batches and not yet answered downstream, in the order of sending: a ring that doubles as it fills.
 * A record's sequence is its place in the send, from 0. Belongs to the worker.
 *
 * <p>Invariant: {@code headSequence <= tailSequence <= headSequence + capacity}.
 */
final class InFlight<K, V> {

    private static final int INITIAL_CAPACITY = 16;

    private Object[] records = new Object[INITIAL_CAPACITY];
    private Batch[] batches = new Batch[INITIAL_CAPACITY];
    private long[] timestamps = new long[INITIAL_CAPACITY];
    private long headSequence;
    private long tailSequence;

    /** The sequence of the first record: how many were removed. */
    long headSequence() {
        return headSequence;
    }

    /** The sequence the next record gets: how many were added. */
    long tailSequence() {
        return tailSequence;
    }

    void add(SenderRecord<K, V> record, Batch batch, long timestampMs) {
        if (tailSequence - headSequence == records.length) {
            grow();
        }
        int index = index(tailSequence++);
        records[index] = record;
        batches[index] = batch;
        timestamps[index] = timestampMs;
    }

    Batch headBatch() {
        return batches[index(headSequence)];
    }

    /** The first record; it stays. */
    @SuppressWarnings("unchecked") // add() takes nothing else
    SenderRecord<K, V> headRecord() {
        return (SenderRecord<K, V>) records[index(headSequence)];
    }

    /** The create time of the first record. */
    long headTimestampMs() {
        return timestamps[index(headSequence)];
    }

    void removeHead() {
        int index = index(headSequence++);
        clear(index);
    }

    // null only behind the head and before the tail, where nothing is read
    @SuppressWarnings("NullAway")
    private void clear(int index) {
        records[index] = null;
        batches[index] = null;
    }

    private int index(long sequence) {
        return (int) sequence & (records.length - 1);
    }

    /** The lower half of the new ring holds the old one; where the old one had wrapped, its start moves to the upper half. */
    private void grow() {
        int capacity = records.length;
        Object[] newRecords = new Object[2 * capacity];
        Batch[] newBatches = new Batch[2 * capacity];
        long[] newTimestamps = new long[2 * capacity];
        for (long sequence = headSequence; sequence < tailSequence; sequence++) {
            int from = (int) sequence & (capacity - 1);
            int to = (int) sequence & (2 * capacity - 1);
            newRecords[to] = records[from];
            newBatches[to] = batches[from];
            newTimestamps[to] = timestamps[from];
        }
        records = newRecords;
        batches = newBatches;
        timestamps = newTimestamps;
    }

    @Override
    public String toString() {
        return "InFlight[" + headSequence + ", " + tailSequence + ") of " + Arrays.toString(new int[] {records.length});
    }
}
