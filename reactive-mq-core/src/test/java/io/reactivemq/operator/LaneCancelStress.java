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

/** An element arrives as its lane's subscriber cancels; then another one comes. */
@JCStressTest
@Outcome(id = "1, ", expect = Expect.ACCEPTABLE, desc = "it was the old one's")
@Outcome(id = ", 1", expect = Expect.ACCEPTABLE, desc = "it remained the outlet's, and is the new one's")
@State
public class LaneCancelStress {

    private final LaneOutlet<Integer> outlet = new LaneOutlet<>(new TopicPartition("lanes", 0), 4);
    private final Log first = new Log();
    private final Log second = new Log();
    private final LaneSubscription<Integer> before = new LaneSubscription<>(first, outlet);

    public LaneCancelStress() {
        outlet.onSubscribe(Operators.emptySubscription());
        before.request(Long.MAX_VALUE);
        outlet.join(before);
        outlet.drain();
    }

    @Actor
    public void source() {
        outlet.onNext(1);
    }

    @Actor
    public void subscriber() {
        before.cancel();
    }

    @Arbiter
    public void rest(LL_Result result) {
        LaneSubscription<Integer> after = new LaneSubscription<>(second, outlet);
        after.request(Long.MAX_VALUE);
        outlet.join(after);
        outlet.drain();
        result.r1 = first.received.toString();
        result.r2 = second.received.toString();
    }

    private static final class Log implements CoreSubscriber<Integer> {

        private final StringBuilder received = new StringBuilder();

        @Override
        public void onSubscribe(Subscription subscription) {}

        @Override
        public void onNext(Integer element) {
            received.append(element);
        }

        @Override
        public void onError(Throwable failure) {
            received.append("error");
        }

        @Override
        public void onComplete() {
            received.append("completion");
        }
    }
}
