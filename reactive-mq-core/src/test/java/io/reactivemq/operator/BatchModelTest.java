package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of elements, demand, time, ends and cancellations in virtual time, beside a model that is plain enough to be right. Both
 * write down what they do; the two logs have to be equal. The consumer acts inside onNext, too. An element is its number; its weight follows
 * from that.
 */
@DisplayName("Batch beside its model:")
class BatchModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);
    private static final int STEPS_MAX = 25;

    @Test
    @AllowDropped(value = Dropped.ERROR, because = "a source that fails behind a cancellation has nobody to tell")
    @DisplayName("random sequences of send, request, time, cancel, complete and fail end as the model says")
    void sequences() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence real = new Sequence(new SplittableRandom(seed));
            try {
                real.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "-Dreactivemq.seed=" + seed + " replays this; steps " + real.steps + ", so far " + real.log, e);
            }
            if (!real.log.equals(real.model.log)) {
                assertThat(real.log)
                        .as("-Dreactivemq.seed=%s replays this; %s, steps %s", seed, real.model, real.steps)
                        .isEqualTo(real.model.log);
            }
        }
    }

    private static long weight(int element) {
        return element % 4;
    }

    private static final class Sequence implements CoreSubscriber<List<Integer>> {

        final List<String> log = new ArrayList<>();
        final List<String> steps = new ArrayList<>();
        final Model model;

        private final SplittableRandom random;
        private final ManualRuntime runtime = new ManualRuntime();
        private final ManualSource source = new ManualSource();

        /** What the consumer does inside onNext of the batch of that number. */
        private final String[] reactions = new String[60];

        private int batches;
        private int sent;
        private boolean ended;
        private boolean inside;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        private Subscription subscription;

        Sequence(SplittableRandom random) {
            this.random = random;
            for (int i = 0; i < reactions.length; i++) {
                reactions[i] = switch (random.nextInt(16)) {
                    case 0, 1 -> "request";
                    case 2, 3 -> "send";
                    case 4 -> random.nextInt(4) == 0 ? "cancel" : "send";
                    case 5 -> random.nextInt(4) == 0 ? "complete" : "";
                    default -> "";
                };
            }
            int size = random.nextInt(1, 6);
            model = new Model(size, random.nextInt(1, 9), random.nextInt(1, 5), size + random.nextInt(0, 6), reactions);
        }

        void run() {
            source.transform(Batch.<Integer>bySizeOrTime(
                            model.size,
                            model.weightMax,
                            BatchModelTest::weight,
                            Duration.ofSeconds(model.time),
                            o -> o.prefetch(model.prefetch).runtime(runtime)))
                    .subscribe(this);
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                switch (random.nextInt(16)) {
                    case 0, 1, 2, 3, 4, 5, 6, 7 -> step("send");
                    case 8, 9 -> step("request");
                    case 10, 11, 12 -> time(random.nextInt(1, 4));
                    case 13 -> step(random.nextInt(6) == 0 ? "cancel" : "send");
                    case 14 -> step(random.nextInt(6) == 0 ? "complete" : "send");
                    default -> step(random.nextInt(6) == 0 ? "fail" : "request");
                }
            }
            for (int i = 0; i < 12; i++) {
                step("request");
            }
            time(10);
            if (ended || model.cancelled) {
                assertThat(runtime.pendingTasks()).isZero();
            }
        }

        private void step(String what) {
            steps.add(what);
            act(what);
            model.act(what);
            if (source.requested.get() - model.emittedElements > model.prefetch) {
                throw new AssertionError(source.requested + " requested, " + model.emittedElements + " emitted");
            }
            boolean held = model.open.size() + model.closedElements() >= model.prefetch;
            if (!ended && !model.cancelled && !held && source.requested.get() == sent) {
                throw new AssertionError("nothing is requested, though there is room");
            }
        }

        private void time(int seconds) {
            steps.add("time " + seconds);
            for (int i = 0; i < seconds; i++) {
                runtime.advanceBy(Duration.ofSeconds(1));
                model.second();
            }
        }

        private void act(String what) {
            switch (what) {
                case "send" -> {
                    if (!ended && sent < source.requested.get()) {
                        model.mayCome++;
                        source.next(sent++);
                    }
                }
                case "request" -> subscription.request(1);
                case "cancel" -> subscription.cancel();
                case "complete", "fail" -> {
                    if (!ended) {
                        ended = true;
                        if (what.equals("fail")) {
                            source.fail(new IllegalStateException("down"));
                        } else {
                            source.complete();
                        }
                    }
                }
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
        public void onNext(List<Integer> batch) {
            if (inside) {
                throw new AssertionError("onNext inside onNext");
            }
            inside = true;
            log.add("next " + batch);
            act(reactions[batches++]);
            inside = false;
        }

        @Override
        public void onError(Throwable failure) {
            log.add("failed");
        }

        @Override
        public void onComplete() {
            log.add("completed");
        }
    }

    /** What the operator does, on one thread, said as plainly as possible. */
    private static final class Model {

        final List<String> log = new ArrayList<>();
        final int size;
        final long weightMax;
        final int time;
        final int prefetch;
        long emittedElements;
        boolean cancelled;

        /** Elements that the operator was seen to ask for, and got: how many it asks for is not the model's. */
        int mayCome;

        List<Integer> open = new ArrayList<>();

        private final String[] reactions;
        private final Deque<List<Integer>> closed = new ArrayDeque<>();

        /** What was brought about inside onNext, and waits for its end. */
        private final Deque<String> later = new ArrayDeque<>();

        private int sent;
        private int batches;
        private int demand;
        private int age;
        private boolean due;
        private boolean emitting;
        private @Nullable String end;
        private boolean ended;

        Model(int size, long weightMax, int time, int prefetch, String[] reactions) {
            this.size = size;
            this.weightMax = weightMax;
            this.time = time;
            this.prefetch = prefetch;
            this.reactions = reactions;
        }

        int closedElements() {
            return closed.stream().mapToInt(List::size).sum();
        }

        void second() {
            if (!open.isEmpty() && ++age >= time) {
                due = true;
            }
            drain();
        }

        void act(String what) {
            if (emitting) {
                // demand counts and a cancellation is seen at once, elements and ends when the consumer is back
                if (what.equals("request")) {
                    demand++;
                } else if (what.equals("cancel")) {
                    cancelled = true;
                } else {
                    later.add(what);
                }
                return;
            }
            switch (what) {
                case "send" -> send();
                case "request" -> demand++;
                case "cancel" -> cancelled = true;
                case "complete" -> end = end == null ? "completed" : end;
                case "fail" -> end = end == null ? "failed" : end;
                default -> {}
            }
            drain();
        }

        private void send() {
            if (end != null || sent >= mayCome) {
                return;
            }
            int element = sent++;
            if (cancelled) {
                log.add("discarded " + element);
                return;
            }
            long weight = weight(element);
            if (!open.isEmpty() && openWeight() + weight > weightMax) {
                close();
            }
            open.add(element);
            if (open.size() == size || openWeight() >= weightMax) {
                close();
            }
        }

        private long openWeight() {
            return open.stream().mapToLong(BatchModelTest::weight).sum();
        }

        private void close() {
            closed.add(open);
            open = new ArrayList<>();
            age = 0;
            due = false;
        }

        private void drain() {
            while (!cancelled && demand > 0) {
                if (closed.isEmpty() && !open.isEmpty() && (due || end != null)) {
                    close();
                }
                List<Integer> batch = closed.poll();
                if (batch == null) {
                    break;
                }
                demand--;
                emittedElements += batch.size();
                log.add("next " + batch);
                emitting = true;
                act(reactions[batches++]);
                emitting = false;
            }
            if (cancelled) {
                closed.forEach(batch -> batch.forEach(element -> log.add("discarded " + element)));
                open.forEach(element -> log.add("discarded " + element));
                closed.clear();
                open.clear();
            } else if (end != null && !ended && open.isEmpty() && closed.isEmpty()) {
                ended = true;
                log.add(end);
            }
            String next = later.poll();
            if (next != null) {
                act(next);
            }
        }

        @Override
        public String toString() {
            return "batches of " + size + ", weight " + weightMax + ", " + time + " s, prefetch " + prefetch;
        }
    }
}
