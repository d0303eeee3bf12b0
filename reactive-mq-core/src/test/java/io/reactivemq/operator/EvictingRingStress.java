package io.reactivemq.operator;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** The producer of a full ring adds an element and takes the oldest if it is one too many, while the consumer takes one. */
@JCStressTest
@Outcome(id = "1, null, 2", expect = Expect.ACCEPTABLE, desc = "the consumer made room: nothing had to go")
@Outcome(id = "2, 1, null", expect = Expect.ACCEPTABLE, desc = "the oldest went, the consumer has the newest")
@State
public class EvictingRingStress {

    private final EvictingRing<Integer> ring = new EvictingRing<>(1);

    public EvictingRingStress() {
        ring.put(1);
    }

    @Actor
    public void producer(LLL_Result result) {
        result.r2 = ring.put(2);
    }

    @Actor
    public void consumer(LLL_Result result) {
        result.r1 = ring.poll();
    }

    @Arbiter
    public void rest(LLL_Result result) {
        result.r3 = ring.poll();
    }
}
