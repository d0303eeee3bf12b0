package io.reactivemq.operator;

import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
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
final class GroupMember<T, R> implements Subscription, Scannable {

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<GroupMember> WIP =
            AtomicIntegerFieldUpdater.newUpdater(GroupMember.class, "wip");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicIntegerFieldUpdater<GroupMember> STARTS =
            AtomicIntegerFieldUpdater.newUpdater(GroupMember.class, "starts");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicLongFieldUpdater<GroupMember> REQUESTED =
            AtomicLongFieldUpdater.newUpdater(GroupMember.class, "requested");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<GroupMember, @Nullable Throwable> FAILURE =
            AtomicReferenceFieldUpdater.newUpdater(GroupMember.class, Throwable.class, "failure");

    @SuppressWarnings("rawtypes") // a class literal has no type arguments
    private static final AtomicReferenceFieldUpdater<GroupMember, Run[]> RUNS =
            AtomicReferenceFieldUpdater.newUpdater(GroupMember.class, Run[].class, "runs");

    private final ConsumerGroup<T> group;
    private final String id;
    private final int weight;
    private final int prefetch;
    private final Function<? super Lane<T>, ? extends Publisher<? extends R>> work;
    private final CoreSubscriber<? super R> actual;

    private volatile Run<T, R>[] runs = none();

    /** Runs that were cancelled by the group and may have got one more result; the drain discards it. */
    private final Queue<Run<T, R>> orphans = new ConcurrentLinkedQueue<>();

    private volatile int wip;

    /** Demand, up to {@code Long.MAX_VALUE}: unbounded. */
    private volatile long requested;

    /** How many results were emitted. Written by who holds {@code wip}. */
    private long emitted;

    private volatile @Nullable Throwable failure;

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

    GroupMember(
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
    private static <T, R> Run<T, R>[] none() {
        return new Run[0];
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
        Run<T, R> run = new Run<>(this, grant, prefetch);
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
        for (Run<T, R> run : runs) {
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

    private boolean add(Run<T, R> run) {
        for (; ; ) {
            Run<T, R>[] now = runs;
            if (over || failure != null) {
                return false;
            }
            Run<T, R>[] more = Arrays.copyOf(now, now.length + 1);
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

    private void remove(Run<T, R> run) {
        for (; ; ) {
            Run<T, R>[] now = runs;
            int at = Arrays.asList(now).indexOf(run);
            if (at < 0) {
                return;
            }
            Run<T, R>[] fewer = Arrays.copyOf(now, now.length - 1);
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
        for (Run<T, R> run : runs) {
            run.abandon();
        }
        group.left(this);
    }

    // either side

    private void drain() {
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
        for (Run<T, R> orphan = orphans.poll(); orphan != null; orphan = orphans.poll()) {
            if (orphan.removed) {
                orphan.discard();
            }
        }
        for (; ; ) {
            if (over) {
                for (Run<T, R> run : runs) {
                    run.discard();
                }
                return;
            }
            Throwable error = failure;
            if (error != null) {
                over = true;
                leave();
                actual.onError(error);
                continue;
            }
            // in this order: when no more lanes are given, none is added
            boolean last = complete && starts == 0;
            Run<T, R>[] now = runs;
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
    private boolean emitOneRound(Run<T, R>[] now) {
        boolean worked = false;
        int at = turn < now.length ? turn : 0;
        for (int i = 0; i < now.length && !over && failure == null; i++) {
            Run<T, R> run = now[at];
            at = at + 1 < now.length ? at + 1 : 0;
            // in this order: behind the end nothing is added
            boolean ended = run.done;
            if (run.results.isEmpty()) {
                if (ended) {
                    run.removed = true;
                    remove(run);
                    worked = true;
                }
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

    private void emit(Run<T, R> run, R result) {
        emitted++;
        actual.onNext(result);
        run.consumed();
    }

    private void onNext(Run<T, R> run, R result) {
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

    /** The publisher of one lane. */
    private static final class Run<T, R> implements CoreSubscriber<R>, Scannable {

        @SuppressWarnings("rawtypes") // a class literal has no type arguments
        private static final AtomicReferenceFieldUpdater<Run, @Nullable Subscription> UPSTREAM =
                AtomicReferenceFieldUpdater.newUpdater(Run.class, Subscription.class, "upstream");

        private final GroupMember<T, R> member;
        private final Grant<T> grant;
        private final int prefetch;
        private final Ring<R> results;

        private volatile @Nullable Subscription upstream;

        /** The lane's grant knows that the publisher has ended. */
        private final AtomicBoolean ended = new AtomicBoolean();

        /** It was cancelled. Written before {@code done}. */
        private volatile boolean abandoned;

        /** No more results will be kept. */
        private volatile boolean done;

        /** It is not among the runs any more. Written by who holds the member's {@code wip}. */
        private volatile boolean removed;

        /** How many results were consumed since more were asked for. Written by who holds the member's {@code wip}. */
        private int consumed;

        Run(GroupMember<T, R> member, Grant<T> grant, int prefetch) {
            this.member = member;
            this.grant = grant;
            this.prefetch = prefetch;
            this.results = Ring.ofCapacity(prefetch);
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            if (Operators.setOnce(UPSTREAM, this, subscription)) {
                subscription.request(prefetch);
            }
        }

        @Override
        public void onNext(R result) {
            if (abandoned) {
                Operators.onDiscard(result, currentContext());
            } else if (done) {
                Operators.onNextDropped(result, currentContext());
            } else {
                member.onNext(this, result);
            }
        }

        @Override
        public void onError(Throwable error) {
            if (done || abandoned) {
                Operators.onErrorDropped(error, currentContext());
                return;
            }
            UPSTREAM.lazySet(this, Operators.cancelledSubscription());
            done = true;
            member.fail(error);
            end();
        }

        @Override
        public void onComplete() {
            if (done) {
                return;
            }
            UPSTREAM.lazySet(this, Operators.cancelledSubscription());
            done = true;
            member.drain();
            end();
        }

        /** Tells the grant, once. */
        private void end() {
            if (ended.compareAndSet(false, true)) {
                grant.publisherEnded();
            }
        }

        void abandon() {
            abandoned = true;
            Operators.terminate(UPSTREAM, this);
            done = true;
            end();
        }

        void keep(R result) {
            if (!results.offer(result)) {
                Operators.onDiscard(result, currentContext());
                member.fail(new IllegalStateException("the publisher of lane " + grant + " at member " + member.id
                        + " sends more than is requested"));
                return;
            }
            // the result is there before this looks, and abandoned before the drain looks for results
            VarHandle.fullFence();
            if (abandoned) {
                member.orphans.offer(this);
            }
        }

        /** By who holds the member's {@code wip}. */
        void consumed() {
            if (++consumed == prefetch - (prefetch >> 2)) {
                int more = consumed;
                consumed = 0;
                Subscription subscription = upstream;
                if (subscription != null) {
                    subscription.request(more);
                }
            }
        }

        /** By who holds the member's {@code wip}. */
        void discard() {
            for (R result = results.poll(); result != null; result = results.poll()) {
                Operators.onDiscard(result, currentContext());
            }
        }

        @Override
        public Context currentContext() {
            return member.actual.currentContext();
        }

        @Override
        @SuppressWarnings("rawtypes") // as Scannable declares it
        public @Nullable Object scanUnsafe(Attr key) {
            if (key == Attr.PARENT) {
                return upstream;
            }
            if (key == Attr.ACTUAL) {
                return member;
            }
            if (key == Attr.NAME) {
                return grant.toString();
            }
            if (key == Attr.BUFFERED) {
                return results.size();
            }
            if (key == Attr.PREFETCH) {
                return prefetch;
            }
            if (key == Attr.TERMINATED) {
                return done && results.isEmpty();
            }
            if (key == Attr.CANCELLED) {
                return abandoned;
            }
            return key == Attr.RUN_STYLE ? Attr.RunStyle.SYNC : null;
        }
    }
}
