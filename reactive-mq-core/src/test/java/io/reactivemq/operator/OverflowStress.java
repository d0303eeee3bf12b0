package io.reactivemq.operator;

import java.util.function.Function;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import reactor.core.publisher.Flux;

/** Request, emission, cancellation and end of an overflow buffer, two or three at a time. */
public final class OverflowStress {

    private OverflowStress() {}

    /** One subscription. */
    private static final class Pipe extends StressConsumer {

        final ManualSource source = new ManualSource();

        Pipe(Function<Flux<Integer>, Flux<Integer>> operator) {
            source.transform(operator).subscribe(this);
        }

        void report(III_Result result) {
            result.r1 = received.get();
            result.r2 = discarded.get();
            result.r3 = ends.get();
        }
    }

    /** Whichever comes first, the element arrives once, and the end behind it. */
    @JCStressTest
    @Outcome(id = "1, 0, 1", expect = Expect.ACCEPTABLE, desc = "received, then the end")
    @State
    public static class RequestAgainstElementAndEnd {

        private final Pipe pipe = new Pipe(Overflow.dropNewest(1));

        @Actor
        public void source() {
            pipe.source.next(1);
            pipe.source.complete();
        }

        @Actor
        public void consumer() {
            pipe.subscription.request(1);
        }

        @Arbiter
        public void arbiter(III_Result result) {
            pipe.report(result);
        }
    }

    /** An element that waits, or comes while the consumer cancels, is let go once. */
    @JCStressTest
    @Outcome(id = "0, 2, 0", expect = Expect.ACCEPTABLE, desc = "both let go, by the buffer or as late ones")
    @State
    public static class CancelAgainstElement {

        private final Pipe pipe = new Pipe(Overflow.dropNewest(2));

        public CancelAgainstElement() {
            pipe.source.next(1);
        }

        @Actor
        public void source() {
            pipe.source.next(2);
        }

        @Actor
        public void consumer() {
            pipe.subscription.cancel();
        }

        @Arbiter
        public void arbiter(III_Result result) {
            pipe.report(result);
        }
    }

    /** A drain that has begun emits or lets go, but does not do both nor neither. */
    @JCStressTest
    @Outcome(id = "0, 2, 0", expect = Expect.ACCEPTABLE, desc = "cancelled first")
    @Outcome(id = "1, 1, 0", expect = Expect.ACCEPTABLE, desc = "cancelled between the two")
    @Outcome(id = "2, 0, 0", expect = Expect.ACCEPTABLE, desc = "cancelled last")
    @State
    public static class CancelAgainstDrain {

        private final Pipe pipe = new Pipe(Overflow.dropOldest(2));

        public CancelAgainstDrain() {
            pipe.source.next(1);
            pipe.source.next(2);
        }

        @Actor
        public void consumer() {
            pipe.subscription.request(2);
        }

        @Actor
        public void consumersHelper() {
            pipe.subscription.cancel();
        }

        @Arbiter
        public void arbiter(III_Result result) {
            pipe.report(result);
        }
    }

    /** The error of an overflow comes behind what waits, and only if there was no room. */
    @JCStressTest
    @Outcome(id = "1, 1, 10", expect = Expect.ACCEPTABLE, desc = "it found no room")
    @Outcome(id = "2, 0, 1", expect = Expect.ACCEPTABLE, desc = "the consumer made room in time")
    @State
    public static class OverflowAgainstDrain {

        private final Pipe pipe = new Pipe(Overflow.error(1));

        public OverflowAgainstDrain() {
            pipe.source.next(1);
        }

        @Actor
        public void source() {
            pipe.source.next(2);
            if (!pipe.source.cancelled) {
                pipe.source.complete();
            }
        }

        @Actor
        public void consumer() {
            pipe.subscription.request(2);
        }

        @Arbiter
        public void arbiter(III_Result result) {
            pipe.report(result);
        }
    }
}
