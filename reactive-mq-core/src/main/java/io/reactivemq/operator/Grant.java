package io.reactivemq.operator;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Operators;

/**
 * A lane in the hands of a member: what the member's function gets. It is released when the publisher that the function made of it has ended, and nobody
 * emits from the lane any more.
 *
 * <p>The lane may be closed while it is being subscribed to. So subscribing has a state of its own, and a close that comes meanwhile is done by whoever
 * subscribes: NEW, JOINING, JOINED, and CLOSED from each of them.
 */
final class Grant<T> extends Lane<T> {

    private enum Entry {
        NEW,
        JOINING,
        JOINED,
        CLOSED
    }

    private final PartitionedFlux<T> lanes;
    private final LaneOutlet<T> outlet;
    private final MemberSubscription<T, ?> member;
    private final Consumer<Grant<T>> released;

    private final AtomicReference<Entry> entry = new AtomicReference<>(Entry.NEW);

    /** Who has subscribed. Written once, before the entry is JOINING. */
    private volatile @Nullable LaneSubscription<T> subscription;

    /** Of the two that must end: the publisher, and the lane. */
    private final AtomicInteger open = new AtomicInteger(2);

    /** Of the two after which the lane has ended: its subscription is over, and is not being brought to the outlet any more. */
    private final AtomicInteger ends = new AtomicInteger(2);

    // written by the group

    /** The lane is to go to somebody else. */
    private boolean revoked;

    private long revokedNanos;

    /** It was released without having been revoked: its publisher ended by itself. */
    private boolean idle;

    private @Nullable Disposable timer;

    Grant(PartitionedFlux<T> lanes, int index, MemberSubscription<T, ?> member, Consumer<Grant<T>> released) {
        super(lanes.lane(index).partition());
        this.lanes = lanes;
        this.outlet = lanes.outlet(index);
        this.member = member;
        this.released = released;
    }

    MemberSubscription<T, ?> member() {
        return member;
    }

    boolean isRevoked() {
        return revoked;
    }

    boolean isIdle() {
        return idle;
    }

    /** When it was revoked. */
    long revokedNanos() {
        return revokedNanos;
    }

    void markRevoked(@Nullable Disposable timer, long nowNanos) {
        this.revoked = true;
        this.revokedNanos = nowNanos;
        this.timer = timer;
    }

    void markIdle() {
        idle = true;
    }

    void stopTimer() {
        if (timer != null) {
            timer.dispose();
        }
    }

    @Override
    public void subscribe(CoreSubscriber<? super T> actual) {
        LaneSubscription<T> mine = new LaneSubscription<>(actual, outlet) {
            @Override
            void closed() {
                laneEnds();
            }
        };
        if (!entry.compareAndSet(Entry.NEW, Entry.JOINING)) {
            if (entry.get() == Entry.CLOSED && subscription == null) {
                Operators.complete(actual);
            } else {
                Operators.error(
                        actual,
                        new IllegalStateException(
                                "lane " + this + " of member " + member + " can be subscribed to once"));
            }
            return;
        }
        subscription = mine;
        actual.onSubscribe(mine);
        boolean joined = outlet.join(mine);
        boolean closed = !entry.compareAndSet(Entry.JOINING, Entry.JOINED);
        laneEnds();
        if (closed) {
            mine.finish(null);
        } else if (joined) {
            outlet.drain();
            lanes.joined(number());
        } else {
            mine.finish(new IllegalStateException(
                    "lane " + this + " of member " + member + " has a subscriber besides the group"));
        }
    }

    private void laneEnds() {
        if (ends.decrementAndGet() == 0) {
            part();
        }
    }

    /** Ends the lane at this member: it completes. */
    void close() {
        for (; ; ) {
            Entry now = entry.get();
            if (now == Entry.CLOSED) {
                return;
            }
            if (entry.compareAndSet(now, Entry.CLOSED)) {
                if (now == Entry.NEW) {
                    part();
                } else if (now == Entry.JOINED) {
                    finishSubscription();
                }
                return;
            }
        }
    }

    private void finishSubscription() {
        LaneSubscription<T> mine = subscription;
        if (mine != null) {
            mine.finish(null);
        }
    }

    /** The publisher has ended, or was cancelled: it can not want the lane any more. */
    void publisherEnded() {
        LaneSubscription<T> mine = subscription;
        if (mine != null) {
            mine.cancel();
        }
        close();
        part();
    }

    private void part() {
        if (open.decrementAndGet() == 0) {
            released.accept(this);
        }
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        return key == Attr.PARENT ? outlet : key == Attr.NAME ? toString() : null;
    }
}
