package io.reactivemq.consume;

import io.reactivemq.TopicPartition;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/**
 * A thread acknowledges the second and then the first offset in flight while the assignment ends and what is acknowledged is committed: the first that is
 * not, and how many are not. Who was told that it counts is in the commit, and nobody else.
 */
@JCStressTest
@Outcome(id = "true, true, 2 and 0", expect = Expect.ACCEPTABLE, desc = "both in time")
@Outcome(
        id = "true, false, 0 and 1",
        expect = Expect.ACCEPTABLE,
        desc = "the second in time, as a run beyond the offset")
@Outcome(id = "false, false, 0 and 2", expect = Expect.ACCEPTABLE, desc = "both too late")
@State
public class AckWindowCloseStress {

    private final AckWindow window = new AckWindow(new TopicPartition("t", 0), 0, 64, () -> {});

    public AckWindowCloseStress() {
        window.emitting(0);
        window.emitting(1);
    }

    @Actor
    public void handler(LLL_Result result) {
        result.r1 = window.acknowledge(1);
        result.r2 = window.acknowledge(0);
    }

    @Actor
    public void worker(LLL_Result result) {
        window.close();
        result.r3 = window.advance() + " and " + window.unacknowledged();
    }
}
