package io.reactivemq.operator;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;
import reactor.core.publisher.Sinks;
import reactor.util.context.Context;
import reactor.util.retry.Retry;

/**
 * Random sequences of signals on one thread. After each it is checked what has to hold, from a plain list of the elements and
 * what became of each; the consumer acts inside onNext, too.
 */
@DisplayName("KeyOrdered beside its model:")
class KeyOrderedModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 25_000);
    private static final int STEPS_MAX = 40;
    private static final int KEYS = 4;
    private static final int FIRST_RESULT = 1_000_000;

    enum Kind {
        FAIL_FAST,
        DELAY_ERRORS,
        RETRY,
        AT_ONCE
    }

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = Dropped.ERROR,
            because = "a second failure, or one that waits for the end when the consumer cancels, has nobody to go to")
    @DisplayName(
            "M08 Q04 random sequences of elements, results, failures, demand and cancellation keep order, bounds and accounts:")
    void sequences(Kind kind) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence sequence = new Sequence(kind, new SplittableRandom(seed));
            try {
                sequence.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "-Dreactivemq.seed=" + seed + " replays this; " + sequence.describe() + ": " + sequence.steps,
                        e);
            }
        }
    }

    private static final class Sequence implements CoreSubscriber<Integer> {

        final List<String> steps = new ArrayList<>();

        private final Kind kind;
        private final SplittableRandom random;
        private final int concurrency;
        private final int maxWaiting;
        private final int prefetch;
        private final ManualSource source = new ManualSource();
        private final List<Element> elements = new ArrayList<>();
        private final Deque<Element> backingOff = new ArrayDeque<>();
        private final List<Integer> discarded = new ArrayList<>();
        private boolean sourceEnded;
        private boolean cancelled;
        private boolean failed;
        private boolean inside;
        private long demand;
        private long received;
        private @Nullable String end;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        private Subscription subscription;

        Sequence(Kind kind, SplittableRandom random) {
            this.kind = kind;
            this.random = random;
            concurrency = random.nextInt(1, 4);
            maxWaiting = random.nextInt(1, 6);
            prefetch = random.nextInt(1, 4);
        }

        String describe() {
            return kind + " with concurrency " + concurrency + ", " + maxWaiting + " waiting, prefetch " + prefetch;
        }

        void run() {
            source.transform(KeyOrdered.<Integer, Integer>flatMap(
                            number -> elements.get(number).key, this::handle, concurrency, o -> {
                                o.maxWaiting(maxWaiting).prefetch(prefetch);
                                if (kind == Kind.DELAY_ERRORS) {
                                    o.delayErrors();
                                } else if (kind == Kind.RETRY) {
                                    o.retry(Retry.from(failures -> failures.concatMap(failure -> gate())));
                                }
                            }))
                    .subscribe(this);
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                act(random.nextInt(20));
                check();
            }
            request(1_000);
            check();
            for (int i = 0; i < 200 && end == null && !cancelled; i++) {
                act(i % 2 == 0 ? 7 : 14);
                act(11);
                if (i % 16 == 0) {
                    check();
                }
            }
            if (!sourceEnded) {
                sourceEnded = true;
                source.complete();
            }
            check();
            if (end == null && !cancelled) {
                throw new AssertionError("it does not end");
            }
        }

        private void act(int what) {
            switch (what) {
                case 0, 1, 2, 3, 4, 5, 6 -> send();
                case 7, 8, 9, 10 -> withPublisher(Handling::sendNext, "result of ");
                case 11, 12, 13 -> {
                    if (!backingOff.isEmpty() && random.nextBoolean()) {
                        answer();
                    } else {
                        withPublisher(Handling::complete, "end of ");
                    }
                }
                case 14 -> {
                    if (!backingOff.isEmpty()) {
                        answer();
                    } else {
                        withPublisher(Handling::complete, "end of ");
                    }
                }
                case 15, 16 -> request(random.nextInt(1, 4));
                case 17 -> {
                    if (!sourceEnded && (elements.size() > 3 || random.nextInt(4) == 0)) {
                        sourceEnded = true;
                        steps.add("complete");
                        source.complete();
                    }
                }
                case 18 -> {
                    int dice = random.nextInt(6);
                    if (dice == 0) {
                        steps.add("cancel");
                        cancelled = true;
                        subscription.cancel();
                    } else if (dice == 1 && !sourceEnded) {
                        sourceEnded = true;
                        failed = true;
                        steps.add("source fails");
                        source.fail(new IllegalStateException("source"));
                    }
                }
                default -> {
                    if (random.nextInt(3) == 0) {
                        withPublisher(Handling::fail, "failure of ");
                    }
                }
            }
        }

        /** The retry policy lets the one that has waited longest try again. */
        private void answer() {
            Element element = backingOff.remove();
            steps.add("answer for " + element);
            element.backsOff = false;
            element.again = true;
            element.gate.tryEmitValue(1L).orThrow();
        }

        private void send() {
            if (!sourceEnded && elements.size() < source.requested.get()) {
                Element element = new Element(elements.size(), random.nextInt(KEYS));
                elements.add(element);
                steps.add("send " + element);
                source.next(element.number);
            }
        }

        private void request(int n) {
            steps.add("request " + n);
            demand += n;
            subscription.request(n);
        }

        private void withPublisher(java.util.function.Consumer<Handling> action, String name) {
            List<Element> able = new ArrayList<>();
            for (Element element : elements) {
                if (element.publisher != null && element.publisher.live) {
                    able.add(element);
                }
            }
            if (!able.isEmpty()) {
                Element element = able.get(random.nextInt(able.size()));
                steps.add(name + element);
                action.accept(java.util.Objects.requireNonNull(element.publisher));
            }
        }

        private Publisher<Integer> handle(Integer number) {
            Element element = elements.get(number);
            if (element.handled) {
                throw new AssertionError(element + " is handled twice");
            }
            element.handled = true;
            for (Element other : elements.subList(0, number)) {
                if (other.key == element.key && !other.isFinished()) {
                    throw new AssertionError(element + " is handled before the end of " + other);
                }
            }
            if (kind == Kind.AT_ONCE && number % 4 != 3) {
                element.ended = true;
                if (number % 4 == 0) {
                    return Mono.empty();
                }
                element.produced = 1;
                return number % 4 == 1 ? Mono.just(element.result(0)) : Mono.fromCallable(() -> element.result(0));
            }
            Handling publisher = new Handling(element);
            element.publisher = publisher;
            return publisher;
        }

        private Mono<Long> gate() {
            // the one that has just failed
            for (Element element : elements) {
                if (element.failing && element.produced == element.received) {
                    element.failing = false;
                    element.gate = Sinks.one();
                    element.backsOff = true;
                    backingOff.add(element);
                    return element.gate.asMono();
                }
            }
            throw new AssertionError("nobody has failed");
        }

        /** What has to hold whenever no signal is under way. */
        private void check() {
            if (inside) {
                return;
            }
            boolean over = cancelled || end != null;
            int running = 0;
            int wanting = 0;
            int waiting = 0;
            boolean held = false;
            boolean allFinished = true;
            boolean[] busy = new boolean[KEYS];
            for (Element element : elements) {
                if (over) {
                    element.checkLetGo();
                    continue;
                }
                if (element.isFinished()) {
                    continue;
                }
                allFinished = false;
                boolean first = !busy[element.key];
                busy[element.key] = true;
                if (element.handled) {
                    require(first, element + " runs out of order");
                    if (element.backsOff) {
                        waiting++;
                    } else if (element.again) {
                        waiting++;
                        wanting++;
                    } else {
                        running++;
                        held |= element.produced > element.received;
                    }
                } else {
                    waiting++;
                    wanting += first ? 1 : 0;
                }
            }
            if (over) {
                return;
            }
            require(running <= concurrency, running + " run");
            require(wanting == 0 || running == concurrency, wanting + " keys want a place, " + running + " run");
            require(!held || demand == received, "results are held though " + (demand - received) + " are requested");
            require(received <= demand, "emitted " + received + " of " + demand);
            long outstanding = source.requested.get() - elements.size();
            int more = kind == Kind.RETRY ? concurrency : 0;
            require(outstanding + waiting <= maxWaiting + more, outstanding + " requested, " + waiting + " waiting");
            require(
                    sourceEnded || outstanding > 0 || waiting >= maxWaiting,
                    "nothing requested, " + waiting + " waiting");
            require(!sourceEnded || !allFinished, "all is done, and it does not end");
            require(!(sourceEnded && failed && kind != Kind.DELAY_ERRORS), "it does not fail");
        }

        private static void require(boolean condition, String otherwise) {
            if (!condition) {
                throw new AssertionError(otherwise);
            }
        }

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), value -> {
                Integer number = (Integer) value;
                require(!discarded.contains(number), number + " is discarded twice");
                discarded.add(number);
            });
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(Integer result) {
            require(!inside && end == null, "onNext inside onNext, or after the end");
            inside = true;
            received++;
            Element element = elements.get((result - FIRST_RESULT) / 1000);
            require(
                    result == element.result(element.received),
                    "result " + result + " of " + element + " out of order");
            element.received++;
            if (random.nextInt(3) == 0) {
                act(random.nextInt(20));
            }
            inside = false;
        }

        @Override
        public void onError(Throwable failure) {
            require(end == null, "a second end");
            require(failed, "it fails by itself: " + failure);
            end = "failed";
        }

        @Override
        public void onComplete() {
            require(end == null, "a second end");
            require(sourceEnded && !failed, "completed too early, or a failure is lost");
            for (Element element : elements) {
                require(element.isFinished(), "completed before " + element);
            }
            end = "completed";
        }

        private final class Element {
            final int number;
            final int key;
            boolean handled;
            boolean ended;
            boolean failing;
            boolean backsOff;

            /** Its policy has answered, and it waits for a place. */
            boolean again;

            int produced;
            int received;

            @Nullable Handling publisher;

            Sinks.One<Long> gate = Sinks.one();

            Element(int number, int key) {
                this.number = number;
                this.key = key;
            }

            int result(int index) {
                return FIRST_RESULT + number * 1000 + index;
            }

            boolean isFinished() {
                return ended && produced == received;
            }

            void checkLetGo() {
                boolean gone = discarded.contains(number);
                require(handled != gone, this + (gone ? " is handled and discarded" : " is lost"));
                for (int i = 0; i < produced; i++) {
                    boolean letGo = discarded.contains(result(i));
                    require(letGo == (i >= received), "result " + i + " of " + this + (letGo ? " twice" : " is lost"));
                }
                if (publisher != null) {
                    require(!publisher.live, "the publisher of " + this + " runs on");
                }
            }

            @Override
            public String toString() {
                return number + " of key " + key;
            }
        }

        /** The publisher of an element; may be subscribed again after it failed. */
        private final class Handling extends Flux<Integer> implements Subscription {

            private final Element element;

            @SuppressWarnings("NullAway.Init") // by subscribe
            private CoreSubscriber<? super Integer> subscriber;

            private long asked;
            private int sent;
            boolean live;

            Handling(Element element) {
                this.element = element;
            }

            @Override
            public void subscribe(CoreSubscriber<? super Integer> actual) {
                require(!live, element + " is subscribed twice");
                subscriber = actual;
                live = true;
                asked = 0;
                sent = 0;
                element.again = false;
                element.backsOff = false;
                actual.onSubscribe(this);
            }

            void sendNext() {
                if (sent < asked) {
                    sent++;
                    subscriber.onNext(element.result(element.produced++));
                }
            }

            void complete() {
                live = false;
                element.ended = true;
                subscriber.onComplete();
            }

            void fail() {
                live = false;
                if (kind == Kind.RETRY) {
                    element.failing = true;
                } else {
                    element.ended = true;
                    failed = true;
                }
                subscriber.onError(new IllegalStateException("failure of " + element));
            }

            @Override
            public void request(long n) {
                asked += n;
                require(asked - sent <= prefetch, "requested " + asked + " with " + sent + " sent");
            }

            @Override
            public void cancel() {
                live = false;
            }
        }
    }
}
