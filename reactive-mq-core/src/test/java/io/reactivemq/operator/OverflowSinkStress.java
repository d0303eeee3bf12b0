package io.reactivemq.operator;

import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/**
 * Emission, demand, cancellation and end of an overflow sink, two at a time. A result is: how many emissions were accepted, how many elements
 * were received, how many discarded, and the end: 1 for a completion.
 */
public final class OverflowSinkStress {

    private OverflowSinkStress() {}

    /** A sink with its subscriber. */
    private static final class Pipe extends StressConsumer {

        final OverflowSink<Integer> sink;
        final AtomicInteger accepted = new AtomicInteger();

        Pipe(OverflowStrategy strategy, int waiting, long demand) {
            sink = Overflow.sink(2, o -> o.strategy(strategy));
            sink.asFlux().subscribe(this);
            for (int i = 0; i < waiting; i++) {
                emit(i);
            }
            if (demand > 0) {
                subscription.request(demand);
            }
        }

        void emit(int element) {
            if (sink.emit(element).isAccepted()) {
                accepted.incrementAndGet();
            }
        }

        void report(IIII_Result result) {
            result.r1 = accepted.get();
            result.r2 = received.get();
            result.r3 = discarded.get();
            result.r4 = ends.get();
        }
    }

    /** What is accepted is discarded, beside what waits; the rest is the emitter's. */
    @JCStressTest
    @Outcome(id = "2, 0, 2, 0", expect = Expect.ACCEPTABLE, desc = "accepted, and let go with the other")
    @Outcome(id = "1, 0, 1, 0", expect = Expect.ACCEPTABLE, desc = "cancelled first: given back")
    @State
    public static class EmitAgainstCancel {

        private final Pipe pipe = new Pipe(OverflowStrategy.DROP_OLDEST, 1, 0);

        @Actor
        public void emitter() {
            pipe.emit(1);
        }

        @Actor
        public void consumer() {
            pipe.subscription.cancel();
        }

        @Arbiter
        public void arbiter(IIII_Result result) {
            pipe.report(result);
        }
    }

    /** The first passes directly, the second perhaps by way of the ring: each is handed on, let go or given back. */
    @JCStressTest
    @Outcome(id = "2, 2, 0, 0", expect = Expect.ACCEPTABLE, desc = "cancelled last")
    @Outcome(id = "2, 1, 1, 0", expect = Expect.ACCEPTABLE, desc = "cancelled as the second was accepted")
    @Outcome(id = "1, 1, 0, 0", expect = Expect.ACCEPTABLE, desc = "cancelled between the two")
    @Outcome(id = "1, 0, 1, 0", expect = Expect.ACCEPTABLE, desc = "cancelled as the first was accepted")
    @Outcome(id = "0, 0, 0, 0", expect = Expect.ACCEPTABLE, desc = "cancelled first")
    @State
    public static class EmitOnDemandAgainstCancel {

        private final Pipe pipe = new Pipe(OverflowStrategy.DROP_NEWEST, 0, 5);

        @Actor
        public void emitter() {
            pipe.emit(0);
            pipe.emit(1);
        }

        @Actor
        public void consumer() {
            pipe.subscription.cancel();
        }

        @Arbiter
        public void arbiter(IIII_Result result) {
            pipe.report(result);
        }
    }

    /** A cancellation closes the ring, but that is no completion, even if the drain has just emptied it. */
    @JCStressTest
    @Outcome(id = "1, 1, 0, 0", expect = Expect.ACCEPTABLE, desc = "handed on")
    @Outcome(id = "1, 0, 1, 0", expect = Expect.ACCEPTABLE, desc = "cancelled first: let go")
    @State
    public static class DrainAgainstCancel {

        private final Pipe pipe = new Pipe(OverflowStrategy.BLOCK, 1, 0);

        @Actor
        public void consumer() {
            pipe.subscription.request(5);
        }

        @Actor
        public void consumersHelper() {
            pipe.subscription.cancel();
        }

        @Arbiter
        public void arbiter(IIII_Result result) {
            pipe.report(result);
        }
    }

    /** What is accepted comes before the completion, which comes in any case; one that has to wait, behind another, too. */
    @JCStressTest
    @Outcome(id = "2, 2, 0, 1", expect = Expect.ACCEPTABLE, desc = "accepted, handed on, then the end")
    @Outcome(id = "1, 1, 0, 1", expect = Expect.ACCEPTABLE, desc = "completed first: given back")
    @State
    public static class EmitAgainstComplete {

        private final Pipe pipe = new Pipe(OverflowStrategy.BLOCK, 1, 0);

        @Actor
        public void emitter() {
            pipe.emit(1);
        }

        @Actor
        public void another() {
            pipe.sink.tryComplete();
        }

        @Arbiter
        public void arbiter(IIII_Result result) {
            pipe.subscription.request(5);
            pipe.report(result);
        }
    }
}
