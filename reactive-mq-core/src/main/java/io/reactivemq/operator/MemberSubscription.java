package io.reactivemq.operator;

import java.util.Arrays;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * A subscription to {@link ConsumerGroup#join}: makes a publisher of each lane it is given, and merges their results. There is no bound on how many run at a
 * time other than the number of lanes, so none waits for another; each may have {@code prefetch} results waiting for the subscriber.
 *
 * <p>A publisher runs on whichever thread gives the lane, and may run for long there (a lane with a backlog is consumed while it is subscribed to). So giving lanes is not
 * serialised: {@link #runs} is replaced by compare-and-set.
 */
final class MemberSubscription<T, R> implements Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<MemberSubscription> WIP =
            AtomicIntegerFieldUpdater.newUpdater(MemberSubscription.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<MemberSubscription> STARTS =
            AtomicIntegerFieldUpdater.newUpdater(MemberSubscription.class, "starts");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<MemberSubscription> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(MemberSubscription.class, "requested");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<MemberSubscription, @Nullable Throwable> FAILURE =
            AtomicReferenceFieldUpdater.newUpdater(MemberSubscription.class, Throwable.class, "failure");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<MemberSubscription, LaneRun[]> RUNS =
            AtomicReferenceFieldUpdater.newUpdater(MemberSubscription.class, LaneRun[].class, "runs");

    private final ConsumerGroup<T> group;
    private final String id;
    private final int weight;
    private final int prefetch;
    private final Function<? super Lane<T>, ? extends Publisher<? extends R>> work;
    private final CoreSubscriber<? super R> actual;

    private volatile LaneRun<T, R>[] runs = none();

    /** Runs that were cancelled by the group and may have got one more result; the drain discards it. */
    private final Queue<LaneRun<T, R>> orphans = new ConcurrentLinkedQueue<>();

    private volatile int wip;

    /** Demand, up to {@code Long.MAX_VALUE}: unbounded. */
    private volatile long requested;

    /** How many results were emitted. Written by who holds {@code wip}. */
    private long emitted;

    private volatile @Nullable Throwable failure;

    /** Somebody has been told of {@code failure}. Written by who holds {@code wip}. */
    private boolean failureTold;

    /** The subscriber has left, or has the end. */
    private volatile boolean over;

    /** No more lanes will be given. */
    private volatile boolean complete;

    /** How many lanes were given whose publishers are not among the runs yet. The end waits for them: they begin on other threads. */
    private volatile int starts;

    /** Where the next round begins, so that no lane is always first. Written by who holds {@code wip}. */
    private int turn;

    /** How many lanes it holds. Written by the group. */
    private int held;

    /** It is no member any more. Written by the group. */
    private boolean gone;

    MemberSubscription(
            ConsumerGroup<T> group,
            String id,
            MemberOptions options,
            Function<? super Lane<T>, ? extends Publisher<? extends R>> work,
            CoreSubscriber<? super R> actual) {
        this.group = group;
        this.id = id;
        this.weight = options.weight();
        this.prefetch = options.prefetch();
        this.work = work;
        this.actual = actual;
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    private static <T, R> LaneRun<T, R>[] none() {
        return new LaneRun[0];
    }

    // the group's notes

    String id() {
        return id;
    }

    int weight() {
        return weight;
    }

    void lanesHeld(int change) {
        held += change;
    }

    /** {@link #start} will be called. */
    void startFollows() {
        STARTS.incrementAndGet(this);
    }

    boolean holdsNothing() {
        return held == 0;
    }

    boolean isGone() {
        return gone;
    }

    void markGone() {
        gone = true;
    }

    // the group's orders, from any thread

    /** Makes a publisher of the lane and runs it. */
    void start(Grant<T> grant) {
        LaneRun<T, R> run = new LaneRun<>(this, grant, prefetch);
        boolean added = add(run);
        // behind add: whoever sees that none is to come sees this one
        STARTS.decrementAndGet(this);
        if (!added) {
            grant.publisherEnded();
            return;
        }
        Publisher<? extends R> publisher;
        try {
            publisher = Objects.requireNonNull(work.apply(grant), () -> "member " + id + " made null of lane " + grant);
        } catch (Throwable thrown) {
            run.onSubscribe(Operators.emptySubscription());
            run.onError(Operators.onOperatorError(thrown, actual.currentContext()));
            return;
        }
        publisher.subscribe(run);
    }

    /** Cancels the publisher that did not finish in time. What it has produced is still delivered. */
    void abandon(Grant<T> grant) {
        for (LaneRun<T, R> run : runs) {
            if (run.grant == grant) {
                run.abandon();
                drain();
            }
        }
    }

    /** No more lanes will be given: completes when what is there has been delivered. */
    void finish() {
        complete = true;
        drain();
    }

    /** Ends it with an error that did not come from its publishers. */
    void fail(Throwable error) {
        if (FAILURE.compareAndSet(this, null, error)) {
            drain();
        } else {
            Operators.onErrorDropped(error, actual.currentContext());
        }
    }

    private boolean add(LaneRun<T, R> run) {
        for (; ; ) {
            LaneRun<T, R>[] now = runs;
            if (over || failure != null) {
                return false;
            }
            LaneRun<T, R>[] more = Arrays.copyOf(now, now.length + 1);
            more[now.length] = run;
            if (RUNS.compareAndSet(this, now, more)) {
                if (over || failure != null) {
                    // whoever ended it may not have seen this one
                    run.abandon();
                }
                return true;
            }
        }
    }

    private void remove(LaneRun<T, R> run) {
        for (; ; ) {
            LaneRun<T, R>[] now = runs;
            int at = Arrays.asList(now).indexOf(run);
            if (at < 0) {
                return;
            }
            LaneRun<T, R>[] fewer = Arrays.copyOf(now, now.length - 1);
            System.arraycopy(now, at + 1, fewer, at, fewer.length - at);
            if (RUNS.compareAndSet(this, now, fewer)) {
                return;
            }
        }
    }

    // the subscriber's side

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            Operators.addCap(REQUESTED, this, n);
            drain();
        }
    }

    @Override
    public void cancel() {
        if (!over) {
            over = true;
            leave();
            drain();
        }
    }

    /** Publishers first: a lane that completed would make them believe that they had seen all. */
    private void leave() {
        for (LaneRun<T, R> run : runs) {
            run.abandon();
        }
        group.left(this);
    }

    // either side

    Context currentContext() {
        return actual.currentContext();
    }

    /** It was cancelled by the group, and a result came all the same. */
    void abandonedLate(LaneRun<T, R> run) {
        orphans.offer(run);
    }

    void drain() {
        if (WIP.getAndIncrement(this) == 0) {
            drainLoop(1);
        }
    }

    private void drainLoop(int first) {
        int missed = first;
        do {
            drainOnce();
            missed = WIP.addAndGet(this, -missed);
        } while (missed != 0);
    }

    private void drainOnce() {
        for (LaneRun<T, R> orphan = orphans.poll(); orphan != null; orphan = orphans.poll()) {
            if (orphan.removed) {
                orphan.discard();
            }
        }
        for (; ; ) {
            Throwable error = failure;
            if (over) {
                for (LaneRun<T, R> run : runs) {
                    run.discard();
                }
                if (error != null && !failureTold) {
                    failureTold = true;
                    Operators.onErrorDropped(error, actual.currentContext());
                }
                return;
            }
            if (error != null) {
                over = true;
                failureTold = true;
                leave();
                actual.onError(error);
                continue;
            }
            // in this order: when no more lanes are given, none is added
            boolean last = complete && starts == 0;
            LaneRun<T, R>[] now = runs;
            if (now.length == 0) {
                if (last) {
                    over = true;
                    actual.onComplete();
                }
                return;
            }
            if (!emitOneRound(now)) {
                return;
            }
        }
    }

    /** At most one result of each lane. False if there was nothing to do. */
    private boolean emitOneRound(LaneRun<T, R>[] now) {
        boolean worked = false;
        int at = turn < now.length ? turn : 0;
        for (int i = 0; i < now.length && !over && failure == null; i++) {
            LaneRun<T, R> run = now[at];
            at = at + 1 < now.length ? at + 1 : 0;
            if (run.isExhausted()) {
                run.removed = true;
                remove(run);
                worked = true;
            } else if (emitted != requested) {
                R result = run.results.poll();
                if (result != null) {
                    emit(run, result);
                    worked = true;
                }
            }
        }
        turn = at;
        return worked;
    }

    private void emit(LaneRun<T, R> run, R result) {
        emitted++;
        actual.onNext(result);
        run.consumed();
    }

    void onNext(LaneRun<T, R> run, R result) {
        if (wip == 0 && WIP.compareAndSet(this, 0, 1)) {
            if (!over && failure == null && !run.abandoned && emitted != requested && run.results.isEmpty()) {
                emit(run, result);
                int missed = WIP.decrementAndGet(this);
                if (missed != 0) {
                    drainLoop(missed);
                }
            } else {
                run.keep(result);
                drainLoop(1);
            }
        } else {
            run.keep(result);
            drain();
        }
    }

    @Override
    public String toString() {
        return id;
    }

    @Override
    public Stream<? extends Scannable> inners() {
        return Arrays.stream(runs);
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.NAME) {
            return id;
        }
        if (key == Attr.PREFETCH) {
            return prefetch;
        }
        if (key == Attr.BUFFERED) {
            return Arrays.stream(runs).mapToInt(run -> run.results.size()).sum();
        }
        if (key == Attr.CANCELLED) {
            return over;
        }
        if (key == Attr.ERROR) {
            return failure;
        }
        return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
    }
}
