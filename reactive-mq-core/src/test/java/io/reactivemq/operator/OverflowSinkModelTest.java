package io.reactivemq.operator;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.operator.OverflowSinkTest.Kind;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Subscription;

/** What each emission answers is compared, too. The subscriber comes at any time; it requests, emits, completes and cancels inside onNext, too. */
@DisplayName("Overflow.sink beside its model:")
class OverflowSinkModelTest {

    @ParameterizedTest
    @EnumSource
    @AllowDropped(
            value = Dropped.OPERATOR_ERROR,
            because = "the overflow of error is reported as Reactor reports its own")
    @DisplayName("M11 random sequences of emit, subscribe, request, cancel, complete and fail end as the model says:")
    void sequences(Kind kind) {
        BufferSequence.runAll(random -> new Sequence(kind, random));
    }

    private static final class Sequence extends BufferSequence {

        private final Model model;
        private final OverflowSink<Integer> sink;
        private int emitted;
        private @Nullable Subscription subscription;

        Sequence(Kind kind, SplittableRandom random) {
            super(random, kind == Kind.CONFLATE, "emit");
            model = new SinkModel(this, kind);
            sink = Overflow.sink(
                    capacity,
                    o -> (kind == Kind.CONFLATE ? o.conflate(element -> element % keys) : kind.applyTo(o))
                            .onDropped(element -> log.add("dropped " + element)));
        }

        @Override
        Model model() {
            return model;
        }

        @Override
        void requestOfBuffer(long n) {
            if (subscription != null) {
                subscription.request(n);
            }
        }

        @Override
        void check() {
            if (sink.depth() != model.waiting.size()) {
                throw new AssertionError(sink.depth() + " wait, but should " + model.waiting);
            }
        }

        @Override
        void finish() {
            step("subscribe");
        }

        @Override
        void act(String what) {
            switch (what) {
                case "emit" -> {
                    int element = emitted++;
                    log.add(element + " " + sink.emit(element));
                }
                case "request" -> requestOfBuffer(1);
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
        public void onSubscribe(Subscription s) {
            subscription = s;
        }
    }

    private static final class SinkModel extends BufferSequence.Model {

        private final Kind kind;
        private int came;

        SinkModel(BufferSequence sequence, Kind kind) {
            super(sequence);
            this.kind = kind;
        }

        @Override
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
            int element = came++;
            log.add(element + " " + outcomeOf(element));
        }

        private EmitOutcome outcomeOf(int element) {
            if (cancelled) {
                return EmitOutcome.CANCELLED;
            }
            if (end != null) {
                return EmitOutcome.TERMINATED;
            }
            if (!emitting && demand > 0) {
                waiting.add(element);
                drain();
                return EmitOutcome.ACCEPTED;
            }
            if (replaced(element)) {
                return EmitOutcome.ACCEPTED_REPLACED;
            }
            if (waiting.size() < capacity) {
                waiting.add(element);
                return EmitOutcome.ACCEPTED;
            }
            return full(element);
        }

        private EmitOutcome full(int element) {
            return switch (kind) {
                case DROP_OLDEST, CONFLATE -> {
                    waiting.add(element);
                    drop(waiting.remove(0));
                    yield EmitOutcome.ACCEPTED_OLDEST_DROPPED;
                }
                case DROP_NEWEST -> {
                    drop(element);
                    yield EmitOutcome.DROPPED;
                }
                case BLOCK -> EmitOutcome.TIMED_OUT;
                case ERROR -> {
                    end = "overflow";
                    drop(element);
                    yield EmitOutcome.OVERFLOWED;
                }
            };
        }

        @Override
        void replenish() {
            // nobody stands behind a sink who could be asked for more
        }
    }
}
