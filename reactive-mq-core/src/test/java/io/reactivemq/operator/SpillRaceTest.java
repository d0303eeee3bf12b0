package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.storage.FileStore;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Spilling on real threads: the source emits on one, the consumer requests, cancels, or both on another, the files are moved on a third, what
 * comes from them is delivered on a fourth. Each element is accounted for by its number. A seed fixes the shape of a round; how the threads
 * meet it cannot fix.
 */
@DisplayName("Spilling under race:")
class SpillRaceTest {

    private static final long SEED = Long.getLong("reactivemq.seed", 20_261_122);
    private static final int ROUNDS = Integer.getInteger("reactivemq.rounds", 100);
    private static final int ROUNDS_AT_ONCE = 25;
    private static final int ELEMENTS_MAX = 240;
    private static final int CAPACITY = 4;
    private static final Duration DEADLINE = Duration.ofMinutes(2);

    /** What the consumer does while the source emits. */
    private enum Race {
        CANCEL,
        REQUEST,
        REQUEST_AND_CANCEL
    }

    /** How the source ends. */
    private enum End {
        COMPLETE,
        ERROR,
        NONE
    }

    private record Shape(OverflowStrategy whenFull, boolean recovers, Race race, End end) {}

    @TestFactory
    @DisplayName("M11 each element is emitted, let go, or left in files by a cancellation, once, in order")
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "spills overflow, and sources fail behind an overflow")
    Stream<DynamicContainer> everyElementIsAccountedFor() {
        return Stream.of(OverflowStrategy.BLOCK, OverflowStrategy.ERROR, OverflowStrategy.DROP_OLDEST)
                .flatMap(whenFull -> Stream.of(false, true)
                        .map(recovers -> dynamicContainer(
                                "M11 when full " + whenFull + (recovers ? ", files taken up again" : ""),
                                Stream.of(Race.values())
                                        .flatMap(race -> Stream.of(End.values())
                                                .map(end -> dynamicTest(
                                                        "M11 " + race + " while the source emits, end: " + end,
                                                        () -> race(new Shape(whenFull, recovers, race, end))))))));
    }

    private static void race(Shape shape) {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < ROUNDS; i += ROUNDS_AT_ONCE) {
            List<Round> rounds = new ArrayList<>();
            for (int j = 0; j < ROUNDS_AT_ONCE; j++) {
                rounds.add(new Round(shape, i + j, random.split()));
            }
            Duel.fight(rounds, Round::emit, Round::consume);
            for (Round round : rounds) {
                round.settle();
                round.check();
            }
        }
    }

    /** The one way to wait for what other threads do. */
    @SuppressWarnings("ThreadPriorityCheck") // they have to get a processor
    private static void await(BooleanSupplier condition, Object what) {
        long began = System.nanoTime();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - began > DEADLINE.toNanos()) {
                throw new AssertionError("in vain, for " + DEADLINE + ": " + what);
            }
            Thread.yield();
        }
    }

    /** Lets a little time pass without leaving the processor; on workers, too, where a spin wait is taken for a block. */
    private static void busy(int rounds) {
        for (int i = 0; i < rounds; i++) {
            VarHandle.fullFence();
        }
    }

    private static final class Round {

        private final Shape shape;
        private final int number;
        private final FileStore store = FileStore.memory();
        private final CountedRuntime runtime = new CountedRuntime();
        private final Source source;
        private final Consumer consumer;
        private final long maxBytes;
        private final boolean startsLate;
        private final int requests;
        private final int requestMax;
        private final int requestPause;
        private final boolean cancelsInside;
        private final boolean takesUpAtOnce;
        private final SplittableRandom random;

        /** On the source's thread. */
        private final BitSet spilled = new BitSet();

        private final Queue<Integer> dropped = new ConcurrentLinkedQueue<>();
        private @Nullable Consumer heir;

        Round(Shape shape, int number, SplittableRandom random) {
            this.shape = shape;
            this.number = number;
            this.random = random;
            source = new Source(random.nextInt(1, ELEMENTS_MAX + 1), pause(400));
            cancelsInside = shape.race != Race.REQUEST && random.nextInt(4) == 0;
            consumer = new Consumer(pause(300), cancelsInside ? random.nextInt(1, 30) : Integer.MAX_VALUE);
            maxBytes = random.nextBoolean() ? SpillOptions.MAX_BYTES_MIN : SpillOptions.MAX_BYTES_DEFAULT;
            startsLate = random.nextInt(3) == 0;
            requests = shape.race == Race.CANCEL ? 0 : random.nextInt(1, 40);
            requestMax = random.nextInt(1, 12);
            requestPause = pause(2_000);
            takesUpAtOnce = random.nextInt(4) == 0;
            if (!startsLate) {
                subscribe();
            }
        }

        /** Often none, so that threads come as close as they can. */
        private int pause(int max) {
            return random.nextBoolean() ? 0 : random.nextInt(max);
        }

        private void subscribe() {
            source.transform(Overflow.spillToDisk(
                            SpillFixture.DIRECTORY, SpillFixture.NUMBERS, CAPACITY, this::configure))
                    .subscribe(consumer);
        }

        private void configure(SpillOptions<Integer> options) {
            options.store(store)
                    .runtime(runtime)
                    .maxBytes(maxBytes)
                    .segmentBytes(SpillFixture.SEGMENT_BYTES)
                    .bufferBytes(SpillOptions.BUFFER_BYTES_MIN)
                    .whenFull(shape.whenFull)
                    .onSpilled(spilled::set)
                    .onDropped(dropped::add);
            if (shape.recovers) {
                options.recoverOnSubscribe();
            }
        }

        void emit() {
            if (startsLate) {
                subscribe();
            }
            source.emit(shape.end);
        }

        void consume() {
            await(() -> consumer.subscription != null, this);
            for (int i = 0; i < requests; i++) {
                consumer.request(random.nextInt(1, requestMax + 1));
                busy(requestPause);
            }
            if (shape.race != Race.REQUEST && !cancelsInside) {
                busy(requestPause * random.nextInt(10));
                consumer.cancel();
            }
        }

        /** Until nothing happens any more. */
        void settle() {
            if (!consumer.cancelled) {
                consumer.request(Long.MAX_VALUE);
                await(
                        () -> consumer.end != null
                                || consumer.cancelled
                                || (shape.end == End.NONE && consumer.gone.get() == source.produced),
                        this);
                if (consumer.end == null) {
                    consumer.cancel();
                }
            }
            if (shape.recovers && takesUpAtOnce) {
                heir = takeUp();
            }
            await(runtime::isQuiet, this);
            if (shape.recovers && !takesUpAtOnce) {
                heir = takeUp();
                await(runtime::isQuiet, this);
            }
        }

        /** A subscription that begins with what the first has left. */
        private Consumer takeUp() {
            Consumer next = new Consumer(0, Integer.MAX_VALUE);
            Flux.<Integer>empty()
                    .transform(Overflow.spillToDisk(
                            SpillFixture.DIRECTORY, SpillFixture.NUMBERS, CAPACITY, this::configure))
                    .subscribe(next);
            next.request(Long.MAX_VALUE);
            await(() -> next.end != null, this + ", taken up");
            return next;
        }

        void check() {
            assertThat(runtime.failures()).as("thrown by tasks, %s", this).isEmpty();
            assertThat(runtime.openWorkers()).as("workers left, %s", this).isZero();
            // a cancellation may come before it is made
            if (store.exists(SpillFixture.DIRECTORY)) {
                assertThat(store.list(SpillFixture.DIRECTORY))
                        .as("files left, %s", this)
                        .isEmpty();
                store.lock(SpillFixture.DIRECTORY).close();
            }
            consumer.checkSignals(this);
            checkEnd();
            checkAccounts();
        }

        private void checkEnd() {
            if (consumer.end == null) {
                assertThat(consumer.cancelled).as("cancelled, %s", this).isTrue();
            } else if (consumer.end.equals("overflow")) {
                assertThat(shape.whenFull).as(this::toString).isEqualTo(OverflowStrategy.ERROR);
                assertThat(source.cancelled).as("the source, %s", this).isTrue();
            } else {
                assertThat(consumer.end).as(this::toString).isEqualTo(shape.end.toString());
            }
        }

        /** Plainly, since it is done for each element. */
        private void checkAccounts() {
            int[] received = new int[source.produced];
            int[] takenUp = new int[source.produced];
            int last = count(consumer.received, received, -1);
            if (heir != null) {
                heir.checkSignals(this);
                count(heir.received, takenUp, last);
            }
            BitSet droppedOnes = new BitSet();
            for (int element : dropped) {
                verify(!droppedOnes.get(element), element, "is dropped twice");
                droppedOnes.set(element);
            }
            verify(
                    shape.whenFull != OverflowStrategy.BLOCK || droppedOnes.isEmpty(),
                    droppedOnes.nextSetBit(0),
                    "is dropped");
            boolean all = consumer.end != null || shape.recovers;
            int both = 0;
            for (int element = 0; element < source.produced; element++) {
                int discarded = consumer.discarded.get(element);
                int left = received[element] + discarded;
                verify(left <= 1, element, "is received " + received[element] + " times, discarded " + discarded);
                verify(!droppedOnes.get(element) || discarded == 1, element, "is dropped and not discarded");
                verify(takenUp[element] == 0 || spilled.get(element), element, "is taken up and was not spilled");
                verify(takenUp[element] == 0 || consumer.end == null, element, "is left though there was an end");
                left += takenUp[element];
                if (left == 0) {
                    verify(!all, element, "is lost");
                    verify(spilled.get(element), element, "is lost, and was not spilled");
                }
                both += left > 1 ? 1 : 0;
                if (shape.whenFull == OverflowStrategy.BLOCK && consumer.end != null) {
                    verify(received[element] == 1, element, "is not received though there was an end");
                }
            }
            // what was on its way from the files to the consumer: an object that is let go, and bytes that stay
            verify(both <= CAPACITY, both, "elements are let go and taken up");
        }

        /** Counts each element, which come in order; the last. */
        private int count(List<Integer> elements, int[] counts, int previous) {
            int last = previous;
            for (int element : elements) {
                verify(element > last, element, "comes behind " + last);
                last = element;
                counts[element]++;
            }
            return last;
        }

        private void verify(boolean asItShould, int element, String what) {
            if (!asItShould) {
                throw new AssertionError(element + " " + what + ": " + this);
            }
        }

        @Override
        public String toString() {
            return shape + ", round " + number + ", seed " + SEED + ", maxBytes " + maxBytes + ", produced "
                    + source.produced + " of " + source.elements + ", received " + consumer.received.size() + ", end "
                    + consumer.end + ", cancelled " + consumer.cancelled + ", let go " + consumer.letGo() + ", dropped "
                    + dropped + ", thrown " + runtime.failures() + ", spilled " + spilled + ", taken up "
                    + (heir == null ? "-" : heir.received.toString());
        }
    }

    /** Keeps what it gets in plain collections: signals that come one at a time are ordered. */
    private static final class Consumer implements CoreSubscriber<Integer> {

        final List<Integer> received = new ArrayList<>();
        final AtomicIntegerArray discarded = new AtomicIntegerArray(ELEMENTS_MAX);

        /** Received or discarded. */
        final AtomicInteger gone = new AtomicInteger();

        volatile @Nullable Subscription subscription;
        volatile boolean cancelled;
        volatile @Nullable String end;

        private final Queue<String> breaches = new ConcurrentLinkedQueue<>();
        private final AtomicInteger inside = new AtomicInteger();
        private final AtomicLong requested = new AtomicLong();
        private final int pause;
        private final int cancelsAt;

        Consumer(int pause, int cancelsAt) {
            this.pause = pause;
            this.cancelsAt = cancelsAt;
        }

        void request(long n) {
            requested.accumulateAndGet(n, Operators::addCap);
            subscription().request(n);
        }

        void cancel() {
            cancelled = true;
            subscription().cancel();
        }

        private Subscription subscription() {
            Subscription s = subscription;
            if (s == null) {
                throw new IllegalStateException("not subscribed yet");
            }
            return s;
        }

        void checkSignals(Object round) {
            assertThat(breaches).as(round::toString).isEmpty();
            assertThat((long) received.size()).as("requested, %s", round).isLessThanOrEqualTo(requested.get());
        }

        List<Integer> letGo() {
            return IntStream.range(0, ELEMENTS_MAX)
                    .filter(element -> discarded.get(element) > 0)
                    .boxed()
                    .toList();
        }

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), element -> {
                discarded.incrementAndGet((Integer) element);
                gone.incrementAndGet();
            });
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(Integer element) {
            enter("onNext(" + element + ")");
            received.add(element);
            if (received.size() > requested.get()) {
                breaches.add(element + " was not requested");
            }
            if (received.size() == cancelsAt) {
                cancel();
            } else {
                busy(pause);
            }
            gone.incrementAndGet();
            inside.decrementAndGet();
        }

        @Override
        public void onError(Throwable failure) {
            enter("onError");
            end = Exceptions.isOverflow(failure)
                    ? "overflow"
                    : failure instanceof AsTheTestSays ? End.ERROR.toString() : failure.toString();
            inside.decrementAndGet();
        }

        @Override
        public void onComplete() {
            enter("onComplete");
            end = End.COMPLETE.toString();
            inside.decrementAndGet();
        }

        private void enter(String signal) {
            if (inside.getAndIncrement() != 0) {
                breaches.add(signal + " inside another signal");
            }
            if (end != null) {
                breaches.add(signal + " after the end");
            }
        }
    }

    private static final class AsTheTestSays extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Emits as much as is asked for, as a well-behaved source. */
    private static final class Source extends Flux<Integer> implements Subscription {

        /** How often it looks for demand before it ends. */
        private static final int PATIENCE = 2_000;

        final int elements;
        volatile int produced;
        volatile boolean cancelled;

        private final AtomicLong requested = new AtomicLong();
        private final int pause;

        @SuppressWarnings("NullAway.Init") // by subscribe, first of all
        private CoreSubscriber<? super Integer> subscriber;

        Source(int elements, int pause) {
            this.elements = elements;
            this.pause = pause;
        }

        @Override
        public void subscribe(CoreSubscriber<? super Integer> actual) {
            subscriber = actual;
            actual.onSubscribe(this);
        }

        @SuppressWarnings({"NonAtomicVolatileUpdate", "ThreadPriorityCheck"}) // one writes; demand comes from others
        void emit(End end) {
            int idle = 0;
            while (produced < elements && !cancelled && idle < PATIENCE) {
                if (produced < requested.get()) {
                    idle = 0;
                    int element = produced;
                    produced++;
                    subscriber.onNext(element);
                    busy(pause);
                } else {
                    idle++;
                    Thread.yield();
                }
            }
            switch (end) {
                case COMPLETE -> subscriber.onComplete();
                case ERROR -> subscriber.onError(new AsTheTestSays());
                case NONE -> {}
            }
        }

        @Override
        public void request(long n) {
            requested.accumulateAndGet(n, Operators::addCap);
        }

        @Override
        public void cancel() {
            cancelled = true;
        }
    }
}
