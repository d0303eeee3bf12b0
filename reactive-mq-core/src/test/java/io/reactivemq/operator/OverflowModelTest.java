package io.reactivemq.operator;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowTest.Kind;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;
import reactor.core.publisher.Flux;

/** The consumer requests, makes the source send, completes and cancels inside onNext, too. */
@DisplayName("Overflow beside its model:")
class OverflowModelTest {

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = {Dropped.OPERATOR_ERROR, Dropped.ERROR},
            because = "the overflow of error is reported as Reactor reports its own; then the source fails, too")
    @DisplayName("M11 random sequences of send, request, cancel, complete and fail end as the model says:")
    void sequences(Kind kind) {
        BufferSequence.runAll(random -> new Sequence(kind, random));
    }

    private static final class Sequence extends BufferSequence {

        private final Kind kind;
        private final Model model;
        private final ManualSource source = new ManualSource();
        private int sent;
        private boolean ended;

        @SuppressWarnings("NullAway.Init") // by onSubscribe
        private Subscription subscription;

        Sequence(Kind kind, SplittableRandom random) {
            super(random, kind == Kind.CONFLATE, "send");
            this.kind = kind;
            model = new OperatorModel(this, kind);
            source.transform(operator(o -> o.onDropped(element -> log.add("dropped " + element))))
                    .subscribe(this);
        }

        private Function<Flux<Integer>, Flux<Integer>> operator(Consumer<OverflowOptions<Integer>> options) {
            return kind == Kind.CONFLATE
                    ? Overflow.conflate(element -> element % keys, capacity, options)
                    : kind.of(capacity, options);
        }

        @Override
        Model model() {
            return model;
        }

        @Override
        void requestOfBuffer(long n) {
            subscription.request(n);
        }

        @Override
        void check() {
            if (kind == Kind.BLOCK && source.requested.get() - model.emitted > capacity) {
                throw new AssertionError("requested " + source.requested + " with " + model.emitted + " consumed");
            }
        }

        @Override
        void finish() {
            // it is subscribed from the begin
        }

        @Override
        void act(String what) {
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
        public void onSubscribe(Subscription s) {
            subscription = s;
        }
    }

    private static final class OperatorModel extends BufferSequence.Model {

        private final Kind kind;
        private long room;
        private int sent;
        private boolean sourceEnded;

        OperatorModel(BufferSequence sequence, Kind kind) {
            super(sequence);
            this.kind = kind;
            this.room = kind == Kind.BLOCK ? capacity : Long.MAX_VALUE;
            subscribed = true;
        }

        @Override
        void act(String what) {
            switch (what) {
                case "send" -> send();
                case "request" -> request(1);
                case "cancel" -> {
                    cancelled = true;
                    discardWaiting();
                }
                case "complete" -> end("completed");
                case "fail" -> end("failed");
                default -> {}
            }
        }

        private void discardWaiting() {
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

        /** When three quarters of the capacity are consumed, as many are asked for again. */
        @Override
        void replenish() {
            int batch = capacity - capacity / 4;
            if (kind == Kind.BLOCK && emitted % batch == 0) {
                room += batch;
            }
        }
    }
}
