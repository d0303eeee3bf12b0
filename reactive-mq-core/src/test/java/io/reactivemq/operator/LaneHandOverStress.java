package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Operators;

/** An element arrives as its lane is taken from one subscriber and given to the next. */
@JCStressTest
@Outcome(id = "next-complete-, ", expect = Expect.ACCEPTABLE, desc = "it was the old one's")
@Outcome(id = "complete-, next-", expect = Expect.ACCEPTABLE, desc = "it is the new one's")
@State
public class LaneHandOverStress {

    private final LaneOutlet<Integer> outlet = new LaneOutlet<>(new TopicPartition("lanes", 0), 4);
    private final Log first = new Log();
    private final Log second = new Log();
    private final LaneSubscription<Integer> before = new LaneSubscription<>(first, outlet);
    private final LaneSubscription<Integer> after = new LaneSubscription<>(second, outlet);

    public LaneHandOverStress() {
        outlet.onSubscribe(Operators.emptySubscription());
        before.request(Long.MAX_VALUE);
        after.request(Long.MAX_VALUE);
        outlet.join(before);
        outlet.drain();
    }

    @Actor
    public void source() {
        outlet.onNext(1);
    }

    @Actor
    public void group() {
        before.finish(null);
        // as a group does: the lane is given when it is released, or else by whoever releases it
        give();
    }

    private void give() {
        if (outlet.join(after)) {
            outlet.drain();
        }
    }

    @Arbiter
    public void rest(LL_Result result) {
        give();
        result.r1 = first.signals.toString();
        result.r2 = second.signals.toString();
    }

    private static final class Log implements CoreSubscriber<Integer> {

        private final StringBuilder signals = new StringBuilder();

        @Override
        public void onSubscribe(Subscription subscription) {}

        @Override
        public void onNext(Integer element) {
            signals.append("next-");
        }

        @Override
        public void onError(Throwable failure) {
            signals.append("error-");
        }

        @Override
        public void onComplete() {
            signals.append("complete-");
        }
    }
}
