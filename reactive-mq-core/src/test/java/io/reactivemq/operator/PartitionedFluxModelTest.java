package io.reactivemq.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.Disposable;
import reactor.core.publisher.Operators;
import reactor.util.context.Context;

/**
 * Random sequences of signals on one thread, beside a model that is plain enough to be right. Both write down what they do, in order; the two logs
 * have to be equal. Subscribers join, ask, leave and make the source send, from within onNext, too.
 */
@DisplayName("PartitionedFlux beside its model:")
class PartitionedFluxModelTest {

    private static final int SEQUENCES = Integer.getInteger("reactivemq.sequences", 25_000);
    private static final int STEPS_MAX = 30;
    private static final int LANES = 3;

    @ParameterizedTest
    @EnumSource(names = {"BLOCK", "DROP_OLDEST", "DROP_NEWEST", "ERROR"})
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "the overflow of error is reported as Reactor reports its own; then the source fails, too")
    @DisplayName("M11 random sequences of send, join, request, leave, end and dispose end as the model says:")
    void sequences(OverflowStrategy strategy) {
        Long only = Long.getLong("reactivemq.seed");
        for (long seed = only == null ? 1 : only; seed <= (only == null ? SEQUENCES : only); seed++) {
            Sequence real = new Sequence(strategy, new SplittableRandom(seed));
            try {
                real.run();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "-Dreactivemq.seed=" + seed + " replays this; capacity " + real.capacity + ", steps "
                                + real.steps + ", so far " + real.log + ", model " + real.model.log,
                        e);
            }
            if (!real.log.equals(real.model.log)) {
                assertThat(real.log)
                        .as("-Dreactivemq.seed=%s replays this; capacity %s, steps %s", seed, real.capacity, real.steps)
                        .isEqualTo(real.model.log);
            }
        }
    }

    /** The real lanes, and the source. */
    private static final class Sequence {

        final List<String> log = new ArrayList<>();
        final List<String> steps = new ArrayList<>();
        final int capacity;
        final Model model;

        private final SplittableRandom random;
        private final ManualSource source = new ManualSource();
        private final PartitionedFlux<Integer> lanes;
        private final Consumer[] consumers = new Consumer[LANES];

        /** What a consumer does inside onNext of the element of that number. */
        private final String[] reactions = new String[400];

        private @Nullable Disposable connection;
        private int sent;
        private boolean ended;

        Sequence(OverflowStrategy strategy, SplittableRandom random) {
            this.random = random;
            // so small that an outlet is one element ahead at most
            capacity = random.nextInt(1, 8);
            lanes = PartitionedFlux.by(
                    source,
                    i -> i,
                    LANES,
                    o -> o.partitioner((key, count) -> key % count)
                            .overflow(strategy, capacity)
                            .onDropped(element -> log.add("dropped " + element))
                            .context(Operators.enableOnDiscard(
                                    Context.empty(), element -> log.add("discarded " + element + " for nobody"))));
            for (int i = 0; i < reactions.length; i++) {
                reactions[i] = switch (random.nextInt(24)) {
                    case 0, 1, 2 -> "request";
                    case 3, 4, 5 -> "send " + random.nextInt(LANES);
                    case 6, 7 -> "leave";
                    case 8 -> random.nextInt(4) == 0 ? "complete" : "";
                    default -> "";
                };
            }
            model = new Model(strategy, capacity, reactions);
        }

        void run() {
            int count = random.nextInt(STEPS_MAX);
            for (int i = 0; i < count; i++) {
                int lane = random.nextInt(LANES);
                switch (random.nextInt(20)) {
                    case 0, 1, 2, 3, 4, 5, 6, 7 -> step("send", lane, 0);
                    case 8, 9, 10 -> step("request", lane, random.nextInt(1, 4));
                    case 11 -> step("request", lane, random.nextInt(8) == 0 ? 1000 : 8);
                    case 12, 13 -> step("join", lane, 0);
                    case 14 -> step("leave", lane, 0);
                    case 15, 16 -> step("connect", lane, 0);
                    case 17 -> step(random.nextInt(8) == 0 ? "complete" : "send", lane, 0);
                    case 18 -> step(random.nextInt(8) == 0 ? "fail" : "send", lane, 0);
                    default -> step(random.nextInt(12) == 0 ? "dispose" : "send", lane, 0);
                }
            }
            for (int lane = 0; lane < LANES; lane++) {
                for (int round = 0; round < 3; round++) {
                    step("join", lane, 0);
                    step("request", lane, 1000);
                }
            }
            step("connect", 0, 0);
            checkNothingIsForgotten();
        }

        private void checkNothingIsForgotten() {
            for (int lane = 0; lane < LANES; lane++) {
                if (consumers[lane] != null && consumers[lane].here) {
                    assertThat(model.lanes[lane].waiting()).isZero();
                }
            }
        }

        private void step(String what, int lane, int n) {
            steps.add(what + " " + lane + (n == 0 ? "" : " " + n));
            act(what, lane, n);
            model.act(what, lane, n);
            checkDemand();
        }

        /** No more is asked for than all lanes can take; and all that, when the source has sent what was asked for. */
        private void checkDemand() {
            if (connection == null || ended || source.cancelled) {
                return;
            }
            long limit = model.limit();
            if (source.requested.get() > limit) {
                throw new AssertionError("requested " + source.requested + " with room up to " + limit);
            }
            if (source.requested.get() == sent && limit > sent) {
                throw new AssertionError("requested " + source.requested + ", all sent, with room up to " + limit);
            }
        }

        private void act(String what, int lane, int n) {
            Consumer consumer = consumers[lane];
            boolean here = consumer != null && consumer.here;
            switch (what) {
                case "send" -> send(lane);
                case "connect" -> {
                    if (connection == null) {
                        connection = lanes.connect();
                    }
                }
                case "dispose" -> {
                    if (connection != null) {
                        connection.dispose();
                    }
                }
                case "join" -> {
                    if (!here) {
                        consumers[lane] = new Consumer(lane);
                        lanes.lane(lane).subscribe(consumers[lane]);
                    }
                }
                case "request" -> {
                    if (here) {
                        consumer.subscription.request(n);
                    }
                }
                case "leave" -> {
                    if (here) {
                        consumer.here = false;
                        consumer.subscription.cancel();
                    }
                }
                case "complete" -> {
                    if (connection != null && !ended) {
                        ended = true;
                        source.complete();
                    }
                }
                case "fail" -> {
                    if (connection != null && !ended) {
                        ended = true;
                        source.fail(new IllegalStateException("down"));
                    }
                }
                default -> {}
            }
        }

        /** As a lawful source does: not after the end, and not more than is requested. */
        private void send(int lane) {
            if (connection != null && !ended && sent < source.requested.get()) {
                model.sends.add(true);
                source.next(sent++ * LANES + lane);
            } else {
                model.sends.add(false);
            }
        }

        private final class Consumer implements CoreSubscriber<Integer> {

            private final int lane;
            private boolean here = true;
            private boolean inside;

            @SuppressWarnings("NullAway.Init") // by onSubscribe
            private Subscription subscription;

            Consumer(int lane) {
                this.lane = lane;
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
                String reaction = reactions[element / LANES];
                if (reaction.startsWith("send")) {
                    act("send", reaction.charAt(5) - '0', 0);
                } else {
                    act(reaction, lane, 1);
                }
                inside = false;
            }

            @Override
            public void onError(Throwable failure) {
                here = false;
                log.add("lane " + lane
                        + (failure instanceof IllegalStateException && "down".equals(failure.getMessage())
                                ? " failed"
                                : " " + failure.getClass().getSimpleName()));
            }

            @Override
            public void onComplete() {
                here = false;
                log.add("lane " + lane + " completed");
            }
        }
    }

    /** What the lanes do, on one thread, said as plainly as possible. */
    private static final class Model {

        final List<String> log = new ArrayList<>();
        final ModelLane[] lanes =
                IntStream.range(0, LANES).mapToObj(ModelLane::new).toArray(ModelLane[]::new);

        /** Whether the source could send, each time it was told to: it depends on when demand reaches it. */
        final Deque<Boolean> sends = new ArrayDeque<>();

        private final OverflowStrategy strategy;
        private final int capacity;
        private final String[] reactions;
        private boolean connected;
        private boolean disposed;
        private boolean sourceEnded;
        private int sent;

        Model(OverflowStrategy strategy, int capacity, String[] reactions) {
            this.strategy = strategy;
            this.capacity = capacity;
            this.reactions = reactions;
        }

        void act(String what, int index, int n) {
            ModelLane lane = lanes[index];
            switch (what) {
                case "send" -> {
                    if (sends.remove()) {
                        lane.arrive(sent++ * LANES + index);
                    }
                }
                case "connect" -> {
                    if (!connected) {
                        connected = true;
                        for (ModelLane each : lanes) {
                            each.pump();
                        }
                    }
                }
                case "dispose" -> {
                    if (connected && !disposed) {
                        disposed = true;
                        for (ModelLane each : lanes) {
                            each.dispose();
                        }
                    }
                }
                case "join" -> {
                    if (!lane.present) {
                        lane.present = true;
                        lane.joined = true;
                        lane.demand = 0;
                        lane.pump();
                    }
                }
                case "request" -> {
                    if (lane.present) {
                        lane.demand += n;
                        lane.pump();
                    }
                }
                case "leave" -> lane.present = false;
                case "complete", "fail" -> {
                    if (connected && !sourceEnded) {
                        sourceEnded = true;
                        for (ModelLane each : lanes) {
                            each.end(what.equals("complete") ? "completed" : "failed");
                        }
                    }
                }
                default -> {}
            }
        }

        /** How many elements the source may have sent. */
        long limit() {
            long limit = Long.MAX_VALUE;
            if (strategy == OverflowStrategy.BLOCK) {
                for (ModelLane lane : lanes) {
                    if (!lane.closed) {
                        // when three quarters of the capacity are consumed, as many are asked for again
                        int batch = capacity - capacity / 4;
                        long requested = capacity + lane.emitted / batch * batch;
                        limit = Math.min(limit, requested + sent - lane.entered);
                    }
                }
            }
            return limit;
        }

        private final class ModelLane {

            private final int index;
            private final Deque<Integer> buffer = new ArrayDeque<>();

            /** Asked of the buffer, and not yet given: one at most. */
            private boolean credit;

            /** Given, when nobody asked any more. */
            private @Nullable Integer kept;

            private boolean present;
            private boolean joined;
            private long demand;
            private long entered;
            private long emitted;
            private boolean closed;
            private boolean bufferBusy;
            private boolean pumping;
            private boolean delivering;
            private @Nullable String bufferEnd;
            private @Nullable String end;

            ModelLane(int index) {
                this.index = index;
            }

            int waiting() {
                return demand > 0 ? buffer.size() + (kept == null ? 0 : 1) : 0;
            }

            void arrive(int element) {
                entered++;
                if (closed) {
                    discard(element);
                } else if (!bufferBusy && credit) {
                    give(element);
                    drainBuffer();
                } else if (buffer.size() < capacity) {
                    buffer.add(element);
                } else {
                    switch (strategy) {
                        case DROP_OLDEST -> {
                            buffer.add(element);
                            drop(buffer.remove());
                        }
                        case DROP_NEWEST -> drop(element);
                        case ERROR -> {
                            closed = true;
                            bufferEnd = "OverflowException";
                            drop(element);
                        }
                        default -> throw new AssertionError("the source is lawful");
                    }
                }
            }

            /** From the buffer to the subscriber. */
            private void give(int element) {
                credit = false;
                bufferBusy = true;
                if (kept == null && present && demand > 0 && !pumping && !delivering) {
                    deliver(element);
                    emitted++;
                    pump();
                } else {
                    kept = element;
                    emitted++;
                    pump();
                }
                bufferBusy = false;
            }

            private void drainBuffer() {
                while (!bufferBusy && credit && !buffer.isEmpty()) {
                    give(buffer.remove());
                }
                if (!bufferBusy && buffer.isEmpty() && bufferEnd != null && end == null) {
                    end = bufferEnd;
                    pump();
                }
            }

            void pump() {
                if (pumping) {
                    return;
                }
                pumping = true;
                while (connected && step()) {
                    // until nothing more can be done
                }
                pumping = false;
            }

            private boolean step() {
                if (kept != null) {
                    if (!present || demand == 0 || delivering) {
                        return false;
                    }
                    int element = kept;
                    deliver(element);
                    kept = null;
                    return true;
                }
                if (end != null) {
                    if (present) {
                        present = false;
                        log.add("lane " + index + " " + end);
                    }
                    return false;
                }
                if (!present || demand == 0 || delivering) {
                    return false;
                }
                credit = true;
                drainBuffer();
                return kept != null || end != null;
            }

            private void deliver(int element) {
                delivering = true;
                demand--;
                log.add("next " + element);
                String reaction = reactions[element / LANES];
                if (reaction.startsWith("send")) {
                    act("send", reaction.charAt(5) - '0', 0);
                } else {
                    act(reaction, index, 1);
                }
                delivering = false;
            }

            void end(String how) {
                if (!closed && bufferEnd == null) {
                    bufferEnd = how;
                    drainBuffer();
                }
            }

            void dispose() {
                closed = true;
                buffer.forEach(this::discard);
                buffer.clear();
                if (kept != null) {
                    discard(kept);
                    kept = null;
                    end = "CancellationException";
                }
                if (end == null) {
                    end = "CancellationException";
                }
                pump();
            }

            private void drop(int element) {
                log.add("dropped " + element);
                discard(element);
            }

            private void discard(int element) {
                log.add("discarded " + element + (joined ? "" : " for nobody"));
            }
        }
    }
}
