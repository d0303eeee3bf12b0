package io.reactivemq.test.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.TraceContext;
import io.reactivemq.broker.Acks;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.InitProducerId;
import io.reactivemq.broker.ProducerIdAndEpoch;
import io.reactivemq.produce.Sender;
import io.reactivemq.produce.SenderOptions;
import io.reactivemq.produce.SenderRecord;
import io.reactivemq.produce.SenderResult;
import io.reactivemq.produce.TransactionalSender;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;

/** What a Sender promises on a broker that answers, and on one whose answers are lost. */
@DisplayName("sender")
public abstract class SenderContract extends EngineContract {

    private static Sender<String, String> sender(io.reactivemq.broker.Broker on, Acks acks, boolean idempotence) {
        return Sender.on(
                on,
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.acks(acks)
                                .idempotence(idempotence)
                                .batchSizeBytes(300)
                                .retryBackoff(Duration.ofMillis(1))));
    }

    private static Flux<SenderRecord<String, String>> records(String topic, int from, int count) {
        return Flux.range(from, count).map(i -> SenderRecord.of(topic, "k" + i % 7, "v" + i));
    }

    @RepeatedTest(5)
    @DisplayName("K06 M07 answers are lost, and no record is there twice or missing, in the order of sending")
    void lost_answers(RepetitionInfo repetition) {
        useSeed(repetition.getCurrentRepetition());
        topic("t", 3);
        ForgetfulBroker forgetful = new ForgetfulBroker(broker(), repetition.getCurrentRepetition(), 20);
        Sender<String, String> sender = sender(forgetful, Acks.ALL, true);

        List<SenderResult<String, String>> results = new ArrayList<>();
        results.addAll(await(sender.send(records("t", 0, 200)).collectList()));
        results.addAll(await(sender.send(records("t", 200, 200)).collectList()));
        restartIfDurable();

        assertThat(forgetful.lostAnswers()).isPositive();
        assertThat(results).hasSize(400);
        for (int partition = 0; partition < 3; partition++) {
            TopicPartition id = new TopicPartition("t", partition);
            List<String> sent = new ArrayList<>();
            List<Long> offsets = new ArrayList<>();
            for (SenderResult<String, String> result : results) {
                if (result.partition().equals(id)) {
                    sent.add(String.valueOf(result.record().value()));
                    offsets.add(result.offset());
                }
            }
            List<StoredRecord> stored = readAll(id);
            assertThat(stored).extracting(StoredRecord::value).isEqualTo(sent);
            assertThat(stored).extracting(StoredRecord::offset).isEqualTo(offsets);
        }
    }

    @Test
    @DisplayName("K06 a topic that has the log's time takes a batch that is sent again once, too")
    void lost_answers_with_append_time() {
        topic("t", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        ForgetfulBroker forgetful = new ForgetfulBroker(broker(), 3, 30);

        await(sender(forgetful, Acks.ALL, true).send(records("t", 0, 100)).collectList());

        assertThat(forgetful.lostAnswers()).isPositive();
        assertThat(readAll(new TopicPartition("t", 0))).hasSize(100);
    }

    @Test
    @DisplayName("K06 without idempotence a lost answer leaves a record there twice: this test can tell")
    void without_idempotence() {
        topic("t", 1);
        ForgetfulBroker forgetful = new ForgetfulBroker(broker(), 3, 30);

        await(sender(forgetful, Acks.ALL, false).send(records("t", 0, 100)).collectList());

        assertThat(readAll(new TopicPartition("t", 0))).hasSizeGreaterThan(100);
    }

    @Test
    @DisplayName("K06 a send that was given up leaves its Sender fit for the next")
    void after_a_failed_send() {
        topic("t", 1, Map.of("max.message.bytes", "400"));
        Sender<String, String> sender = sender(broker(), Acks.ALL, true);
        await(sender.send(records("t", 0, 20)).collectList());
        Flux<SenderRecord<String, String>> tooLarge = Flux.just(SenderRecord.of("t", "x".repeat(1_000)));

        assertThat(await(sender.send(tooLarge).collectList()))
                .singleElement()
                .satisfies(result -> assertThat(result.error()).isNotNull());
        await(sender.send(records("t", 20, 20)).collectList());

        assertThat(readAll(new TopicPartition("t", 0))).hasSize(40);
    }

    @Test
    @DisplayName("K21 N03 a record that is refused has its error as its result, and those around it are sent, in order")
    void each_records_own_result() {
        topic("t", 1, Map.of("max.message.bytes", "400"));
        Flux<SenderRecord<String, String>> some = Flux.range(0, 30)
                .map(i -> i % 10 == 7
                        ? SenderRecord.of("t", "k", "x".repeat(1_000) + i)
                        : SenderRecord.of(i == 15 ? "nowhere" : "t", "k", "v" + i));

        List<SenderResult<String, String>> results =
                await(sender(broker(), Acks.ALL, true).send(some).collectList());

        assertThat(results).hasSize(30);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            SenderResult<String, String> result = results.get(i);
            MqException error = result.error();
            if (error == null) {
                sent.add(result.offset() + " " + result.record().value());
            } else {
                assertThat(error.errorCode())
                        .as("record %s", i)
                        .isEqualTo(i == 15 ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.MESSAGE_TOO_LARGE);
            }
            assertThat(result.isFailed()).as("record %s", i).isEqualTo(i % 10 == 7 || i == 15);
        }
        assertThat(sent).hasSize(26);
        assertThat(readAll(new TopicPartition("t", 0)))
                .extracting(record -> record.offset() + " " + record.value())
                .isEqualTo(sent);
    }

    @Test
    @DisplayName("N03 K12 in a transaction a record that is refused aborts it, and the next goes on")
    void refused_in_a_transaction() {
        topic("t", 1, Map.of("max.message.bytes", "400"));
        TransactionalSender<String, String> sender =
                sender(broker(), Acks.ALL, true).transactional("tx");

        assertFails(
                sender.send(records("t", 0, 5).concatWithValues(SenderRecord.of("t", "x".repeat(1_000))))
                        .collectList(),
                ErrorCode.MESSAGE_TOO_LARGE);
        await(sender.send(records("t", 5, 5)).collectList());

        assertThat(await(broker().describeTransaction(Caller.embedded("test"), "tx"))
                        .state()
                        .text())
                .contains("Commit");
    }

    @Test
    @DisplayName("K18 acks 1 and all answer with the offset, acks 0 without, and all three have sent")
    void acks() {
        topic("t", 1);
        long expected = 0;
        for (Acks acks : Acks.values()) {
            List<SenderResult<String, String>> results =
                    await(sender(broker(), acks, false).send(records("t", 0, 3)).collectList());
            assertThat(results)
                    .extracting(SenderResult::offset)
                    .isEqualTo(
                            acks == Acks.NONE ? List.of(-1L, -1L, -1L) : List.of(expected, expected + 1, expected + 2));
            expected += 3;
            restartIfDurable();
            assertThat(endOf(new TopicPartition("t", 0))).isEqualTo(expected);
        }
    }

    @Test
    @DisplayName("M12 a rate limit holds records back, and demand with them")
    void rate_limit() {
        topic("t", 1);
        Sender<String, String> sender = Sender.on(
                broker(),
                SenderOptions.of(
                        Serdes.string(),
                        Serdes.string(),
                        o -> o.recordsPerSecond(100).maxInFlight(4)));
        AtomicLong requested = new AtomicLong();
        long begin = broker().runtime().nanoTime();

        List<SenderResult<String, String>> results =
                await(sender.send(records("t", 0, 50).doOnRequest(requested::addAndGet))
                        .collectList());

        assertThat(results).hasSize(50);
        // a tenth of a second may be made up for
        assertThat(broker().runtime().nanoTime() - begin)
                .isGreaterThanOrEqualTo(Duration.ofMillis(390).toNanos());
        assertThat(requested.get()).isLessThanOrEqualTo(54);
        assertThat(readAll(new TopicPartition("t", 0))).hasSize(50);
    }

    @Test
    @DisplayName("M20 the trace of the pipeline goes out with its records, but for those that have their own")
    void trace() {
        topic("t", 1);
        TraceContext trace = new TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b");
        TraceContext own = new TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", null);
        Flux<SenderRecord<String, String>> two = Flux.just(
                SenderRecord.of("t", "k", "v"),
                SenderRecord.<String, String>of("t", "k", "w").withHeaders(own.addTo(Headers.empty())));

        await(sender(broker(), Acks.ALL, true)
                .send(two)
                .contextWrite(trace::addTo)
                .collectList());

        assertThat(readAll(new TopicPartition("t", 0)))
                .extracting(record -> TraceContext.of(record.headers()))
                .containsExactly(trace, own);
    }

    @Test
    @DisplayName("interceptors see each record in turn before it is sent")
    void interceptors() {
        topic("t", 1);
        Sender<String, String> sender = sender(broker(), Acks.ALL, true)
                .intercept(record -> record.withHeaders(record.headers().with("a", "1")))
                .intercept(record -> record.withHeaders(
                        record.headers().with("b", record.headers().lastAsString("a") + "2")));

        await(sender.send(records("t", 0, 2)).collectList());

        assertThat(readAll(new TopicPartition("t", 0)))
                .extracting(record -> record.headers().lastAsString("b"))
                .containsExactly("12", "12");
    }

    @Test
    @DisplayName("K06 a producer id is given once, restarts or not")
    void producer_ids() {
        Set<Long> ids = new HashSet<>();
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 1_100; i++) {
                ProducerIdAndEpoch producer = await(broker().initProducerId(CALLER, InitProducerId.idempotent()));
                assertThat(producer.epoch()).isZero();
                assertThat(ids.add(producer.producerId()))
                        .as("%s is new", producer)
                        .isTrue();
            }
            restartIfDurable();
            if (!engine().isDurable()) {
                return;
            }
        }
    }

    @Test
    @DisplayName("K06 asked for at once, producer ids are given once, too")
    void producer_ids_at_once() {
        List<ProducerIdAndEpoch> all = await(Flux.range(0, 2_500)
                .flatMap(i -> broker().initProducerId(CALLER, InitProducerId.idempotent()), 100)
                .collectList());

        assertThat(all).doesNotHaveDuplicates().hasSize(2_500);
    }

    @Test
    @DisplayName("K18 idempotence without acks=all is refused when the options are made")
    void idempotence_needs_acks_all() {
        assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> sender(broker(), Acks.LEADER, true)))
                .isInstanceOf(IllegalArgumentException.class)
                .isNotInstanceOf(MqException.class)
                .hasMessageContaining("idempotence needs acks ALL, was LEADER");
    }
}
