package io.reactivemq.test.embedded;

import io.reactivemq.Serdes;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.test.SimulatedRuntime;
import io.reactivemq.test.embedded.EmbeddedFixture.Place;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A run that a seed decides, as text, for {@link DeterminismTest} to compare; also of another process. */
final class SimulatedRun {

    private static final Caller CALLER = Caller.embedded("test");

    private SimulatedRun() {}

    /** Arguments: a place and seeds. Prints the hash of each seed's run, a line each. */
    public static void main(String[] args) {
        Place place = Place.valueOf(args[0]);
        for (int i = 1; i < args.length; i++) {
            System.out.println(hashOf(place, Long.parseLong(args[i])));
        }
    }

    /** In hexadecimal. */
    static String hashOf(Place place, long seed) {
        return "seed " + seed + " " + Integer.toHexString(of(place, seed).hashCode());
    }

    /** Records flow while members of a group join and leave; what happened, as text. */
    static String of(Place place, long seed) {
        try (SimulatedFixture engine = SimulatedFixture.of(place, seed)) {
            SimulatedRuntime runtime = engine.runtime();
            SplittableRandom random = new SplittableRandom(seed);
            Broker broker = engine.open();
            engine.await(broker.createTopic(CALLER, NewTopic.of("t", 4)));
            List<String> received = new ArrayList<>();
            List<Disposable> members = new ArrayList<>();
            for (int step = 0; step < 12; step++) {
                int from = step * 50;
                engine.await(Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.string()))
                        .send(Flux.range(from, 50).map(i -> SenderRecord.of("t", "k" + i, "v" + i)))
                        .collectList());
                if (members.size() < 3 || random.nextBoolean()) {
                    String name = "member-" + step;
                    members.add(Receiver.on(
                                    broker,
                                    ReceiverOptions.of(
                                            Serdes.string(),
                                            Serdes.string(),
                                            o -> o.group("g").topics("t")))
                            .process(record -> {
                                received.add(name + " " + record + " at " + runtime.elapsed());
                                return Mono.delay(Duration.ofMillis(record.offset() % 5), runtime.timers());
                            })
                            .subscribe());
                } else {
                    members.remove(random.nextInt(members.size())).dispose();
                }
                engine.elapse(Duration.ofMillis(random.nextInt(3000)));
            }
            members.forEach(Disposable::dispose);
            engine.elapse(Duration.ofMinutes(1));
            return runtime.steps() + " steps, " + runtime.elapsed() + ", trace " + runtime.traceHash() + ", "
                    + received;
        }
    }
}
