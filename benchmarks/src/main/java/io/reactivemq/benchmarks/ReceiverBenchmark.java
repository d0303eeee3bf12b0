package io.reactivemq.benchmarks;

import io.reactivemq.Serdes;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;

/**
 * What a member of a group costs: {@code acknowledge}, each of {@value #WINDOW} records of a partition that are all in flight, in an order or another;
 * and the milliseconds from a subscription to its first record, in a group that is new each time.
 */
@Fork(1)
public class ReceiverBenchmark {

    private static final int WINDOW = 100_000;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** A broker in memory with a topic of {@value #WINDOW} records. */
    private static EmbeddedBroker filled() {
        EmbeddedBroker broker = EmbeddedBroker.inMemory(256 << 20);
        broker.createTopic(NewTopic.of("t", 1)).block(LIMIT);
        Sender.on(broker, SenderOptions.of(Serdes.string(), Serdes.bytes()))
                .send(Flux.range(0, WINDOW).map(i -> SenderRecord.of("t", "k", new byte[20])))
                .blockLast(LIMIT);
        return broker;
    }

    private static Receiver<String, byte[]> member(EmbeddedBroker broker, String group) {
        return Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serdes.bytes(),
                        o -> o.group(group).topics("t").maxInFlight(WINDOW)));
    }

    /** A full window. */
    @State(Scope.Thread)
    public static class Acknowledging {

        /** In which order they are acknowledged. */
        @Param({"inOrder", "reversed", "shuffled"})
        private String order = "inOrder";

        private final EmbeddedBroker broker = filled();
        private List<ReceiverRecord<String, byte[]>> records = List.of();
        private @Nullable Receiver<String, byte[]> receiver;
        private int run;

        @Setup(Level.Invocation)
        public void receive() {
            Receiver<String, byte[]> member = member(broker, "g" + run++);
            List<ReceiverRecord<String, byte[]>> received = new ArrayList<>(WINDOW);
            // never ends: the subscription stays, and with it the window
            Flux<ReceiverRecord<String, byte[]>> shared =
                    member.receive().publish().autoConnect(2);
            Disposable unused = shared.subscribe(received::add);
            shared.take(WINDOW).blockLast(LIMIT);
            if (order.equals("reversed")) {
                Collections.reverse(received);
            } else if (order.equals("shuffled")) {
                Collections.shuffle(received, new Random(1));
            }
            records = received;
            receiver = member;
        }

        @TearDown(Level.Invocation)
        public void leave() {
            var report = Objects.requireNonNull(receiver).drain(LIMIT).block(LIMIT);
            if (report == null || report.abandoned() != 0) {
                throw new IllegalStateException("not all were acknowledged: " + report);
            }
        }

        @TearDown
        public void close() {
            broker.closeGracefully(LIMIT).block(LIMIT);
        }
    }

    @Benchmark
    @BenchmarkMode(Mode.SingleShotTime)
    @OutputTimeUnit(TimeUnit.NANOSECONDS)
    @OperationsPerInvocation(WINDOW)
    @Warmup(iterations = 20)
    @Measurement(iterations = 20)
    public void acknowledge(Acknowledging state) {
        for (ReceiverRecord<String, byte[]> received : state.records) {
            received.acknowledge();
        }
    }

    /** A broker whose groups are all new. */
    @State(Scope.Thread)
    public static class Starting {
        private final EmbeddedBroker broker = filled();
        private int run;

        @TearDown
        public void close() {
            broker.closeGracefully(LIMIT).block(LIMIT);
        }
    }

    @Benchmark
    @BenchmarkMode(Mode.SingleShotTime)
    @OutputTimeUnit(TimeUnit.MILLISECONDS)
    @Warmup(iterations = 20)
    @Measurement(iterations = 50)
    public ReceiverRecord<String, byte[]> startToFirstRecord(Starting state) {
        return Objects.requireNonNull(
                member(state.broker, "start-" + state.run++).receive().next().block(LIMIT));
    }
}
