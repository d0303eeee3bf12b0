package io.reactivemq.test.crash;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What was sent to a log and what the log has promised, by the number of changes its store had seen: so that a crash at any of them knows
 * what must be there after it, and what may be. The one who works with the log keeps it; nothing in it is learned from the log's files.
 */
final class Ledger {

    /**
     * What holds from a moment on.
     *
     * @param at how many changes the store had seen
     * @param durableEnd below it everything was acknowledged, or served after a recovery
     * @param writtenEnd nothing at or above it was written
     * @param startMin the log start offset has been there
     * @param startMax it is on its way there
     * @param epochMin the epoch of the log; larger by one where something was appended since it was opened
     */
    record Promise(int at, long durableEnd, long writtenEnd, long startMin, long startMax, int epochMin) {}

    private final List<SentBatch> batches = new ArrayList<>();
    private final List<Promise> promises = new ArrayList<>();

    Ledger() {
        promises.add(new Promise(0, 0, 0, 0, 0, 0));
    }

    /** What another one says of a crash after that many changes, as the beginning of this one. */
    Ledger(Ledger before, int changes) {
        for (SentBatch batch : before.batches) {
            if (batch.isThere(changes)) {
                batches.add(new SentBatch(batch.baseOffset(), batch.bytes(), 0, SentBatch.STILL));
            }
        }
        Promise promise = before.at(changes);
        promises.add(new Promise(
                0, promise.durableEnd, promise.writtenEnd, promise.startMin, promise.startMax, promise.epochMin));
    }

    /** What held when so many changes had been made, and the next had not. */
    Promise at(int changes) {
        int low = 0;
        int high = promises.size();
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (promises.get(middle).at <= changes) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return promises.get(low);
    }

    Promise last() {
        return promises.get(promises.size() - 1);
    }

    void sending(int at, long baseOffset, ByteBuffer bytes) {
        SentBatch batch = new SentBatch(baseOffset, bytes, at, SentBatch.STILL);
        batches.add(batch);
        Promise last = last();
        add(new Promise(at, last.durableEnd, batch.nextOffset(), last.startMin, last.startMax, last.epochMin));
    }

    void durable(int at, long end) {
        Promise last = last();
        add(new Promise(
                at, Math.max(end, last.durableEnd), last.writtenEnd, last.startMin, last.startMax, last.epochMin));
    }

    /** The log has said that it ends there: what is behind was refused, or a crash has taken it. */
    void ended(int at, long end) {
        for (int i = batches.size() - 1; i >= 0 && batches.get(i).nextOffset() > end; i--) {
            SentBatch batch = batches.get(i);
            if (batch.until() == SentBatch.STILL) {
                batches.set(i, batch.gone(at));
            }
        }
        Promise last = last();
        add(new Promise(at, last.durableEnd, end, last.startMin, last.startMax, last.epochMin));
    }

    void epoch(int at, int epochMin) {
        Promise last = last();
        add(new Promise(at, last.durableEnd, last.writtenEnd, last.startMin, last.startMax, epochMin));
    }

    void deleting(int at, long startMax) {
        Promise last = last();
        add(new Promise(
                at, last.durableEnd, last.writtenEnd, last.startMin, Math.max(last.startMax, startMax), last.epochMin));
    }

    void started(int at, long start) {
        Promise last = last();
        add(new Promise(at, Math.max(last.durableEnd, start), last.writtenEnd, start, start, last.epochMin));
    }

    private void add(Promise promise) {
        promises.add(promise);
    }

    /** What is in the log, by the last word on it. */
    List<SentBatch> batches() {
        List<SentBatch> there = new ArrayList<>();
        for (SentBatch batch : batches) {
            if (batch.until() == SentBatch.STILL) {
                there.add(batch);
            }
        }
        return there;
    }
}
