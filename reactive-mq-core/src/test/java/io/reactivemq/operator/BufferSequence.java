package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * One random sequence of calls on one thread, run against a buffer, a plain model following. Both write down what they do, in order; the two
 * logs have to be equal. The consumer acts inside onNext, too.
 */
abstract class BufferSequence implements CoreSubscriber<Integer> {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final int STEPS_MAX = 30;

    final List<String> log = new ArrayList<>();
    final SplittableRandom random;
    final int capacity;

    /** How many keys there are, where elements have keys. */
    final int keys;

    /** What the consumer does inside onNext of the element of that number. */
    final String[] reactions = new String[200];

    private final List<String> steps = new ArrayList<>();
    private final String bring;
    private boolean inside;

    /** @param bring what the step is called that brings the next element */
    BufferSequence(SplittableRandom random, boolean hasKeys, String bring) {
        this.random = random;
        this.bring = bring;
        capacity = random.nextInt(1, 6);
        keys = hasKeys ? random.nextInt(1, 9) : Integer.MAX_VALUE;
        for (int i = 0; i < reactions.length; i++) {
            reactions[i] = switch (random.nextInt(20)) {
                case 0, 1, 2 -> "request";
                case 3, 4 -> bring;
                case 5 -> random.nextInt(4) == 0 ? "cancel" : "";
                case 6 -> random.nextInt(4) == 0 ? "complete" : "";
                default -> "";
            };
        }
    }

    /** Runs as many as the default build has time for, or the one of {@code -Dreactivemq.seed}. */
    static void runAll(Function<SplittableRandom, BufferSequence> sequence) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            BufferSequence real = sequence.apply(new SplittableRandom(seed));
            try {
                real.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this; so far: " + real.log, e);
            }
            if (!real.log.equals(real.model().log)) {
                assertThat(real.log)
                        .as("-Dreactivemq.seed=%s replays this; capacity %s, steps %s", seed, real.capacity, real.steps)
                        .isEqualTo(real.model().log);
            }
        }
    }

    abstract Model model();

    /** Does to the buffer what the step is called. */
    abstract void act(String step);

    abstract void requestOfBuffer(long n);

    /** Behind each step. */
    abstract void check();

    /** Behind the random steps, so that all that waits comes out. */
    abstract void finish();

    private void run() {
        int count = random.nextInt(STEPS_MAX);
        for (int i = 0; i < count; i++) {
            switch (random.nextInt(17)) {
                case 0, 1, 2, 3, 4, 5, 6, 7 -> step(bring);
                case 8, 9, 10, 11 -> request(random.nextInt(1, 4));
                case 12 -> request(random.nextInt(1, 12));
                case 13 -> step(random.nextInt(8) == 0 ? "cancel" : bring);
                case 14 -> step(random.nextInt(8) == 0 ? "complete" : bring);
                case 15 -> step("subscribe");
                default -> step(random.nextInt(8) == 0 ? "fail" : bring);
            }
        }
        finish();
        request(1000);
        request(1000);
    }

    final void step(String what) {
        steps.add(what);
        act(what);
        model().act(what);
        check();
    }

    private void request(int n) {
        steps.add("request " + n);
        requestOfBuffer(n);
        model().request(n);
        check();
    }

    @Override
    public final Context currentContext() {
        return Operators.enableOnDiscard(Context.empty(), element -> log.add("discarded " + element));
    }

    @Override
    public final void onNext(Integer element) {
        if (inside) {
            throw new AssertionError("onNext(" + element + ") inside onNext");
        }
        inside = true;
        log.add("next " + element);
        act(reactions[element]);
        inside = false;
    }

    @Override
    public final void onError(Throwable failure) {
        log.add(
                failure instanceof IllegalStateException && "down".equals(failure.getMessage())
                        ? "failed"
                        : "overflow");
    }

    @Override
    public final void onComplete() {
        log.add("completed");
    }

    /** What a buffer does, on one thread, said as plainly as possible. */
    abstract static class Model {

        final List<String> log = new ArrayList<>();
        final List<Integer> waiting = new ArrayList<>();
        final int capacity;
        long demand;
        long emitted;
        boolean emitting;
        boolean subscribed;
        boolean cancelled;

        /** What the end is called, once there is one. */
        @Nullable String end;

        private final int keys;
        private final String[] reactions;
        private boolean ended;

        Model(BufferSequence sequence) {
            this.capacity = sequence.capacity;
            this.keys = sequence.keys;
            this.reactions = sequence.reactions;
        }

        abstract void act(String step);

        /** Behind each element that was emitted. */
        abstract void replenish();

        final void request(int n) {
            if (subscribed) {
                demand += n;
                drain();
            }
        }

        /** Whether the element took the place of one with the same key. */
        final boolean replaced(int element) {
            for (int i = 0; i < waiting.size(); i++) {
                if (waiting.get(i) % keys == element % keys) {
                    drop(waiting.set(i, element));
                    return true;
                }
            }
            return false;
        }

        final void drop(int element) {
            log.add("dropped " + element);
            if (subscribed) {
                log.add("discarded " + element);
            }
        }

        final void drain() {
            if (emitting || !subscribed) {
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
