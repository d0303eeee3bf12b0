package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowTest.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of signals on one thread, beside a model that is plain enough to be right. Both write down what they do, in
 * order; the two logs have to be equal. The consumer acts inside onNext, too: it requests, makes the source send, cancels.
 */
@DisplayName("Overflow beside its model:")
class OverflowModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final int STEPS_MAX = 30;

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "the overflow of error is reported as Reactor reports its own; then the source fails, too")
    @DisplayName("M11 random sequences of send, request, cancel, complete and fail end as the model says:")
    void sequences(Kind kind) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence real = new Sequence(kind, new SplittableRandom(seed));
            try {
                real.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this; so far: " + real.log, e);
            }
            if (!real.log.equals(real.model.log)) {
                assertThat(real.log)
                        .as("-Dreactivemq.seed=%s replays this; capacity %s, steps %s", seed, real.capacity, real.steps)
                        .isEqualTo(real.model.log);
            }
        }
    }

    /** One sequence, run against the operator, the model following. */
    private static final class Sequence implements CoreSubscriber<Integer> {

        final List<String> log = new ArrayList<>();
        final List<String> steps = new ArrayList<>();
        final int capacity;

        /** How many keys there are, where elements have keys. */
        final int keys;

        final Model model;

        private final SplittableRandom random;
        private final Kind kind;
        private final ManualSource source = new ManualSource();

        /** What the consumer does inside onNext of the element of that number. */
        private final String[] reactions = new String[200];

        private int sent;
        private boolean ended;
        private boolean inside;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        private Subscription subscription;

        Sequence(Kind kind, SplittableRandom random) {
            this.kind = kind;
            this.random = random;
            capacity = random.nextInt(1, 6);
            for (int i = 0; i < reactions.length; i++) {
                reactions[i] = switch (random.nextInt(20)) {
                    case 0, 1, 2 -> "request";
                    case 3, 4 -> "send";
                    case 5 -> random.nextInt(4) == 0 ? "cancel" : "";
                    case 6 -> random.nextInt(4) == 0 ? "complete" : "";
                    default -> "";
                };
            }
            keys = kind == Kind.CONFLATE ? random.nextInt(1, 9) : Integer.MAX_VALUE;
            model = new Model(kind, capacity, keys, reactions);
        }

        void run() {
            source.transform(operator(o -> o.onDropped(element -> log.add("dropped " + element))))
                    .subscribe(this);
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                switch (random.nextInt(16)) {
                    case 0, 1, 2, 3, 4, 5, 6, 7 -> step("send");
                    case 8, 9, 10, 11 -> request(random.nextInt(1, 4));
                    case 12 -> request(random.nextInt(1, 12));
                    case 13 -> step(random.nextInt(8) == 0 ? "cancel" : "send");
                    case 14 -> step(random.nextInt(8) == 0 ? "complete" : "send");
                    default -> step(random.nextInt(8) == 0 ? "fail" : "send");
                }
            }
            request(1000);
            request(1000);
        }

        private Function<Flux<Integer>, Flux<Integer>> operator(Consumer<OverflowOptions<Integer>> options) {
            return kind == Kind.CONFLATE
                    ? Overflow.conflate(element -> element % keys, capacity, options)
                    : kind.of(capacity, options);
        }

        private void request(int n) {
            steps.add("request " + n);
            subscription.request(n);
            model.request(n);
            checkOutstanding();
        }

        private void step(String what) {
            steps.add(what);
            act(what);
            model.act(what);
            checkOutstanding();
        }

        private void checkOutstanding() {
            if (kind == Kind.BLOCK && source.requested.get() - model.emitted > capacity) {
                throw new AssertionError("requested " + source.requested + " with " + model.emitted + " consumed");
            }
        }

        private void act(String what) {
            switch (what) {
                case "send" -> send();
                case "request" -> subscription.request(1);
                case "cancel" -> subscription.cancel();
                case "complete" -> {
                    if (!ended) {
                        ended = true;
                        source.complete();
                    }
                }
                case "fail" -> {
                    if (!ended) {
                        ended = true;
                        source.fail(new IllegalStateException("down"));
                    }
                }
                default -> {}
            }
        }

        /** As a lawful source does: not after the end, and with block not more than is requested. */
        private void send() {
            if (!ended && sent < source.requested.get()) {
                source.next(sent++);
            }
        }

        @Override
        public Context currentContext() {
            return Operators.enableOnDiscard(Context.empty(), element -> log.add("discarded " + element));
        }

        @Override
        public void onSubscribe(Subscription s) {
            subscription = s;
        }

        @Override
        public void onNext(Integer element) {
            if (inside) {
                throw new AssertionError("onNext(" + element + ") inside onNext");
            }
            inside = true;
            log.add("next " + element);
            act(reactions[element]);
            inside = false;
        }

        @Override
        public void onError(Throwable failure) {
            log.add(
                    failure instanceof IllegalStateException && "down".equals(failure.getMessage())
                            ? "failed"
                            : "overflow");
        }

        @Override
        public void onComplete() {
            log.add("completed");
        }
    }

    /** What the operator does, on one thread, said as plainly as possible. */
    private static final class Model {

        final List<String> log = new ArrayList<>();
        long emitted;

        private final Kind kind;
        private final int capacity;
        private final int keys;
        private final String[] reactions;
        private final List<Integer> waiting = new ArrayList<>();
        private long demand;
        private long room;
        private int sent;
        private boolean emitting;
        private boolean cancelled;
        private boolean sourceEnded;
        private @Nullable String end;
        private boolean ended;

        Model(Kind kind, int capacity, int keys, String[] reactions) {
            this.kind = kind;
            this.capacity = capacity;
            this.keys = keys;
            this.reactions = reactions;
            this.room = kind == Kind.BLOCK ? capacity : Long.MAX_VALUE;
        }

        void act(String what) {
            switch (what) {
                case "send" -> send();
                case "request" -> request(1);
                case "cancel" -> cancel();
                case "complete" -> end("completed");
                case "fail" -> end("failed");
                default -> {}
            }
        }

        void request(int n) {
            demand += n;
            drain();
        }

        private void cancel() {
            cancelled = true;
            waiting.forEach(element -> log.add("discarded " + element));
            waiting.clear();
        }

        private void end(String how) {
            if (!sourceEnded) {
                sourceEnded = true;
                if (end == null) {
                    end = how;
                    drain();
                }
            }
        }

        private void send() {
            if (sourceEnded || sent >= room) {
                return;
            }
            int element = sent++;
            if (cancelled || end != null) {
                log.add("discarded " + element);
                return;
            }
            if (!emitting && demand > 0) {
                waiting.add(element);
            } else if (replaced(element)) {
                return;
            } else if (waiting.size() < capacity) {
                waiting.add(element);
            } else {
                switch (kind) {
                    case DROP_OLDEST, CONFLATE -> {
                        waiting.add(element);
                        drop(waiting.remove(0));
                    }
                    case DROP_NEWEST -> drop(element);
                    case ERROR -> {
                        end = "overflow";
                        drop(element);
                    }
                    case BLOCK -> throw new AssertionError("the source is lawful");
                }
            }
            drain();
        }

        private boolean replaced(int element) {
            for (int i = 0; i < waiting.size(); i++) {
                if (waiting.get(i) % keys == element % keys) {
                    drop(waiting.set(i, element));
                    return true;
                }
            }
            return false;
        }

        private void drop(int element) {
            log.add("dropped " + element);
            log.add("discarded " + element);
        }

        private void drain() {
            if (emitting || cancelled) {
                return;
            }
            while (!cancelled && demand > 0 && !waiting.isEmpty()) {
                int element = waiting.remove(0);
                demand--;
                emitted++;
                emitting = true;
                log.add("next " + element);
                act(reactions[element]);
                emitting = false;
                replenish();
            }
            if (!cancelled && waiting.isEmpty() && end != null && !ended) {
                ended = true;
                log.add(end);
            }
        }

        /** When three quarters of the capacity are consumed, as many are asked for again. */
        private void replenish() {
            int batch = capacity - capacity / 4;
            if (kind == Kind.BLOCK && emitted % batch == 0) {
                room += batch;
            }
        }
    }
}
