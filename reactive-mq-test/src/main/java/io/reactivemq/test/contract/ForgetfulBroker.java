package io.reactivemq.test.contract;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.ForwardingBroker;
import java.time.Duration;
import java.util.Random;
import reactor.core.publisher.Mono;

/** The broker behind a connection that breaks: requests are lost, and so are the answers to requests that were carried out. */
final class ForgetfulBroker extends ForwardingBroker {

    private final Random random;
    private final int percent;
    private int lostAnswers;

    /** @param percent how many requests of a hundred are lost, and of the answers as many again */
    ForgetfulBroker(Broker broker, long seed, int percent) {
        super(broker);
        this.random = new Random(seed);
        this.percent = percent;
    }

    synchronized int lostAnswers() {
        return lostAnswers;
    }

    private synchronized boolean loses() {
        return random.nextInt(100) < percent;
    }

    private synchronized boolean losesAnswer() {
        boolean lost = random.nextInt(100) < percent;
        lostAnswers += lost ? 1 : 0;
        return lost;
    }

    @Override
    protected <T> Mono<T> forward(Mono<T> request) {
        return Mono.defer(() -> loses() ? Mono.<T>error(lost("request")) : request)
                .materialize()
                .flatMap(signal -> losesAnswer()
                        // not Mono.error, which would count as the operator's own
                        ? Mono.create(sink -> sink.error(lost("answer")))
                        : Mono.just(signal))
                .dematerialize();
    }

    /** What a client makes of a lost connection: it can be tried again. */
    private static MqException lost(String what) {
        return new MqException(ErrorCode.REQUEST_TIMED_OUT, "the " + what + " was lost");
    }

    @Override
    public Mono<Void> closeGracefully(Duration timeout) {
        return Mono.error(new IllegalStateException("a client does not close the broker"));
    }
}
