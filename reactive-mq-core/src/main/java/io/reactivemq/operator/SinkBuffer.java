package io.reactivemq.operator;

import io.reactivemq.MqRuntime;
import io.reactivemq.metrics.BufferMeters;
import io.reactivemq.operator.Conflater.Place;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.Scannable;
import reactor.core.publisher.Operators;
import reactor.core.scheduler.Scheduler;
import reactor.util.context.Context;

/**
 * The buffer of an {@link OverflowSink}: emitters on one side, the subscription on the other.
 *
 * <p><b>Who drains.</b> Whoever moves the ring's state to {@link EmitterRing#DRAINING} owns the subscriber's side: it alone takes from
 * the ring and calls the subscriber. Emitters try to become the owner when they see demand; {@code request}, {@code cancel} and the
 * end do, too. With a scheduler the owner hands its ownership to the worker. The owner gives it up by one compare-and-set, which
 * fails if anything was added or the ring was closed meanwhile; then it goes on. Demand and cancellation do not change the state,
 * so the owner looks for them once more behind it. Who has delivered the end, or cleared a cancelled ring, owns for ever.
 *
 * <p><b>The direct way.</b> An emitter that sees demand and an empty ring becomes the owner and hands its element on without the
 * ring. Since the state it moved from says how many had come, nothing can have been added in between.
 *
 * <p><b>Nothing is forgotten.</b> An emitter adds, then looks for demand; {@code request} adds demand, then looks into the ring. Both add by
 * compare-and-set, so at least one sees the other's.
 *
 * <p><b>Parked emitters</b> each stand in line with a gate of their own. Who takes an element out of a ring opens the first. It
 * looks at the line without a fence, so it may miss one who is just lining up: the line is looked at again with each element and, behind
 * a full fence, behind the last. An emitter lines up by an atomic write, then looks for room. So at least one sees the other.
 */
final class SinkBuffer<T> implements Subscription, Scannable, Runnable {

    private static final VarHandle END = field("end", End.class);
    private static final VarHandle LINED_UP = field("linedUp", int.class);

    /** How often one who is about to park looks for room while a drain is under way: some microseconds. */
    private static final int LOOKS_BEFORE_PARKING = 100;

    /** So many elements in one go are a stream that is worth waiting a moment for, before its next wakes the worker anew. */
    private static final int STREAM_MIN = 16;

    /** How often a worker looks for more of a stream: with the pauses between, some 10 microseconds. */
    private static final int LOOKS_FOR_MORE = 10;

    /** About a microsecond, in which a batch can gather; looking at each element as it comes would slow both sides down. */
    private static final int PAUSE_ROUNDS = 3_000;

    private final int capacity;
    private final OverflowStrategy strategy;
    private final @Nullable Conflater<T> conflater;
    private final @Nullable Scheduler scheduler;
    private final MqRuntime runtime;
    private final @Nullable String name;
    private final Consumer<? super T> onDropped;
    private final BufferMeters meters;

    /** Whether the meters want to know when elements come and leave. */
    private final boolean timed;

    /** Elements, or places of a conflater. */
    private final EmitterRing<Object> ring;

    /** Emitters that wait for room, with {@link OverflowStrategy#BLOCK}. */
    private final Queue<Semaphore> line = new ConcurrentLinkedQueue<>();

    /** How many are in that line. Never fewer. */
    private volatile int linedUp;

    /** The owner counts what is emitted. */
    private final Demand demand = new Demand();

    /** How it ends; set once, before the ring is closed. */
    private volatile @Nullable End end;

    private volatile boolean cancelled;

    private final AtomicBoolean subscribed = new AtomicBoolean();

    /** From the subscription on, until it has ended. Written by the owner. */
    private volatile @Nullable CoreSubscriber<? super T> actual;

    /** The subscriber's, once there is one. */
    private volatile Context context = Context.empty();

    /** Written with the subscriber. */
    private Scheduler.@Nullable Worker worker;

    /** Downstream has the end, or nothing any more. Written by the owner. */
    private volatile boolean terminated;

    /** How a sink ends: by completion, by an error, or by a cancellation. */
    private record End(@Nullable Throwable error) {}

    SinkBuffer(int capacity, OverflowSinkOptions<T> options) {
        this.capacity = capacity;
        this.strategy = options.strategy();
        this.conflater = options.keyFn() == null ? null : new Conflater<>(options.keyFn());
        this.scheduler = options.scheduler();
        this.runtime = options.runtime();
        this.name = options.name();
        this.onDropped = options.onDropped();
        this.ring = strategy == OverflowStrategy.DROP_OLDEST
                ? EmitterRing.evicting(capacity)
                : EmitterRing.bounded(capacity);
        this.meters = options.metering("sink").open(capacity, ring::size);
        this.timed = meters.timesWaiting();
    }

    private static VarHandle field(String name, Class<?> type) {
        try {
            return MethodHandles.lookup().findVarHandle(SinkBuffer.class, name, type);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    int depth() {
        return ring.size();
    }

    int capacity() {
        return capacity;
    }

    private String describe() {
        return (name == null ? "the overflow sink" : "the overflow sink '" + name + "'") + " of capacity " + capacity;
    }

    // the emitters' side

    EmitOutcome emit(T element, long timeoutNanos) {
        if (timeoutNanos > 0 && strategy == OverflowStrategy.BLOCK) {
            checkMayPark();
        }
        if (conflater != null) {
            return conflate(element, conflater);
        }
        for (; ; ) {
            long state = ring.state();
            if (EmitterRing.isClosed(state)) {
                return closed();
            }
            boolean own = !EmitterRing.isDraining(state) && demand.exists();
            if (own && mayPassDirectly(state)) {
                if (ring.tryOwn(state) && handOnDirectly(element, state)) {
                    return EmitOutcome.ACCEPTED;
                }
            } else if (!ring.hasRoom(state)) {
                return full(element, timeoutNanos);
            } else if (ring.tryClaim(state, own)) {
                return added(state, own, put(state, element));
            }
        }
    }

    private EmitOutcome conflate(T element, Conflater<T> conflater) {
        Object key = conflater.keyOf(element);
        for (; ; ) {
            long state = ring.state();
            if (EmitterRing.isClosed(state)) {
                return closed();
            }
            boolean own = !EmitterRing.isDraining(state) && demand.exists();
            if (own && mayPassDirectly(state)) {
                if (ring.tryOwn(state) && handOnDirectly(element, state)) {
                    return EmitOutcome.ACCEPTED;
                }
                continue;
            }
            T older;
            boolean claimed = false;
            Object evicted = null;
            synchronized (conflater) {
                older = conflater.replace(key, element);
                if (older == null && ring.state() == state) {
                    // before the claim: a key that throws must not leave an index claimed and nothing put there
                    Place<T> place = conflater.add(key, element);
                    claimed = ring.tryClaim(state, own);
                    if (claimed) {
                        evicted = put(state, place);
                    } else {
                        conflater.takeBack(place);
                    }
                }
            }
            if (older != null) {
                drop(older);
                return EmitOutcome.ACCEPTED_REPLACED;
            }
            if (claimed) {
                return added(state, own, evicted);
            }
        }
    }

    private boolean mayPassDirectly(long state) {
        return scheduler == null && ring.isEmpty(state);
    }

    /** Behind a claim from this state. */
    private @Nullable Object put(long state, Object entry) {
        long index = EmitterRing.index(state);
        if (timed) {
            meters.came(index);
        }
        return ring.put(index, entry);
    }

    /** Behind a put: sees to it that there is somebody to take it if there is demand, and lets go what had to go for it. */
    private EmitOutcome added(long state, boolean own, @Nullable Object evicted) {
        if (evicted != null) {
            meters.evicted(EmitterRing.index(state) - capacity);
        }
        if (own) {
            drainOrSchedule();
        } else if (!EmitterRing.isDraining(state) && demand.exists()) {
            signal();
        }
        if (evicted == null) {
            return EmitOutcome.ACCEPTED;
        }
        drop(valueOf(evicted));
        return EmitOutcome.ACCEPTED_OLDEST_DROPPED;
    }

    private EmitOutcome full(T element, long timeoutNanos) {
        return switch (strategy) {
            case DROP_NEWEST -> {
                drop(element);
                yield EmitOutcome.DROPPED;
            }
            case ERROR -> overflow(element);
            case BLOCK -> timeoutNanos == 0 ? EmitOutcome.TIMED_OUT : emitParking(element, timeoutNanos);
            case DROP_OLDEST -> throw new IllegalStateException("a ring that evicts is never full");
        };
    }

    private EmitOutcome closed() {
        return cancelled ? EmitOutcome.CANCELLED : EmitOutcome.TERMINATED;
    }

    private EmitOutcome overflow(T element) {
        if (end != null) {
            return closed();
        }
        Throwable overflow =
                Exceptions.failWithOverflow(describe() + " is full: the subscriber is slower than the emitters");
        if (!endWith(new End(Operators.onOperatorError(null, overflow, element, context)))) {
            return closed();
        }
        drop(element);
        return EmitOutcome.OVERFLOWED;
    }

    /** Lets an element go for lack of room. */
    private void drop(T element) {
        meters.dropped();
        try {
            onDropped.accept(element);
        } catch (Throwable failure) {
            Throwable reported = Operators.onOperatorError(null, failure, element, context);
            if (!tryError(reported)) {
                Operators.onErrorDropped(reported, context);
            }
        }
        Operators.onDiscard(element, context);
    }

    boolean tryComplete() {
        return endWith(new End(null));
    }

    boolean tryError(Throwable failure) {
        return endWith(new End(failure));
    }

    private boolean endWith(End how) {
        if (!END.compareAndSet(this, null, how)) {
            return false;
        }
        ring.close();
        openAll();
        signal();
        if (!subscribed.get()) {
            // perhaps nobody ever comes; the registry must not keep what waits
            meters.close();
        }
        return true;
    }

    // emitters that wait for room

    private void checkMayPark() {
        if (!runtime.mayPark()) {
            throw new IllegalStateException(describe()
                    + " may park who emits with a timeout, and this thread must not block: emit without a timeout and look at"
                    + " the outcome, emit on another thread, as one of Schedulers.boundedElastic(), or choose a strategy"
                    + " that does not wait");
        }
    }

    private EmitOutcome emitParking(T element, long timeoutNanos) {
        long deadline = runtime.nanoTime() + timeoutNanos;
        Semaphore gate = new Semaphore(0);
        lineUp(gate);
        for (; ; ) {
            EmitOutcome outcome = lookForRoom(element);
            long left = deadline - runtime.nanoTime();
            if (outcome != EmitOutcome.TIMED_OUT || left <= 0) {
                leaveLine(gate);
                return outcome;
            }
            if (runtime.park(gate, left)) {
                // whoever opened it took it out of the line
                lineUp(gate);
            } else if (deadline - runtime.nanoTime() > 0) {
                leaveLine(gate);
                return EmitOutcome.INTERRUPTED;
            }
        }
    }

    /** At least once; for a while if elements are being taken. */
    private EmitOutcome lookForRoom(T element) {
        for (int looks = 1; ; looks++) {
            EmitOutcome outcome = emit(element, 0);
            if (outcome != EmitOutcome.TIMED_OUT
                    || looks == LOOKS_BEFORE_PARKING
                    || !EmitterRing.isDraining(ring.state())) {
                return outcome;
            }
            // BlockHound takes it for a blocking call; this thread may block
            Thread.onSpinWait();
        }
    }

    private void lineUp(Semaphore gate) {
        LINED_UP.getAndAdd(this, 1);
        line.add(gate);
    }

    private void leaveLine(Semaphore gate) {
        if (line.remove(gate)) {
            LINED_UP.getAndAdd(this, -1);
        } else {
            // it was opened: there may be room, for the next
            openNext();
        }
    }

    /** Lets the first in line look for room. */
    private boolean openNext() {
        Semaphore gate = line.poll();
        if (gate == null) {
            return false;
        }
        LINED_UP.getAndAdd(this, -1);
        gate.release();
        return true;
    }

    private void openAll() {
        while (openNext()) {
            // the next one
        }
    }

    /** Behind the last element there was demand for. */
    private void openForRoom() {
        for (int room = capacity - ring.size(); room > 0 && linedUp > 0 && openNext(); room--) {
            // the next one
        }
    }

    // the subscriber's side

    void subscribe(CoreSubscriber<? super T> subscriber) {
        if (!subscribed.compareAndSet(false, true)) {
            Operators.error(subscriber, new IllegalStateException(describe() + " has had its one subscriber"));
            return;
        }
        if (scheduler != null) {
            try {
                worker = scheduler.createWorker();
            } catch (Throwable failure) {
                Operators.error(subscriber, Operators.onOperatorError(failure, subscriber.currentContext()));
                context = subscriber.currentContext();
                actual = subscriber;
                cancel();
                return;
            }
        }
        // nobody can own before there is a subscriber: it fails only if an element comes
        boolean owned;
        do {
            owned = ring.tryOwn(ring.state());
        } while (!owned);
        context = subscriber.currentContext();
        actual = subscriber;
        subscriber.onSubscribe(this);
        settle();
    }

    @Override
    public void request(long n) {
        if (Operators.validate(n)) {
            demand.add(n);
            signal();
        }
    }

    @Override
    public void cancel() {
        if (cancelled) {
            return;
        }
        cancelled = true;
        END.compareAndSet(this, null, new End(null));
        ring.close();
        openAll();
        // in place, also where there is a worker: its scheduler may have ended
        if (ownIfNeeded()) {
            clear();
        }
    }

    // the owner

    /** Makes somebody the owner if there is something to do and nobody is. */
    private void signal() {
        if (ownIfNeeded()) {
            drainOrSchedule();
        }
    }

    private boolean ownIfNeeded() {
        for (; ; ) {
            long state = ring.state();
            if (EmitterRing.isDraining(state) || !isNeeded(state)) {
                return false;
            }
            if (ring.tryOwn(state)) {
                return true;
            }
        }
    }

    private boolean isNeeded(long state) {
        if (actual == null) {
            return false;
        }
        return cancelled || (ring.isEmpty(state) ? EmitterRing.isClosed(state) : demand.exists());
    }

    private void drainOrSchedule() {
        Scheduler.Worker worker = this.worker;
        if (worker == null) {
            drain();
            return;
        }
        try {
            worker.schedule(this);
        } catch (RejectedExecutionException e) {
            rejected(e);
        }
    }

    /** Drains if there is something to do, else gives up the ownership. */
    private void settle() {
        long state = ring.state();
        while (!isNeeded(state)) {
            if (ring.tryRelease(state)) {
                signal();
                return;
            }
            state = ring.state();
        }
        drainOrSchedule();
    }

    /** By the worker. */
    @Override
    public void run() {
        drain();
    }

    /** False if another had the demand meanwhile. Owns since that state, and does no more behind it. */
    private boolean handOnDirectly(T element, long state) {
        long count = demand.emitted();
        CoreSubscriber<? super T> subscriber = actual;
        boolean demanded = false;
        if (count != demand.requested() && subscriber != null) {
            demanded = true;
            demand.setEmitted(count + 1);
            subscriber.onNext(element);
        }
        // the ring is still empty if nobody has added, and a cancellation closes it
        if (!ring.tryRelease(state | EmitterRing.DRAINING)) {
            drain();
        }
        return demanded;
    }

    private void drain() {
        CoreSubscriber<? super T> subscriber = actual;
        if (subscriber == null) {
            throw new IllegalStateException("nobody can own before there is a subscriber");
        }
        long begun = demand.emitted();
        for (; ; ) {
            handOn(subscriber);
            if (cancelled) {
                clear();
                return;
            }
            if (strategy == OverflowStrategy.BLOCK) {
                // either this sees who lines up, or that one sees the room
                VarHandle.fullFence();
                if (linedUp > 0) {
                    openForRoom();
                }
            }
            long state = ring.state();
            if (!ring.isEmpty(state)) {
                if (demand.exists()) {
                    continue;
                }
            } else if (EmitterRing.isClosed(state)) {
                terminate(subscriber);
                return;
            } else if (worker != null && demand.emitted() - begun >= STREAM_MIN && moreComes(state)) {
                begun = demand.emitted();
                continue;
            }
            if (ring.tryRelease(state) && !ownIfNeeded()) {
                return;
            }
        }
    }

    /** What waits, while there is demand. */
    private void handOn(CoreSubscriber<? super T> subscriber) {
        long count = demand.emitted();
        while (count != demand.requested() && !cancelled) {
            Object entry = ring.poll();
            if (entry == null) {
                return;
            }
            if (timed) {
                meters.left(ring.head() - 1);
            }
            if (linedUp > 0) {
                openNext();
            }
            count++;
            demand.setEmitted(count);
            subscriber.onNext(valueOf(entry));
        }
    }

    /** Waits a moment for the state to change. Neither parks nor yields, so it is no blocking call. */
    private boolean moreComes(long state) {
        for (int looks = 0; looks < LOOKS_FOR_MORE; looks++) {
            for (int i = 0; i < PAUSE_ROUNDS; i++) {
                if (demand.emitted() < 0) {
                    throw new IllegalStateException("a count of elements is negative");
                }
            }
            if (ring.state() != state) {
                return true;
            }
        }
        return false;
    }

    @SuppressWarnings("unchecked") // the ring holds what emit puts there
    private T valueOf(Object entry) {
        return conflater == null ? (T) entry : ((Place<T>) entry).take();
    }

    /** Owns for ever since. */
    private void terminate(CoreSubscriber<? super T> subscriber) {
        if (cancelled) {
            // since the owner last looked: it was the cancellation that closed the ring
            clear();
            return;
        }
        forget();
        Throwable error = end == null ? null : end.error();
        if (error != null) {
            subscriber.onError(error);
        } else {
            subscriber.onComplete();
        }
        disposeWorker();
    }

    /** Of a cancelled sink. Owns for ever since. */
    private void clear() {
        discardAll();
        forget();
        disposeWorker();
    }

    /** Nothing more goes to the subscriber than, perhaps, the end. */
    private void forget() {
        terminated = true;
        actual = null;
        meters.close();
    }

    private void discardAll() {
        // whoever cancels closes it, too, but may be just about to
        ring.close();
        for (Object entry = ring.poll(); entry != null; entry = ring.poll()) {
            Operators.onDiscard(valueOf(entry), context);
        }
    }

    /** The scheduler does not work (any more). Owns for ever since. */
    private void rejected(RejectedExecutionException rejection) {
        Throwable failure = Operators.onRejectedExecution(rejection, context);
        END.compareAndSet(this, null, new End(failure));
        discardAll();
        openAll();
        CoreSubscriber<? super T> subscriber = actual;
        forget();
        if (subscriber != null && !cancelled) {
            subscriber.onError(failure);
        }
        disposeWorker();
    }

    private void disposeWorker() {
        Scheduler.Worker worker = this.worker;
        if (worker != null) {
            worker.dispose();
        }
    }

    @Override
    @SuppressWarnings("rawtypes") // as Scannable declares it
    public @Nullable Object scanUnsafe(Attr key) {
        if (key == Attr.ACTUAL) {
            return actual;
        }
        if (key == Attr.NAME) {
            return name;
        }
        if (key == Attr.BUFFERED) {
            return ring.size();
        }
        if (key == Attr.CAPACITY) {
            return capacity;
        }
        if (key == Attr.REQUESTED_FROM_DOWNSTREAM) {
            return demand.open();
        }
        if (key == Attr.CANCELLED) {
            return cancelled;
        }
        if (key == Attr.TERMINATED) {
            return terminated && !cancelled;
        }
        if (key == Attr.ERROR) {
            return end == null ? null : end.error();
        }
        if (key == Attr.RUN_ON) {
            return scheduler;
        }
        return key == Attr.RUN_STYLE ? (scheduler == null ? Attr.RunStyle.SYNC : Attr.RunStyle.ASYNC) : null;
    }
}
