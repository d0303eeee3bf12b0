package io.reactivemq.operator;

import io.reactivemq.TopicPartition;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;

/**
 * A subscriber makes the source send a second element from within the first one's onNext, while another thread asks for it, and may be the one that hands it over. Both
 * count: if one count is lost, the outlet asks for too little ever after.
 */
@JCStressTest
@Outcome(id = "2, 3", expect = Expect.ACCEPTABLE, desc = "both are handed over, and one more is asked for")
@State
public class LaneCountStress {

    private final LaneOutlet<Integer> outlet = new LaneOutlet<>(new TopicPartition("lanes", 0), 4);
    private final LaneSubscription<Integer> subscription;
    private long asked;
    private long received;

    public LaneCountStress() {
        outlet.onSubscribe(new Subscription() {
            @Override
            public void request(long n) {
                asked += n;
            }

            @Override
            public void cancel() {}
        });
        subscription = new LaneSubscription<>(
                new CoreSubscriber<Integer>() {
                    @Override
                    public void onSubscribe(Subscription s) {}

                    @Override
                    public void onNext(Integer element) {
                        received++;
                        if (element == 1) {
                            outlet.onNext(2);
                        }
                    }

                    @Override
                    public void onError(Throwable failure) {}

                    @Override
                    public void onComplete() {}
                },
                outlet);
        subscription.request(1);
        outlet.join(subscription);
        outlet.drain();
    }

    @Actor
    public void source() {
        outlet.onNext(1);
    }

    @Actor
    public void subscriber() {
        subscription.request(1);
    }

    @Arbiter
    public void rest(JJ_Result result) {
        subscription.request(1);
        result.r1 = received;
        result.r2 = asked;
    }
}
