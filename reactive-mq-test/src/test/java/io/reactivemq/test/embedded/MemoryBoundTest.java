package io.reactivemq.test.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.NewTopic;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.consume.Receiver;
import io.reactivemq.consume.ReceiverOptions;
import io.reactivemq.consume.ReceiverRecord;
import io.reactivemq.engine.EmbeddedBroker;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.test.Seeds;
import io.reactivemq.test.SimulatedRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Subscription;
import reactor.core.Disposable;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;

/** A broker in memory is held to its bytes: what every group has passed goes, and appends wait for that. */
@DisplayName("the bound of a broker in memory")
class MemoryBoundTest {

    private static final Caller CALLER = Caller.embedded("test");
    private static final int BOUND = 1 << 20;
    private static final String KILOBYTE = "x".repeat(1000);
    /** Four times the bound. */
    private static final int RECORDS = 4200;

    static LongStream seeds() {
        return Seeds.upTo(10);
    }

    @Test
    void appends_wait_at_the_bound_while_no_group_reads() {
        Run run = new Run(1);
        run.topic("t", 2);
        Sending sending = run.send("t", RECORDS);

        run.runtime.advance(Duration.ofSeconds(30));

        assertThat(sending.results).isBetween(BOUND / 1100 / 2, BOUND / 1000);
        assertThat(sending.error).isNull();
        int before = sending.results;
        run.runtime.advance(Duration.ofSeconds(30));
        assertThat(sending.results).isEqualTo(before);
        sending.subscription.dispose();
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    void appends_go_on_when_a_group_has_passed_segments_and_every_record_arrives(long seed) {
        Run run = new Run(seed);
        run.topic("t", 2);
        Sending sending = run.send("t", RECORDS);
        run.runtime.advance(Duration.ofSeconds(10));
        assertThat(sending.results).isLessThan(RECORDS);

        List<String> received = run.receive("g", "t");
        run.runtime.awaitUntil(() -> sending.results == RECORDS);
        run.runtime.awaitUntil(() -> received.size() == RECORDS);

        assertThat(received)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, RECORDS).mapToObj(i -> KILOBYTE + i).toList());
        assertThat(run.start(0)).isPositive();
    }

    @Test
    void the_slowest_group_holds_the_segments() {
        Run run = new Run(3);
        run.topic("t", 1);
        Sending sending = run.send("t", RECORDS);
        List<String> fast = run.receive("fast", "t");
        Receiver<String, String> slow = run.receiver("slow", "t");
        List<String> slowRead = new ArrayList<>();
        Disposable slowSubscription = slow.receiveAutoAck()
                .subscribeWith(new BaseSubscriber<ReceiverRecord<String, String>>() {
                    @Override
                    protected void hookOnSubscribe(Subscription subscription) {
                        subscription.request(10);
                    }

                    @Override
                    protected void hookOnNext(ReceiverRecord<String, String> record) {
                        slowRead.add(String.valueOf(record.value()));
                    }
                });
        run.runtime.advance(Duration.ofMinutes(1));

        assertThat(fast.size()).isLessThan(RECORDS / 2);
        assertThat(run.start(0)).isZero();
        assertThat(slowRead).hasSize(10);
        slowSubscription.dispose();
        List<String> slowAgain = run.receive("slow", "t");

        run.runtime.awaitUntil(() -> fast.size() == RECORDS);
        run.runtime.awaitUntil(() -> slowAgain.size() + slowRead.size() >= RECORDS);
        assertThat(sending.results).isEqualTo(RECORDS);
        assertThat(slowAgain).endsWith(KILOBYTE + (RECORDS - 1));
    }

    @Test
    void what_was_let_go_is_out_of_range_and_a_late_group_begins_at_the_first_record_there_is() {
        Run run = new Run(4);
        run.topic("t", 1);
        run.receive("g", "t");
        Sending sending = run.send("t", RECORDS);
        run.runtime.awaitUntil(() -> sending.results == RECORDS);

        long start = run.start(0);
        assertThat(start).isPositive();
        FetchResult.Partition part = run.runtime
                .await(run.broker.fetch(
                        CALLER,
                        new FetchRequest(
                                List.of(new FetchRequest.Partition(new TopicPartition("t", 0), 0, 1000)),
                                1,
                                1000,
                                Duration.ofSeconds(5))))
                .partitions()
                .get(0);
        MqException error = part.error();
        assertThat(error).isNotNull().extracting(MqException::errorCode).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE);
        assertThat(part.logStartOffset()).isEqualTo(start);
        List<String> late = run.receive("late", "t");
        run.runtime.awaitUntil(() -> late.size() == RECORDS - start);
        assertThat(late.get(0)).isEqualTo(KILOBYTE + start);
    }

    @Test
    void a_deleted_topic_gives_its_bytes_back() {
        Run run = new Run(5);
        run.topic("full", 1);
        run.topic("t", 1);
        Sending filling = run.send("full", RECORDS);
        run.runtime.advance(Duration.ofSeconds(10));
        Sending waiting = run.send("t", 100);
        run.runtime.advance(Duration.ofSeconds(1));
        assertThat(waiting.results).isZero();
        filling.subscription.dispose();

        run.runtime.await(run.broker.deleteTopic(CALLER, "full"));

        run.runtime.awaitUntil(() -> waiting.results == 100);
    }

    @Test
    void closing_ends_appends_that_wait() {
        Run run = new Run(6);
        run.topic("t", 1);
        Sending sending = run.send("t", RECORDS);
        run.runtime.advance(Duration.ofSeconds(10));

        run.runtime.await(run.broker.closeGracefully(Duration.ofSeconds(5)));

        run.runtime.awaitUntil(() -> sending.error != null, Duration.ofMinutes(5));
        assertThat(sending.error).isInstanceOf(MqException.class);
    }

    @Test
    void a_bound_too_small_for_a_batch_is_refused() {
        assertThat(catchThrowable(() -> EmbeddedBroker.inMemory(1000)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1000");
    }

    /** One broker with its runtime. */
    private static final class Run {
        final SimulatedRuntime runtime;
        final Broker broker;

        Run(long seed) {
            runtime = SimulatedRuntime.seeded(seed);
            broker = EmbeddedBroker.inMemory(BOUND, o -> o.runtime(runtime));
        }

        void topic(String name, int partitions) {
            runtime.await(broker.createTopic(CALLER, NewTopic.of(name, partitions)));
        }

        long start(int partition) {
            return runtime.await(broker.listOffset(CALLER, new TopicPartition("t", partition), OffsetSpec.earliest()));
        }

        Sending send(String topic, int count) {
            Sending sending = new Sending();
            Sender<String, String> sender = Sender.on(
                    broker,
                    SenderOptions.of(
                            Serdes.string(),
                            Serdes.string(),
                            o -> o.batchSizeBytes(8000).deliveryTimeout(Duration.ofHours(1))));
            sending.subscription = sender.send(
                            Flux.range(0, count).map(i -> SenderRecord.of(topic, "k" + i, KILOBYTE + i)))
                    .subscribe(result -> sending.results++, e -> sending.error = e);
            return sending;
        }

        Receiver<String, String> receiver(String group, String topic) {
            return Receiver.on(
                    broker,
                    ReceiverOptions.of(
                            Serdes.string(),
                            Serdes.string(),
                            o -> o.group(group).topics(topic).commitInterval(Duration.ofMillis(200))));
        }

        List<String> receive(String group, String topic) {
            List<String> received = new ArrayList<>();
            receiver(group, topic).receiveAutoAck().subscribe(r -> received.add(String.valueOf(r.value())));
            return received;
        }
    }

    private static final class Sending {
        int results;

        @Nullable Throwable error;

        Disposable subscription = () -> {};
    }
}
