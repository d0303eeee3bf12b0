package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/**
 * A thread acknowledges out of order while the worker moves the base over what is there and asks to be woken for the rest. No bit is lost or
 * left behind, and a worker that waits is woken.
 */
@JCStressTest
@Outcome(
        id = "true, [012], 2",
        expect = Expect.ACCEPTABLE,
        desc = "all was there; who came meanwhile may have woken in vain")
@Outcome(id = "false, [12], 2", expect = Expect.ACCEPTABLE, desc = "the worker waits, and is woken")
@State
public class AckWindowAdvanceStress {

    private final AtomicInteger wakes = new AtomicInteger();
    private final AckWindow window = new AckWindow(new TopicPartition("t", 0), 0, 64, wakes::incrementAndGet);

    public AckWindowAdvanceStress() {
        window.emitting(0);
        window.emitting(1);
    }

    @Actor
    public void handler() {
        window.acknowledge(1);
        window.acknowledge(0);
    }

    @Actor
    public void worker(LLL_Result result) {
        result.r1 = window.settledOrArmed();
    }

    @Arbiter
    public void rest(LLL_Result result) {
        result.r2 = wakes.get();
        result.r3 = window.advance();
    }
}
