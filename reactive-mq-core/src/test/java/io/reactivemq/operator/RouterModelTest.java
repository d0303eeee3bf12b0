package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of what two sources, their consumers, four queues and those who bind them may do, also inside onNext, beside a
 * plain account of what was bound when. Where sources compete, the account says what may be and what has to be, not who is first.
 */
@DisplayName("Router beside its model:")
class RouterModelTest {

    /** Of forty steps at most each. */
    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 100_000);

    private static final int STEPS_MAX = 40;
    private static final int DEPTH_MAX = 3;
    private static final int SOURCE = 10_000;

    @Test
    @DisplayName(
            "R01 random sequences: a queue gets what it is bound for, once, in order; nothing is stuck, nothing is lost")
    void sequences() {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence sequence = new Sequence(new SplittableRandom(seed));
            try {
                sequence.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dreactivemq.seed=" + seed + " replays this: " + sequence.steps, e);
            }
        }
    }

    private static String key(int element) {
        return element % 2 == 0 ? "even" : "odd";
    }

    private static final class Sequence {

        final List<String> steps = new ArrayList<>();

        private final SplittableRandom random;
        private final Router<Integer, String> router = Router.direct(RouterModelTest::key);
        private final List<Consumer> queues = List.of(
                new Consumer("block", Overflow.block(2)),
                new Consumer("narrow", Overflow.block(1)),
                new Consumer("dropOldest", Overflow.dropOldest(2)),
                new Consumer("direct", Function.identity()));
        private final List<Publisher> sources = List.of(new Publisher(0), new Publisher(SOURCE));

        /** Counts what is done. */
        private int clock;

        private int depth;

        Sequence(SplittableRandom random) {
            this.random = random;
        }

        void run() {
            queues.forEach(queue -> queue.queue.asFlux().subscribe(queue));
            sources.forEach(source -> source.source.transform(router::route).subscribe(source));
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                act();
                sources.forEach(this::checkNotStuck);
            }
            step("request all");
            depth = DEPTH_MAX;
            queues.forEach(queue -> queue.request(Long.MAX_VALUE));
            sources.forEach(source -> source.request(Long.MAX_VALUE));
            queues.forEach(Consumer::check);
            sources.forEach(this::check);
            assertThat(router.bindings())
                    .isEqualTo(queues.stream().mapToInt(Consumer::bound).sum());
        }

        private void step(String what) {
            clock++;
            steps.add("  ".repeat(depth) + what);
        }

        private void act() {
            Publisher source = sources.get(random.nextInt(sources.size()));
            Consumer queue = queues.get(random.nextInt(queues.size()));
            switch (random.nextInt(20)) {
                case 0, 1, 2, 3 -> queue.ask(random.nextInt(1, 4));
                case 4, 5, 6 -> source.ask(random.nextInt(1, 6));
                case 7, 8, 9 -> queue.bind(random.nextBoolean() ? "even" : "odd");
                case 10 -> queue.unbind();
                case 11 -> {
                    switch (random.nextInt(30)) {
                        case 0, 1 -> queue.end(true);
                        case 2 -> queue.end(false);
                        case 3 -> source.stop();
                        default -> queue.unbind();
                    }
                }
                default -> source.send();
            }
        }

        /** What a consumer does inside onNext. */
        private void react() {
            if (depth < DEPTH_MAX && random.nextInt(5) == 0) {
                depth++;
                act();
                depth--;
            }
        }

        /** A source is held up only by a queue that has no room. */
        private void checkNotStuck(Publisher source) {
            if (!source.stopped && source.outcomes.size() < source.sent.size()) {
                assertThat(queues).anyMatch(queue -> queue.alive && queue.taken.size() >= queue.requested);
            }
        }

        private void check(Publisher source) {
            for (Outcome outcome : source.outcomes) {
                int element = outcome.routed.element();
                Set<Consumer> got = new HashSet<>();
                queues.stream()
                        .filter(queue -> queue.everything().contains(element))
                        .forEach(got::add);
                assertThat(got).as("%s", outcome).containsAll(outcome.has).isSubsetOf(outcome.may);
                assertThat(outcome.routed.queues()).as("%s", outcome).isEqualTo(got.size());
                assertThat(outcome.routed.isUnroutable()).isEqualTo(got.isEmpty());
            }
            List<Integer> out = new ArrayList<>();
            source.outcomes.forEach(outcome -> out.add(outcome.routed.element()));
            assertThat(out).isEqualTo(source.first(out.size()));
            if (!source.stopped) {
                assertThat(out).hasSameSizeAs(source.sent);
            }
            out.addAll(source.discarded);
            assertThat(out).doesNotHaveDuplicates();
            // one that was taken by some of its queues when the source was cancelled is theirs
            List<Integer> rest = new ArrayList<>(source.first(source.sent.size()));
            rest.removeAll(out);
            assertThat(rest)
                    .hasSizeLessThanOrEqualTo(1)
                    .allMatch(element ->
                            queues.stream().anyMatch(queue -> queue.everything().contains(element)));
        }

        /** What came of an element: the queues that have to have it, and those that may, too. */
        private record Outcome(Routed<Integer> routed, Set<Consumer> has, Set<Consumer> may) {}

        private final class Publisher extends BaseSubscriber<Routed<Integer>> {

            final ManualSource source = new ManualSource();
            final List<Outcome> outcomes = new ArrayList<>();
            final List<Integer> discarded = new ArrayList<>();

            /** When. */
            final List<Integer> sent = new ArrayList<>();

            boolean stopped;

            private final int base;

            Publisher(int base) {
                this.base = base;
            }

            List<Integer> first(int count) {
                return IntStream.range(base, base + count).boxed().toList();
            }

            void send() {
                if (!stopped && sent.size() < source.requested.get()) {
                    int element = base + sent.size();
                    step("send " + element);
                    sent.add(clock);
                    source.next(element);
                }
            }

            void ask(int n) {
                step("ask source " + base + " for " + n);
                request(n);
            }

            void stop() {
                step("cancel source " + base);
                stopped = true;
                cancel();
            }

            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(Routed<Integer> routed) {
                int since = sent.get(routed.element() - base);
                Set<Consumer> has = new HashSet<>();
                Set<Consumer> may = new HashSet<>();
                for (Consumer queue : queues) {
                    Bound bound = queue.of(key(routed.element()));
                    if (bound.now() > 0 && bound.since < since) {
                        has.add(queue);
                    }
                    if (bound.now() > 0 || bound.until >= since) {
                        may.add(queue);
                    }
                }
                outcomes.add(new Outcome(routed, has, may));
                react();
            }

            @Override
            public Context currentContext() {
                return Operators.enableOnDiscard(Context.empty(), element -> discarded.add((Integer) element));
            }
        }

        /** By one key: the bindings there are, since when there is one, and until when there was. */
        private static final class Bound {

            final List<Disposable> bindings = new ArrayList<>();
            int since = -1;
            int until = -1;

            int now() {
                return bindings.size();
            }
        }

        private final class Consumer extends BaseSubscriber<Integer> {

            final List<Integer> taken = new ArrayList<>();
            final RouterQueue<Integer> queue;
            boolean alive = true;

            /** By its policy. */
            long requested;

            private final List<Integer> received = new ArrayList<>();
            private final List<Integer> discarded = new ArrayList<>();
            private final Map<String, Bound> bound = new HashMap<>();
            private boolean inside;

            Consumer(String name, Function<Flux<Integer>, Flux<Integer>> policy) {
                queue = router.queue(
                        name,
                        flux -> flux.doOnRequest(n -> requested = Operators.addCap(requested, n))
                                .doOnNext(taken::add)
                                .transform(policy));
            }

            Bound of(String key) {
                return bound.computeIfAbsent(key, k -> new Bound());
            }

            int bound() {
                return bound.values().stream().mapToInt(Bound::now).sum();
            }

            void ask(int n) {
                step("ask " + queue + " for " + n);
                request(n);
            }

            void bind(String key) {
                if (alive) {
                    step("bind " + queue + " by " + key);
                    Bound by = of(key);
                    if (by.now() == 0) {
                        by.since = clock;
                    }
                    by.bindings.add(router.bind(queue, key));
                }
            }

            void unbind() {
                for (Bound by : bound.values()) {
                    if (by.now() > 0) {
                        step("unbind " + queue);
                        by.bindings.remove(0).dispose();
                        by.until = clock;
                        return;
                    }
                }
            }

            /** The queue goes, with what waits or not. */
            void end(boolean atOnce) {
                if (alive) {
                    step((atOnce ? "cancel " : "dispose of ") + queue);
                    alive = false;
                    for (Bound by : bound.values()) {
                        if (by.now() > 0) {
                            by.bindings.clear();
                            by.until = clock;
                        }
                    }
                    if (atOnce) {
                        cancel();
                    } else {
                        queue.dispose();
                    }
                }
            }

            Set<Integer> everything() {
                Set<Integer> everything = new HashSet<>(received);
                everything.addAll(discarded);
                return everything;
            }

            void check() {
                List<Integer> left = new ArrayList<>(received);
                left.addAll(discarded);
                assertThat(left).as("%s", queue).doesNotHaveDuplicates().containsAll(taken);
                for (Publisher source : sources) {
                    assertThat(received.stream()
                                    .filter(e -> e / SOURCE * SOURCE == source.base)
                                    .toList())
                            .as("%s", queue)
                            .isSorted();
                }
            }

            @Override
            protected void hookOnSubscribe(Subscription subscription) {}

            @Override
            protected void hookOnNext(Integer element) {
                assertThat(inside).isFalse();
                inside = true;
                received.add(element);
                react();
                inside = false;
            }

            @Override
            public Context currentContext() {
                return Operators.enableOnDiscard(Context.empty(), element -> discarded.add((Integer) element));
            }
        }
    }
}
