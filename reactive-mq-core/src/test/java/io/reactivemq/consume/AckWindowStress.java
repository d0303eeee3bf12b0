package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** Two threads acknowledge the two offsets in flight, whose bits are in one word, and the worker waits for the first. Neither bit is lost, and it is woken once. */
@JCStressTest
@Outcome(id = "2, 1", expect = Expect.ACCEPTABLE, desc = "both are there")
@State
public class AckWindowStress {

    private final AtomicInteger wakes = new AtomicInteger();
    private final AckWindow window = new AckWindow(new TopicPartition("t", 0), 0, 64, wakes::incrementAndGet);

    public AckWindowStress() {
        window.emitting(0);
        window.emitting(1);
        window.arm();
    }

    @Actor
    public void one() {
        window.acknowledge(0);
    }

    @Actor
    public void other() {
        window.acknowledge(1);
    }

    @Arbiter
    public void rest(LL_Result result) {
        result.r1 = window.advance();
        result.r2 = wakes.get();
    }
}
