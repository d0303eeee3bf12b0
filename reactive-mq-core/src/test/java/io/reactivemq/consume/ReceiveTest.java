package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serde;
import io.reactivemq.Serdes;
import io.reactivemq.TimestampType;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.FetchRequest;
import io.reactivemq.broker.FetchResult;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.testing.ScriptedBroker;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.CoreSubscriber;
import reactor.core.publisher.Mono;

@DisplayName("receive, with a cursor of one's own")
class ReceiveTest extends ReceiverFixture {

    private static List<String> numbers(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> "v" + i).toList();
    }

    @Test
    void everythingThereIsAndThenWhatComes() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        broker.write(ONE_0, Batches.numbered(3, 2));

        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), Long.MAX_VALUE);
        assertThat(valuesOf(recorder)).isEqualTo(numbers(0, 5));

        broker.write(ONE_0, Batches.numbered(5, 4));
        runtime.run();
        assertThat(valuesOf(recorder)).isEqualTo(numbers(0, 9));
        assertThat(offsetsOf(recorder)).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L);
        cancel(recorder);
    }

    @Test
    void aRecordHasItsPlaceTimeKeyValueAndHeaders() {
        Headers headers = Headers.empty().with("a", "1").with("b", (byte[]) null);
        broker.write(TWO_1, Batches.of("k".getBytes(StandardCharsets.UTF_8), null, headers));

        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("two").receive(), 10);

        ReceiverRecord<String, String> received = recorder.last();
        assertThat(received.topicPartition()).isEqualTo(TWO_1);
        assertThat(received.topic()).isEqualTo("two");
        assertThat(received.partition()).isEqualTo(1);
        assertThat(received.offset()).isZero();
        assertThat(received.timestampMs()).isEqualTo(1_000);
        assertThat(received.timestampType()).isEqualTo(TimestampType.CREATE_TIME);
        assertThat(received.key()).isEqualTo("k");
        assertThat(received.value()).isNull();
        assertThat(received.headers()).isEqualTo(headers);
        cancel(recorder);
    }

    @Test
    void demandIsMetExactly() {
        broker.write(ONE_0, Batches.numbered(0, 100));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), 3);

        assertThat(recorder.count()).isEqualTo(3);
        recorder.request(1);
        runtime.run();
        assertThat(recorder.count()).isEqualTo(4);
        recorder.request(50);
        recorder.request(6);
        runtime.run();
        assertThat(valuesOf(recorder)).isEqualTo(numbers(0, 60));
        cancel(recorder);
    }

    @Test
    void nothingIsFetchedWithoutDemand() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), 0);
        runtime.advanceBy(Duration.ofMinutes(1));

        assertThat(broker.fetches()).isEmpty();
        recorder.request(5);
        runtime.run();
        assertThat(recorder.count()).isEqualTo(5);
        int fetches = broker.fetches().size();
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(broker.fetches()).hasSizeLessThanOrEqualTo(fetches + 1);
        cancel(recorder);
    }

    @Test
    void whatIsFetchedAheadIsBounded() {
        for (int i = 0; i < 100; i++) {
            broker.write(ONE_0, Batches.of("x".repeat(10_000)));
        }
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.topics("one").partitionFetchMaxBytes(20_000)).receive(), 1);
        for (int i = 0; i < 99; i++) {
            recorder.request(1);
            runtime.run();
            long next = broker.fetches()
                    .get(broker.fetches().size() - 1)
                    .partitions()
                    .get(0)
                    .offset();
            assertThat(next).as("fetched with %d emitted", recorder.count()).isLessThanOrEqualTo(recorder.count() + 2);
        }
        assertThat(recorder.count()).isEqualTo(100);
        cancel(recorder);
    }

    @Test
    void anIdleReceiverPollsOnceAnInterval() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("two").receive(), 10);

        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(broker.fetches()).hasSizeBetween(20, 22);
        FetchRequest first = broker.fetches().get(0);
        assertThat(first.partitions())
                .extracting(FetchRequest.Partition::partition)
                .containsExactly(TWO_0, TWO_1);
        assertThat(first.minBytes()).isEqualTo(1);
        assertThat(first.maxWait()).isEqualTo(Duration.ofMillis(500));
        cancel(recorder);
    }

    @Test
    void aPartitionThatIsReadEmptyDoesNotWaitForTheLongPollOfTheOthers() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one", "two").receive(), 1000);
        broker.write(TWO_0, Batches.numbered(0, 1));
        runtime.run();

        broker.write(TWO_0, Batches.numbered(1, 1));
        broker.write(ONE_0, Batches.numbered(2, 1));
        broker.write(TWO_1, Batches.numbered(3, 1));
        runtime.run();

        assertThat(valuesOf(recorder)).containsExactlyInAnyOrder("v0", "v1", "v2", "v3");
        cancel(recorder);
    }

    @Test
    void aBatchThatBeginsBelowTheWantedOffsetIsCutAndControlBatchesAreSkipped() {
        broker.write(ONE_0, Batches.numbered(0, 4));
        broker.write(ONE_0, Batches.control());
        broker.write(ONE_0, Batches.numbered(5, 2));
        broker.write(ONE_0, Batches.control());
        broker.commit("g", ONE_0, 2);

        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receiveAutoAck(), 100);

        assertThat(offsetsOf(recorder)).containsExactly(2L, 3L, 5L, 6L);
        cancel(recorder);
        assertThat(committed()).as("past the last control batch").containsEntry(ONE_0, 8L);
    }

    @Test
    void startsAtTheLatestOrAtATime() {
        broker.write(ONE_0, Batches.numbered(0, 4));
        Recorder<ReceiverRecord<String, String>> latest = subscribe(
                receiver(o -> o.topics("one").startFrom(OffsetSpec.latest())).receive(), 10);
        Recorder<ReceiverRecord<String, String>> atTime = subscribe(
                receiver(o -> o.topics("one").startFrom(OffsetSpec.atOrAfter(500)))
                        .receive(),
                10);
        broker.write(ONE_0, Batches.numbered(4, 1));
        runtime.run();

        assertThat(valuesOf(latest)).containsExactly("v4");
        assertThat(atTime.count()).isEqualTo(5);
        cancel(latest);
        cancel(atTime);
    }

    @Test
    void noPartitionWaitsUntilAnotherIsRead() {
        broker.write(TWO_0, Batches.numbered(0, 3_000));
        broker.write(TWO_1, Batches.numbered(0, 3_000));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("two").receive(), 2_000);

        Map<TopicPartition, Long> counts = recorder.items().stream()
                .collect(Collectors.groupingBy(ReceiverRecord::topicPartition, Collectors.counting()));
        assertThat(counts)
                .hasSize(2)
                .allSatisfy((partition, count) -> assertThat(count).isGreaterThan(700));
        cancel(recorder);
    }

    @Test
    void aPartitionWithTooMuchInFlightWaitsAndTheOthersDoNot() {
        broker.write(TWO_0, Batches.numbered(0, 50));
        broker.write(TWO_1, Batches.numbered(100, 50));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(receiver(o -> o.topics("two").maxInFlight(10)).receive(), Long.MAX_VALUE);
        assertThat(recorder.count()).isEqualTo(20);

        recorder.items().stream().filter(r -> r.partition() == 1).forEach(ReceiverRecord::acknowledge);
        runtime.run();
        assertThat(recorder.items()).filteredOn(r -> r.partition() == 0).hasSize(10);
        assertThat(recorder.items()).filteredOn(r -> r.partition() == 1).hasSize(20);

        // out of order: the oldest last
        List<ReceiverRecord<String, String>> first =
                recorder.items().stream().filter(r -> r.partition() == 0).toList();
        first.subList(1, 10).forEach(ReceiverRecord::acknowledge);
        runtime.run();
        assertThat(recorder.items()).filteredOn(r -> r.partition() == 0).hasSize(10);
        first.get(0).acknowledge();
        runtime.run();
        assertThat(recorder.items()).filteredOn(r -> r.partition() == 0).hasSize(20);
        cancel(recorder);
    }

    @Test
    void everythingArrivesThroughASmallWindow() {
        broker.write(ONE_0, Batches.numbered(0, 1_000));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.topics("one").maxInFlight(1)).receive(),
                Recorder.<ReceiverRecord<String, String>>unbounded().onItem(ReceiverRecord::acknowledge));

        assertThat(valuesOf(recorder)).isEqualTo(numbers(0, 1_000));
        cancel(recorder);
    }

    @Test
    void bytesThatCanNotBeReadAreTheReadersProblemAndNotTheStreams() {
        broker.write(ONE_0, Batches.of("1"));
        broker.write(ONE_0, Batches.of("one"));
        broker.write(ONE_0, Batches.of("3"));
        Receiver<String, Integer> receiver = Receiver.on(
                broker,
                ReceiverOptions.of(
                        Serdes.string(),
                        Serde.of(
                                i -> new byte[0], bytes -> Integer.parseInt(new String(bytes, StandardCharsets.UTF_8))),
                        o -> o.topics("one")));
        Recorder<ReceiverRecord<String, Integer>> recorder = subscribe(receiver.receive(), 10);

        assertThat(recorder.items().get(0).value()).isEqualTo(1);
        assertThat(recorder.items().get(2).value()).isEqualTo(3);
        ReceiverRecord<String, Integer> unreadable = recorder.items().get(1);
        assertThat(unreadable.key()).isNull();
        for (int i = 0; i < 2; i++) {
            assertThat(catchThrowable(unreadable::value))
                    .isInstanceOfSatisfying(
                            MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.INVALID_RECORD))
                    .hasMessageContaining("one-0 at offset 1")
                    .hasCauseInstanceOf(NumberFormatException.class);
        }
        cancel(recorder);
    }

    @Test
    void aTopicThatIsNotThereYetIsWaitedForWithoutHaste() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one", "later").receive(), 10);
        assertThat(recorder.count()).isEqualTo(1);
        runtime.advanceBy(Duration.ofSeconds(20));
        assertThat(broker.describes()).hasSizeBetween(15, 30);

        broker.topic("later", 1);
        broker.write(new TopicPartition("later", 0), Batches.numbered(1, 1));
        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(valuesOf(recorder)).containsExactly("v0", "v1");
        cancel(recorder);
    }

    @Test
    void aFetchThatFailsIsRepeatedWithoutHasteAndHoldsUpNoOther() {
        for (int i = 0; i < 5; i++) {
            broker.failNextFetch(TWO_0, new MqException(ErrorCode.KAFKA_STORAGE_ERROR, "disk"));
        }
        broker.write(TWO_0, Batches.numbered(0, 1));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("two").receive(), 10);
        broker.write(TWO_1, Batches.numbered(1, 1));
        runtime.run();
        assertThat(valuesOf(recorder)).containsExactly("v1");

        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(valuesOf(recorder)).containsExactly("v1", "v0");
        assertThat(broker.fetches()).hasSizeLessThan(30);
        cancel(recorder);
    }

    @Test
    void anErrorThatNoRetryCanHelpEndsTheStream() {
        broker.failNextFetch(ONE_0, new MqException(ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, "too old"));

        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), 10);

        assertThat(recorder.error()).isInstanceOf(MqException.class).hasMessageContaining("too old");
    }

    @Test
    void aPositionOutsideTheLogBeginsAnewAtTheStart() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        broker.write(ONE_0, Batches.numbered(3, 3));
        broker.deleteBefore(ONE_0, 3);
        broker.commit("g", ONE_0, 1);
        Recorder<ReceiverRecord<String, String>> below = subscribe(member("one").receiveAutoAck(), 10);
        assertThat(valuesOf(below)).isEqualTo(numbers(3, 6));
        cancel(below);
        assertThat(committed()).containsEntry(ONE_0, 6L);

        broker.commit("g", ONE_0, 700);
        Recorder<ReceiverRecord<String, String>> beyond =
                subscribe(member("one").receiveAutoAck(), 10);
        assertThat(valuesOf(beyond)).isEqualTo(numbers(3, 6));
        cancel(beyond);
        assertThat(committed()).containsEntry(ONE_0, 6L);
    }

    @Test
    void aPositionThatIsOutsideAgainAndAgainIsNotResetInHaste() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        for (int i = 0; i < 6; i++) {
            broker.failNextFetch(ONE_0, new MqException(ErrorCode.OFFSET_OUT_OF_RANGE, "gone"));
        }
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), 10);
        assertThat(broker.fetches()).hasSizeLessThan(4);
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(valuesOf(recorder)).containsExactly("v0");
        cancel(recorder);
    }

    @Test
    void aCorruptBatchEndsTheStreamWithAnErrorThatSaysWhere() {
        broker.write(ONE_0, Batches.numbered(0, 2));
        ByteBuffer broken = Batches.numbered(2, 1);
        broken.put(61, (byte) 100);
        broker.write(ONE_0, broken);

        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(cursor("one").receive(), 10);

        assertThat(recorder.count()).isEqualTo(2);
        assertThat(recorder.error())
                .isInstanceOf(MqException.class)
                .hasMessageContaining("one-0")
                .hasMessageContaining("offset 2");
    }

    @Test
    void aSecondSubscriptionIsRefusedUntilTheFirstHasEnded() {
        Receiver<String, String> receiver = cursor("one");
        Recorder<ReceiverRecord<String, String>> first = subscribe(receiver.receive(), 1);

        Recorder<Outcome> second = subscribe(receiver.process(r -> Mono.empty()), 1);
        assertThat(second.error()).isInstanceOf(IllegalStateException.class).hasMessageContaining("one at a time");

        first.cancel();
        Recorder<ReceiverRecord<String, String>> third = subscribe(receiver.receiveAutoAck(), 1);
        assertThat(third.isEnded()).isFalse();
        cancel(third);
    }

    @Test
    void demandOfNothingIsAnError() {
        Recorder<ReceiverRecord<String, String>> recorder = new Recorder<>(0);
        cursor("one").receive().subscribe(new CoreSubscriber<>() {
            @Override
            public void onSubscribe(Subscription s) {
                recorder.onSubscribe(s);
                s.request(0);
            }

            @Override
            public void onNext(ReceiverRecord<String, String> item) {
                recorder.onNext(item);
            }

            @Override
            public void onError(Throwable e) {
                recorder.onError(e);
            }

            @Override
            public void onComplete() {
                recorder.onComplete();
            }
        });
        runtime.run();
        assertThat(recorder.error())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("3.9");
    }

    @Test
    void assignmentsAndLagAreToldAtTheSide() {
        broker.write(TWO_0, Batches.numbered(0, 7));
        Receiver<String, String> receiver = cursor("two");
        Recorder<Set<TopicPartition>> assignments = subscribe(receiver.assignments(), 10);
        Recorder<Map<TopicPartition, Long>> none = new Recorder<>(1);
        receiver.lag().subscribe(none);
        assertThat(none.last()).isEmpty();

        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 5);
        recorder.items().subList(0, 3).forEach(ReceiverRecord::acknowledge);
        Recorder<Map<TopicPartition, Long>> lag = new Recorder<>(1);
        receiver.lag().subscribe(lag);
        runtime.run();

        assertThat(lag.last()).isEqualTo(Map.of(TWO_0, 4L, TWO_1, 0L));
        Recorder<Set<TopicPartition>> late = subscribe(receiver.assignments(), 10);
        assertThat(late.items()).containsExactly(Set.of(TWO_0, TWO_1));
        cancel(recorder);
        assertThat(assignments.items()).containsExactly(Set.of(), Set.of(TWO_0, TWO_1), Set.of());
    }

    @Test
    void theWorkerRunsAllThatTheSubscriberSees() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        boolean[] elsewhere = new boolean[1];
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                cursor("one").receive(),
                Recorder.<ReceiverRecord<String, String>>unbounded().onItem(r -> elsewhere[0] |= !runtime.onWorker()));

        assertThat(recorder.count()).isEqualTo(5);
        assertThat(elsewhere[0]).isFalse();
        cancel(recorder);
    }

    @Test
    void aReceiverThatIsStartedAndCancelledAtOnceLeavesNothingBehind() {
        Recorder<ReceiverRecord<String, String>> recorder = new Recorder<>(10);
        cursor("one").receive().subscribe(recorder);
        recorder.cancel();
        runtime.run();

        assertThat(broker.fetches()).isEmpty();
        assertThat(broker.describes()).isEmpty();
    }

    @Test
    void aRuntimeThatHasBeenStoppedIsAnErrorAndNotSilence() {
        ScriptedBroker stopped = new ScriptedBroker(new StoppedRuntime(runtime)).topic("one", 1);
        Receiver<String, String> receiver =
                Receiver.on(stopped, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> o.topics("one")));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 1);

        assertThat(recorder.error()).isInstanceOf(RejectedExecutionException.class);
        assertThat(receiver.drain(Duration.ofSeconds(1)).block(Duration.ofSeconds(1)))
                .isNotNull();
    }

    @Test
    void aBrokerThatAnswersEmptyAtOnceDoesNotMakeUsSpin() {
        AtomicInteger fetches = new AtomicInteger();
        Broker hasty = (Broker) Proxy.newProxyInstance(
                Broker.class.getClassLoader(), new Class<?>[] {Broker.class}, (proxy, method, arguments) -> {
                    if (!method.getName().equals("fetch")) {
                        return method.invoke(broker, arguments);
                    }
                    fetches.incrementAndGet();
                    List<FetchResult.Partition> parts = ((FetchRequest) arguments[1])
                            .partitions().stream()
                                    .map(p -> new FetchResult.Partition(
                                            p.partition(), null, 0, 0, ByteBuffer.allocate(0)))
                                    .toList();
                    return Mono.just(new FetchResult(parts));
                });
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                Receiver.on(hasty, ReceiverOptions.of(Serdes.string(), Serdes.string(), o -> o.topics("two")))
                        .receive(),
                1);
        runtime.advanceBy(Duration.ofSeconds(1));

        assertThat(fetches).hasValueBetween(10, 120);
        cancel(recorder);
    }
}
