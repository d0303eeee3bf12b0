package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowSinkTest.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of calls on one thread, beside a model that is plain enough to be right. Both write down what they do, in
 * order, and what each emission answers; the two logs have to be equal. The subscriber acts inside onNext, too: it requests,
 * emits, completes, cancels. It comes at any time.
 */
@DisplayName("Overflow.sink beside its model:")
class OverflowSinkModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final int STEPS_MAX = 30;

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 random sequences of emit, subscribe, request, cancel, complete and fail end as the model says:")
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

    /** One sequence, run against the sink, the model following. */
    private static final class Sequence implements CoreSubscriber<Integer> {

        final List<String> log = new ArrayList<>();
        final List<String> steps = new ArrayList<>();
        final int capacity;
        final Model model;

        private final SplittableRandom random;
        private final OverflowSink<Integer> sink;

        /** What the subscriber does inside onNext of the element of that number. */
        private final String[] reactions = new String[200];

        private int emitted;
        private boolean inside;

        private @Nullable Subscription subscription;

        Sequence(Kind kind, SplittableRandom random) {
            this.random = random;
            capacity = random.nextInt(1, 6);
            int keys = kind == Kind.CONFLATE ? random.nextInt(1, 9) : Integer.MAX_VALUE;
            for (int i = 0; i < reactions.length; i++) {
                reactions[i] = switch (random.nextInt(20)) {
                    case 0, 1, 2 -> "request";
                    case 3, 4 -> "emit";
                    case 5 -> random.nextInt(4) == 0 ? "cancel" : "";
                    case 6 -> random.nextInt(4) == 0 ? "complete" : "";
                    default -> "";
                };
            }
            model = new Model(kind, capacity, keys, reactions);
            sink = Overflow.sink(
                    capacity,
                    o -> (kind == Kind.CONFLATE ? o.conflate(element -> element % keys) : kind.applyTo(o))
                            .onDropped(element -> log.add("dropped " + element)));
        }

        void run() {
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                switch (random.nextInt(17)) {
                    case 0, 1, 2, 3, 4, 5, 6, 7 -> step("emit");
                    case 8, 9, 10, 11 -> request(random.nextInt(1, 4));
                    case 12 -> request(random.nextInt(1, 12));
                    case 13 -> step(random.nextInt(8) == 0 ? "cancel" : "emit");
                    case 14 -> step(random.nextInt(8) == 0 ? "complete" : "emit");
                    case 15 -> step("subscribe");
                    default -> step(random.nextInt(8) == 0 ? "fail" : "emit");
                }
                if (sink.depth() != model.waiting.size()) {
                    throw new AssertionError(sink.depth() + " wait, but should " + model.waiting);
                }
            }
            step("subscribe");
            request(1000);
            request(1000);
        }

        private void request(int n) {
            if (subscription != null) {
                steps.add("request " + n);
                subscription.request(n);
                model.request(n);
            }
        }

        private void step(String what) {
            steps.add(what);
            act(what);
            model.act(what);
        }

        private void act(String what) {
            switch (what) {
                case "emit" -> {
                    int element = emitted++;
                    log.add(element + " " + sink.emit(element));
                }
                case "request" -> {
                    if (subscription != null) {
                        subscription.request(1);
                    }
                }
                case "cancel" -> {
                    if (subscription != null) {
                        subscription.cancel();
                    }
                }
                case "subscribe" -> {
                    if (subscription == null) {
                        sink.asFlux().subscribe(this);
                    }
                }
                case "complete" -> log.add("complete " + sink.tryComplete());
                case "fail" -> log.add("fail " + sink.tryError(new IllegalStateException("down")));
                default -> {}
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

    /** What the sink does, on one thread, said as plainly as possible. */
    private static final class Model {

        final List<String> log = new ArrayList<>();
        final List<Integer> waiting = new ArrayList<>();

        private final Kind kind;
        private final int capacity;
        private final int keys;
        private final String[] reactions;
        private long demand;
        private int emitted;
        private boolean subscribed;
        private boolean handingOn;
        private boolean cancelled;
        private @Nullable String end;
        private boolean ended;

        Model(Kind kind, int capacity, int keys, String[] reactions) {
            this.kind = kind;
            this.capacity = capacity;
            this.keys = keys;
            this.reactions = reactions;
        }

        void act(String what) {
            switch (what) {
                case "emit" -> emit();
                case "request" -> request(1);
                case "cancel" -> cancel();
                case "subscribe" -> {
                    subscribed = true;
                    drain();
                }
                case "complete" -> log.add("complete " + end("completed"));
                case "fail" -> log.add("fail " + end("failed"));
                default -> {}
            }
        }

        void request(int n) {
            if (subscribed) {
                demand += n;
                drain();
            }
        }

        private void cancel() {
            if (subscribed && !cancelled) {
                cancelled = true;
                if (end == null) {
                    end = "cancelled";
                }
                drain();
            }
        }

        private boolean end(String how) {
            if (end != null) {
                return false;
            }
            end = how;
            drain();
            return true;
        }

        private void emit() {
            int element = emitted++;
            EmitOutcome outcome;
            if (cancelled) {
                outcome = EmitOutcome.CANCELLED;
            } else if (end != null) {
                outcome = EmitOutcome.TERMINATED;
            } else if (!handingOn && demand > 0) {
                waiting.add(element);
                drain();
                outcome = EmitOutcome.ACCEPTED;
            } else if (replaced(element)) {
                outcome = EmitOutcome.ACCEPTED_REPLACED;
            } else if (waiting.size() < capacity) {
                waiting.add(element);
                outcome = EmitOutcome.ACCEPTED;
            } else {
                outcome = full(element);
            }
            log.add(element + " " + outcome);
        }

        private EmitOutcome full(int element) {
            switch (kind) {
                case DROP_OLDEST, CONFLATE -> {
                    waiting.add(element);
                    drop(waiting.remove(0));
                    return EmitOutcome.ACCEPTED_OLDEST_DROPPED;
                }
                case DROP_NEWEST -> {
                    drop(element);
                    return EmitOutcome.DROPPED;
                }
                case BLOCK -> {
                    return EmitOutcome.TIMED_OUT;
                }
                case ERROR -> {
                    end = "overflow";
                    drop(element);
                    return EmitOutcome.OVERFLOWED;
                }
            }
            throw new AssertionError(kind);
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
            if (subscribed) {
                log.add("discarded " + element);
            }
        }

        private void drain() {
            if (handingOn || !subscribed) {
                return;
            }
            while (!cancelled && demand > 0 && !waiting.isEmpty()) {
                int element = waiting.remove(0);
                demand--;
                handingOn = true;
                log.add("next " + element);
                act(reactions[element]);
                handingOn = false;
            }
            if (cancelled) {
                waiting.forEach(element -> log.add("discarded " + element));
                waiting.clear();
            } else if (waiting.isEmpty() && end != null && !ended) {
                ended = true;
                log.add(end);
            }
        }
    }
}
