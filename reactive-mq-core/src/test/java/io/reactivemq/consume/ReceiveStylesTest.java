package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("at most once, batches, a pipeline a partition")
class ReceiveStylesTest extends ReceiverFixture {

    // ---------------------------------------------------------------- at most once

    @Test
    @DisplayName("M07 at most once: when a record is emitted, the offset behind it is committed already")
    void commitsBeforeItEmits() {
        broker.write(ONE_0, Batches.numbered(0, 30));
        List<Long> committedBefore = new ArrayList<>();
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                member("one").receiveAtmostOnce(),
                Recorder.<ReceiverRecord<String, String>>unbounded()
                        .onItem(r -> committedBefore.add(committed().getOrDefault(ONE_0, -1L) - r.offset())));

        assertThat(recorder.count()).isEqualTo(30);
        assertThat(committedBefore).allMatch(ahead -> ahead > 0);
        cancel(recorder);
    }

    @Test
    @DisplayName(
            "M07 at most once: an offset that is refused is not asked for again and again, and nothing is emitted meanwhile")
    void anOffsetThatIsRefused() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        broker.refuseCommitsOf(ONE_0);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("one").receiveAtmostOnce(), Long.MAX_VALUE);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(recorder.count()).isZero();
        assertThat(broker.commits()).hasSizeBetween(2, 40);

        broker.refuseCommitsOf(null);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(recorder.count()).isEqualTo(10);
        cancel(recorder);
    }

    @Test
    void whatIsCommittedAheadIsBoundedByTheOptionAndByDemand() {
        broker.write(ONE_0, Batches.numbered(0, 100));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").maxPollRecords(10)).receiveAtmostOnce(), 3);
        assertThat(recorder.count()).isEqualTo(3);
        assertThat(committed()).containsEntry(ONE_0, 3L);

        recorder.request(50);
        runtime.run();
        assertThat(recorder.count()).isEqualTo(53);
        assertThat(broker.commits().stream()
                        .map(c -> Objects.requireNonNull(c.offsets().get(ONE_0)).offset()))
                .containsExactly(3L, 13L, 23L, 33L, 43L, 53L);
        cancel(recorder);
    }

    @Test
    void anEndInGoodOrderTakesBackWhatWasCommittedAheadAndNotEmitted() {
        broker.write(ONE_0, Batches.numbered(0, 100));
        Recorder<ReceiverRecord<String, String>> recorder = new Recorder<>(100);
        recorder.onItem(r -> {
            if (r.offset() == 4) {
                recorder.cancel();
            }
        });
        subscribe(member("one").receiveAtmostOnce(), recorder);
        assertThat(recorder.count()).isEqualTo(5);
        assertThat(committed()).containsEntry(ONE_0, 5L);

        Recorder<ReceiverRecord<String, String>> next = subscribe(member("one").receiveAtmostOnce(), 1);
        assertThat(offsetsOf(next)).containsExactly(5L);
        cancel(next);
    }

    @Test
    void aCommitThatFailsForAWhileHoldsTheRecordsBack() {
        broker.write(ONE_0, Batches.numbered(0, 3));
        broker.failNextCommit(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "as the test says"));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("one").receiveAtmostOnce(), 10);
        assertThat(recorder.count()).isZero();
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(recorder.count()).isEqualTo(3);
        cancel(recorder);
    }

    @Test
    void atMostOnceNeedsAGroup() {
        assertThatThrownBy(() -> cursor("one").receiveAtmostOnce())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("group");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, Long.MIN_VALUE})
    void demandThatIsNotPositiveFailsThePipelineOfALane(long n) {
        broker.write(ONE_0, Batches.numbered(0, 3));
        List<Throwable> errors = new ArrayList<>();
        Recorder<Object> recorder = subscribe(
                member("one").receivePartitions(lane -> {
                    lane.subscribe(new BaseSubscriber<>() {
                        @Override
                        protected void hookOnSubscribe(Subscription subscription) {
                            subscription.request(n);
                        }

                        @Override
                        protected void hookOnError(Throwable error) {
                            errors.add(error);
                        }
                    });
                    return Mono.never();
                }),
                10);
        assertThat(errors)
                .singleElement()
                .satisfies(error -> assertThat(error)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("3.9"));
        cancel(recorder);
    }

    // ---------------------------------------------------------------- batches

    @Test
    void aBatchHoldsWhatIsThereOfOnePartitionAndIsAcknowledgedAsOne() {
        broker.write(TWO_0, Batches.numbered(0, 25));
        broker.write(TWO_1, Batches.numbered(25, 4));
        Recorder<ReceiverBatch<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("two").maxPollRecords(10)).receiveBatches(), 100);

        assertThat(recorder.items()).extracting(ReceiverBatch::size).containsExactlyInAnyOrder(10, 10, 5, 4);
        assertThat(recorder.items())
                .allSatisfy(batch -> assertThat(batch.records())
                        .allMatch(r -> r.topicPartition().equals(batch.topicPartition())));
        assertThat(committed()).isEmpty();
        recorder.items().forEach(batch -> assertThat(batch.acknowledge()).isTrue());
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 25L, TWO_1, 4L));
        cancel(recorder);
        assertThat(recorder.items().get(0).acknowledge()).as("too late").isFalse();
    }

    @Test
    void demandCountsBatchesAndTheWindowBoundsThem() {
        broker.write(ONE_0, Batches.numbered(0, 100));
        Recorder<ReceiverBatch<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").maxPollRecords(10).maxInFlight(25))
                        .receiveBatches(),
                1);
        assertThat(recorder.count()).isEqualTo(1);
        recorder.request(9);
        runtime.run();
        assertThat(recorder.items()).extracting(ReceiverBatch::size).containsExactly(10, 10, 5);
        recorder.items().get(0).acknowledge();
        runtime.run();
        assertThat(recorder.items()).extracting(ReceiverBatch::size).containsExactly(10, 10, 5, 10);
        cancel(recorder);
    }

    // ---------------------------------------------------------------- a pipeline a partition

    @Test
    void everyPartitionHasAPipelineUnderItsOwnDemand() {
        broker.write(TWO_0, Batches.numbered(0, 100));
        broker.write(TWO_1, Batches.numbered(100, 100));
        Sinks.Empty<Void> slow = Sinks.empty();
        Recorder<String> recorder = subscribe(
                member("two")
                        .receivePartitions(lane -> lane.concatMap(
                                r -> {
                                    r.acknowledge();
                                    return r.partition() == 0
                                            ? slow.asMono().thenReturn("slow")
                                            : Mono.just(lane.key() + "@" + r.offset());
                                },
                                1)),
                Long.MAX_VALUE);

        assertThat(recorder.items()).hasSize(100).startsWith("two-1@0").endsWith("two-1@99");
        slow.tryEmitEmpty();
        runtime.run();
        assertThat(recorder.count()).isEqualTo(200);
        cancel(recorder);
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 100L, TWO_1, 100L));
    }

    @Test
    void aPartitionIsHandedOverWhenItsPipelineHasEnded() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        broker.write(TWO_0, Batches.numbered(0, 5));
        Map<TopicPartition, Sinks.Empty<Void>> tails = new HashMap<>();
        Recorder<Long> recorder = subscribe(
                member("two").receivePartitions(lane -> {
                    Sinks.Empty<Void> tail = Sinks.empty();
                    tails.put(lane.key(), tail);
                    return lane.doOnNext(ReceiverRecord::acknowledge)
                            .map(ReceiverRecord::offset)
                            .concatWith(tail.asMono().cast(Long.class));
                }),
                Long.MAX_VALUE);
        assertThat(recorder.count()).isEqualTo(5);

        group.assign(TWO_1);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        assertThat(group.last().owned()).as("not released yet").isNull();
        Objects.requireNonNull(tails.get(TWO_0)).tryEmitEmpty();
        runtime.run();
        assertThat(group.last().owned()).containsExactly(TWO_1);
        assertThat(committed()).containsEntry(TWO_0, 5L);
        cancel(recorder);
    }

    @Test
    void aPipelineThatDoesNotEndIsCancelledWhenTheBoundHasPassed() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        List<TopicPartition> cancelled = new ArrayList<>();
        Recorder<Object> recorder = subscribe(
                receiver(o -> o.group("g").topics("two").rebalanceTimeout(Duration.ofSeconds(20)))
                        .receivePartitions(
                                lane -> lane.thenMany(Flux.never()).doOnCancel(() -> cancelled.add(lane.key()))),
                Long.MAX_VALUE);
        group.assign(TWO_1);
        runtime.advanceBy(Duration.ofSeconds(17));
        assertThat(cancelled).isEmpty();
        runtime.advanceBy(Duration.ofSeconds(2));
        assertThat(cancelled).containsExactly(TWO_0);
        assertThat(group.last().owned()).containsExactly(TWO_1);
        assertThat(recorder.isEnded()).isFalse();
        cancel(recorder);
        assertThat(cancelled).containsExactly(TWO_0, TWO_1);
    }

    @Test
    void aPipelineThatHasEnoughIsNoStallAndTheOthersGoOn() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<Long> recorder = subscribe(
                receiver.receivePartitions(lane -> lane.take(lane.key().partition() == 0 ? 2 : 100)
                        .doOnNext(ReceiverRecord::acknowledge)
                        .map(ReceiverRecord::offset)),
                Long.MAX_VALUE);
        assertThat(recorder.count()).isEqualTo(7);
        runtime.advanceBy(Duration.ofMinutes(30));
        broker.write(TWO_1, Batches.numbered(5, 1));
        runtime.run();
        assertThat(recorder.count()).isEqualTo(8);
        assertThat(broker.heartbeats()).noneMatch(h -> h.memberEpoch() < 0);
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 2L, TWO_1, 5L));
        cancel(recorder);
        assertThat(group.last().memberEpoch()).isEqualTo(-1);
    }

    @Test
    void theErrorOfAPipelineEndsTheWhole() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Recorder<Object> recorder = subscribe(
                member("one")
                        .receivePartitions(lane -> lane.doOnNext(ReceiverRecord::acknowledge)
                                .concatMap(r -> r.offset() == 3
                                        ? Mono.error(new IllegalStateException("3"))
                                                .hide()
                                        : Mono.empty())),
                Long.MAX_VALUE);
        assertThat(recorder.error()).hasMessage("3");
        runtime.run();
    }

    @Test
    void aDrainEndsThePipelinesAndThenTheFlux() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<Long> recorder = subscribe(
                receiver.receivePartitions(
                        lane -> lane.doOnNext(ReceiverRecord::acknowledge).map(ReceiverRecord::offset)),
                Long.MAX_VALUE);
        Recorder<DrainReport> drained =
                subscribe(receiver.drain(Duration.ofSeconds(1)).flux(), 1);
        assertThat(drained.last().committed()).containsEntry(TWO_0, 5L);
        assertThat(recorder.isCompleted()).isTrue();
    }

    @Test
    void theRecordsOfAPartitionAreForOneSubscriber() {
        broker.write(ONE_0, Batches.numbered(0, 1));
        Recorder<Object> recorder =
                subscribe(cursor("one").receivePartitions(lane -> Flux.merge(lane, lane)), Long.MAX_VALUE);
        assertThat(recorder.error()).isInstanceOf(IllegalStateException.class).hasMessageContaining("once only");
    }
}
