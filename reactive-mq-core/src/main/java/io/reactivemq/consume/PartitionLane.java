package io.reactivemq.consume;

import io.reactivemq.MqException;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.record.RecordBatch;
import io.reactivemq.record.RecordBatches;
import io.reactivemq.record.RecordCursor;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Sinks;

/**
 * One partition for as long as it is assigned: what is buffered of it, how far it is read and how far acknowledged. Each
 * assignment has a lane of its own. Owned by the worker.
 *
 * <pre>
 *   window.base()    position                fetchOffset
 *   |  in flight     |  buffered batches     |  still in the log
 * </pre>
 */
final class PartitionLane {

    /** PREPARING, ACTIVE, then perhaps REVOKING, then ENDED; ENDED can come from each. */
    enum State {
        /** It is not known yet where to begin. */
        PREPARING,
        /** Is fetched and emitted. */
        ACTIVE,
        /** To be given back: nothing is emitted any more, and what is in flight is waited for. */
        REVOKING,
        /** No longer assigned. */
        ENDED
    }

    private final TopicPartition partition;
    private final boolean fromLogStart;
    private final ArrayDeque<Fetched> batches = new ArrayDeque<>();

    /** A batch that was fetched, and whether it is of records for this reader. */
    private record Fetched(RecordBatch batch, boolean shown) {}

    private State state = State.PREPARING;
    private @Nullable AckWindow window;
    private final LaneEpochs epochs = new LaneEpochs();
    // Invariant: window base <= position <= fetchOffset
    private long position;
    private long fetchOffset;
    private int unopenedBytes;
    // since it was told
    private long taken;
    private @Nullable RecordBatch batch;
    private @Nullable RecordCursor cursor;
    private TimestampType timestampType = TimestampType.CREATE_TIME;
    // what was acknowledged beyond the committed offset before it was assigned
    private AckedRuns restored = AckedRuns.NONE;
    // the cursor stands on a record that is still to be taken
    private boolean standing;

    /** The offset that the group has of it; -1 where it has none, or one that is no longer good. */
    long committed = -1;
    /** The metadata of that commit, if it is ours. */
    String committedMetadata = "";
    /** The fetcher's: the ticket of the fetch that is under way for it; the answer to any other does not concern it. */
    @Nullable Object fetching;
    /** The fetcher's: it waits before the next fetch. */
    boolean paused;
    /** The fetcher's: it is in the fetcher's queue. */
    boolean hungry;
    /** The fetcher's: failed fetches in a row. */
    int failures;
    /** The fetcher's: the log does not reach to {@code fetchOffset}. */
    boolean outOfRange;
    /** The watchdog's: what it saw of it. */
    final Watchdog.Seen seen = new Watchdog.Seen();
    /** The loop's: it is in the queue of lanes with something to emit. */
    boolean ready;
    /** The loop's: bounds the wait for its release. */
    final Disposable.Swap deadline = Disposables.swap();
    /** The output's: what it does with the records; null for outputs whose records are the subscriber's alone. */
    @Nullable LaneWork work;
    /** Completes when what is in flight of it does not count any more; null: nobody wants to know. */
    Sinks.@Nullable Empty<Void> loss;
    /** At most once: what is committed before it is emitted goes up to here; -1 where nothing is committed ahead. */
    long commitAhead = -1;
    /** The reasons for which it is neither fetched nor emitted. */
    final Set<PauseReason> pausedBy = EnumSet.noneOf(PauseReason.class);

    /** @param fromLogStart whether it begins at the begin of its log, where nothing is committed, whatever the options say */
    PartitionLane(TopicPartition partition, boolean fromLogStart) {
        this.partition = partition;
        this.fromLogStart = fromLogStart;
    }

    boolean isFromLogStart() {
        return fromLogStart;
    }

    TopicPartition partition() {
        return partition;
    }

    State state() {
        return state;
    }

    boolean isActive() {
        return state == State.ACTIVE;
    }

    /** What is acknowledged; there is none before {@link #start}. */
    AckWindow window() {
        if (window == null) {
            throw new IllegalStateException(partition + " is " + state + " and has no position yet");
        }
        return window;
    }

    /** The next offset to emit. */
    long position() {
        return position;
    }

    /** The next offset to fetch. */
    long fetchOffset() {
        return fetchOffset;
    }

    /**
     * Begins, or begins again, at that offset. Acknowledgements of what was emitted before have no effect any more.
     *
     * @param leaderEpoch that of the record before it; -1 where unknown
     */
    void start(long offset, int leaderEpoch, AckedRuns acked, AckWindow freshWindow) {
        if (window != null) {
            window.close();
        }
        clear();
        state = State.ACTIVE;
        window = freshWindow;
        restored = acked;
        position = offset;
        fetchOffset = offset;
        epochs.startAt(offset, leaderEpoch);
        outOfRange = false;
        fetching = null;
        commitAhead = -1;
    }

    /** Begins its return: nothing more of it is emitted. */
    void revoke() {
        state = State.REVOKING;
        clear();
    }

    /** It is no longer assigned; what is acknowledged from now on has no effect. */
    void end() {
        state = State.ENDED;
        clear();
        deadline.dispose();
        if (window != null) {
            window.close();
        }
    }

    /** Lets go of what is buffered. */
    void clear() {
        batches.clear();
        unopenedBytes = 0;
        batch = null;
        cursor = null;
        standing = false;
        fetchOffset = position;
        epochs.cutTo(position);
    }

    /** Takes what a fetch from {@link #fetchOffset} brought. */
    void append(ByteBuffer records, CommittedView view) {
        for (RecordBatch fetched : RecordBatches.of(records)) {
            boolean shown = view.shows(fetched) && !fetched.isControl();
            long next = fetched.nextOffset();
            if (next > fetchOffset) {
                batches.add(new Fetched(fetched, shown));
                unopenedBytes += fetched.sizeInBytes();
                fetchOffset = next;
                epochs.add(fetched.leaderEpoch(), next);
            }
        }
    }

    /** Whether something may be emitted or fetched. */
    boolean isOpen() {
        return state == State.ACTIVE && pausedBy.isEmpty();
    }

    /** The bytes of the batches behind the one that is being read. */
    int unopenedBytes() {
        return unopenedBytes;
    }

    /** Offsets that are buffered and not taken. */
    long untakenOffsets() {
        return fetchOffset - position;
    }

    /** Whether something is buffered; it may turn out to hold no record. */
    boolean hasBuffered() {
        return batch != null || !batches.isEmpty();
    }

    /**
     * Moves the {@linkplain #cursor() cursor} to the next record to emit, past those below the position and past batches
     * that are not for this reader; stays where it is until {@link #take}.
     *
     * @return false if nothing more is buffered
     */
    boolean next() {
        if (standing) {
            return true;
        }
        try {
            do {
                RecordCursor records = cursor;
                while (records != null && records.next()) {
                    if (records.offset() >= position && !restored.contains(records.offset())) {
                        standing = true;
                        return true;
                    }
                }
            } while (nextBatch());
            return false;
        } catch (MqException e) {
            throw new MqException(
                    e.errorCode(), partition + " can't be read on from offset " + position + ": " + e.getMessage(), e);
        }
    }

    private boolean nextBatch() {
        if (batch != null) {
            position = Math.max(position, batch.nextOffset());
        }
        Fetched fetched = batches.poll();
        if (fetched == null) {
            batch = null;
            cursor = null;
            return false;
        }
        batch = fetched.batch();
        cursor = fetched.shown() ? batch.records() : null;
        unopenedBytes -= batch.sizeInBytes();
        timestampType = batch.timestampType();
        return true;
    }

    /** The cursor, after {@link #next} was true. */
    RecordCursor cursor() {
        if (cursor == null) {
            throw new IllegalStateException("nothing is buffered of " + partition);
        }
        return cursor;
    }

    /** What the timestamps of the cursor's batch mean. */
    TimestampType timestampType() {
        return timestampType;
    }

    /** The batch that the cursor is in. */
    RecordBatch batch() {
        if (batch == null) {
            throw new IllegalStateException("nothing is buffered of " + partition);
        }
        return batch;
    }

    /** The record under the cursor is emitted; its offset has room in the window. */
    void take(long offset) {
        standing = false;
        position = offset + 1;
        taken++;
        window().emitting(offset);
    }

    /** How many records were taken since this was asked last. */
    long takenSince() {
        long since = taken;
        taken = 0;
        return since;
    }

    /**
     * The offset that may be committed: what is committed ahead, else the first one emitted and not acknowledged, and where there is none the position,
     * so that it passes control records. What was acknowledged before the assignment is passed, too.
     */
    long committable() {
        if (commitAhead >= 0) {
            return restored.behind(Math.max(commitAhead, position));
        }
        return window().isQuiet() ? restored.behind(position) : window().advance();
    }

    /** The leader epoch of the record before an offset that is to be committed; -1 where unknown. */
    int epochBefore(long offset) {
        return epochs.before(offset);
    }

    /**
     * What is to be committed along with an offset: the runs of what is acknowledged beyond it.
     *
     * @param offset what {@link #committable} was when it was asked; more may have been acknowledged since, by other threads, and the runs count from this one
     */
    String committableMetadata(long offset) {
        if (restored == AckedRuns.NONE && window().isQuiet()) {
            return "";
        }
        AckedRuns.Text text = new AckedRuns.Text(offset);
        window().writeRuns(text);
        restored.writeFrom(Math.max(window().next(), offset), text);
        return text.finish();
    }

    @Override
    public String toString() {
        return "PartitionLane[" + partition + ", " + state + ", position " + position + ", fetchOffset " + fetchOffset
                + "]";
    }
}
