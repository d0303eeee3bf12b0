package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.GroupHeartbeatResult;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("receive, as a member of a group")
class GroupReceiverTest extends ReceiverFixture {

    private static final Duration REBALANCE_TIMEOUT = Duration.ofSeconds(60);

    private final ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);

    @BeforeEach
    void records() {
        broker.write(TWO_0, Batches.numbered(0, 10));
        broker.write(TWO_1, Batches.numbered(100, 10));
    }

    private static void acknowledge(
            Recorder<ReceiverRecord<String, String>> recorder, TopicPartition partition, int n) {
        recorder.items().stream()
                .filter(r -> r.topicPartition().equals(partition))
                .limit(n)
                .forEach(r -> assertThat(r.acknowledge()).isTrue());
    }

    private void heartbeat() {
        runtime.advanceBy(ScriptedGroup.INTERVAL);
    }

    @Test
    void joinsReportsWhatItOwnsAndStays() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);

        GroupHeartbeat join = broker.heartbeats().get(0);
        assertThat(join.memberEpoch()).isEqualTo(GroupHeartbeat.JOIN);
        assertThat(UUID.fromString(join.memberId()).version()).isEqualTo(4);
        assertThat(join.subscribedTopics()).containsExactly("two");
        assertThat(join.rebalanceTimeout()).isEqualTo(REBALANCE_TIMEOUT);
        assertThat(join.owned()).isEmpty();
        assertThat(broker.heartbeats().get(1).owned()).containsExactlyInAnyOrder(TWO_0, TWO_1);
        assertThat(broker.heartbeats()).hasSize(2);
        runtime.advanceBy(ScriptedGroup.INTERVAL.multipliedBy(10));
        assertThat(broker.heartbeats()).hasSize(12);
        assertThat(group.last()).isEqualTo(GroupHeartbeat.stay("g", join.memberId(), 1, null));
        assertThat(recorder.count()).isEqualTo(20);
        cancel(recorder);
    }

    @Test
    void startsWhereTheGroupHasCommittedAndElseWhereItIsTold() {
        broker.commit("g", TWO_1, 7);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);

        assertThat(recorder.items()).filteredOn(r -> r.partition() == 0).hasSize(10);
        assertThat(recorder.items())
                .filteredOn(r -> r.partition() == 1)
                .extracting(ReceiverRecord::offset)
                .containsExactly(7L, 8L, 9L);
        cancel(recorder);
    }

    @Test
    @DisplayName("K12 where a transaction is about to move what is committed, a member waits for its end")
    void waitsForTheEndOfATransaction() {
        broker.commit("g", TWO_0, 3);
        broker.setUnstable(true);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        assertThat(recorder.items()).isEmpty();

        broker.commit("g", TWO_0, 7);
        broker.setUnstable(false);
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(recorder.items())
                .filteredOn(r -> r.partition() == 0)
                .extracting(ReceiverRecord::offset)
                .containsExactly(7L, 8L, 9L);
        cancel(recorder);
    }

    @Test
    @DisplayName("K02 what is acknowledged is committed at every interval, and the next member begins there")
    void commitsAtEveryInterval() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_0, 4);
        acknowledge(recorder, TWO_1, 10);
        recorder.items().get(6).acknowledge();
        runtime.advanceBy(Duration.ofMillis(4_999));
        assertThat(broker.commits()).isEmpty();

        runtime.advanceBy(Duration.ofMillis(1));

        assertThat(committed()).isEqualTo(Map.of(TWO_0, 4L, TWO_1, 10L));
        OffsetCommit commit = broker.commits().get(0);
        assertThat(commit.memberEpoch()).isEqualTo(1);
        assertThat(commit.memberId()).isEqualTo(group.last().memberId());
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(broker.commits()).as("nothing new").hasSize(1);
        cancel(recorder);
        assertThat(broker.commits()).hasSize(1);

        Recorder<ReceiverRecord<String, String>> next = subscribe(member("two").receive(), 100);
        assertThat(offsetsOf(next)).containsExactly(4L, 5L, 7L, 8L, 9L);
        cancel(next);
    }

    @Test
    void whatIsRevokedStopsAtOnceWaitsForWhatIsInFlightCommitsAndIsReleased() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 15);
        int emitted = recorder.count();
        assertThat(emitted).isEqualTo(15);
        long inFlight =
                recorder.items().stream().filter(r -> r.partition() == 1).count();
        acknowledge(recorder, TWO_1, 2);
        group.assign(TWO_0);
        heartbeat();

        recorder.request(100);
        runtime.run();
        assertThat(recorder.items().subList(emitted, recorder.count()))
                .as("nothing more of what is revoked")
                .allMatch(r -> r.partition() == 0);
        assertThat(broker.commits()).isEmpty();
        heartbeat();
        assertThat(broker.heartbeats())
                .as("not released yet")
                .allMatch(h -> !Set.of(TWO_0).equals(h.owned()));

        recorder.items().stream().filter(r -> r.partition() == 1).forEach(ReceiverRecord::acknowledge);
        runtime.run();
        assertThat(committed()).containsEntry(TWO_1, inFlight);
        assertThat(group.last().owned()).containsExactly(TWO_0);
        cancel(recorder);
    }

    @Test
    @DisplayName("K07 a partition that does not move is not paused by a rebalance")
    void theOtherPartitionGoesOn() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 1000);
        group.assign(TWO_0);
        heartbeat();

        broker.write(TWO_0, Batches.numbered(10, 5));
        runtime.run();

        assertThat(recorder.items()).filteredOn(r -> r.partition() == 0).hasSize(15);
        cancel(recorder);
    }

    @Test
    @DisplayName(
            "2 at a rebalance the wait for what is in flight is bounded, and a late acknowledgement is a result and has no effect")
    void theWaitForWhatIsInFlightIsBoundedAndALateAcknowledgementHasNoEffect() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        List<ReceiverRecord<String, String>> revoked =
                recorder.items().stream().filter(r -> r.partition() == 1).toList();
        revoked.get(0).acknowledge();
        group.assign(TWO_0);
        heartbeat();

        runtime.advanceBy(REBALANCE_TIMEOUT.dividedBy(4).multipliedBy(3));

        assertThat(committed()).containsEntry(TWO_1, 1L);
        assertThat(broker.heartbeats()).anyMatch(h -> Set.of(TWO_0).equals(h.owned()));
        assertThat(revoked.get(1).acknowledge()).isFalse();
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(committed()).containsEntry(TWO_1, 1L);
        cancel(recorder);
    }

    @Test
    void onceTheWaitIsOverAnAcknowledgementComesTooLateEvenWhileTheCommitIsUnderWay() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        List<ReceiverRecord<String, String>> revoked =
                recorder.items().stream().filter(r -> r.partition() == 1).toList();
        group.assign(TWO_0);
        heartbeat();
        broker.failNextCommit(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "as the test says"));
        revoked.get(0).acknowledge();
        runtime.advanceBy(REBALANCE_TIMEOUT.dividedBy(4).multipliedBy(3));

        assertThat(revoked.get(1).acknowledge()).isFalse();
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(committed()).containsEntry(TWO_1, 1L);
        cancel(recorder);
    }

    @Test
    void aCommitThatIsNeverAnsweredDoesNotHoldBackTheReleaseBeyondTheTimeout() {
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("two").requestTimeout(Duration.ofHours(1)))
                        .receive(),
                100);
        acknowledge(recorder, TWO_1, 10);
        for (int i = 0; i < 1_000; i++) {
            broker.failNextCommit(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "as the test says"));
        }
        group.assign(TWO_0);
        heartbeat();
        assertThat(group.last().owned()).isNotEqualTo(Set.of(TWO_0));

        runtime.advanceBy(REBALANCE_TIMEOUT);

        assertThat(broker.heartbeats()).anyMatch(h -> Set.of(TWO_0).equals(h.owned()));
        cancel(recorder);
        runtime.advanceBy(Duration.ofSeconds(5));
    }

    @Test
    void aPartitionThatComesBackBeginsWhereItWasCommitted() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_1, 3);
        group.assign(TWO_0);
        heartbeat();
        runtime.advanceBy(REBALANCE_TIMEOUT);
        int before = recorder.count();

        group.assign(TWO_0, TWO_1);
        heartbeat();

        assertThat(recorder.items().subList(before, recorder.count()))
                .extracting(ReceiverRecord::offset)
                .containsExactly(3L, 4L, 5L, 6L, 7L, 8L, 9L);
        cancel(recorder);
    }

    @Test
    void aPartitionThatIsAssignedAgainWhileItIsReleasedBeginsAnew() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        group.assign(TWO_0);
        heartbeat();
        group.assign(TWO_0, TWO_1);
        heartbeat();
        int before = recorder.count();

        acknowledge(recorder, TWO_1, 10);
        runtime.run();

        assertThat(committed()).containsEntry(TWO_1, 10L);
        broker.write(TWO_1, Batches.numbered(200, 1));
        runtime.run();
        assertThat(valuesOf(recorder).subList(before, recorder.count())).containsExactly("v200");
        cancel(recorder);
    }

    @Test
    void aPartitionRevokedBeforeItsStartIsKnownIsReleasedAtOnce() {
        broker.topic("later", 1);
        TopicPartition later = new TopicPartition("later", 0);
        runtime.run();
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "later").subscribe();
        group.assign(TWO_0, later);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two", "later").receive(), 100);
        assertThat(recorder.count()).as("the others begin all the same").isEqualTo(10);

        group.assign(TWO_0);
        heartbeat();

        assertThat(group.last().owned()).containsExactly(TWO_0);
        cancel(recorder);
    }

    @Test
    void whoIsFencedGivesUpWithoutACommitAndJoinsAnew() {
        for (ErrorCode code : List.of(ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID)) {
            Recorder<ReceiverRecord<String, String>> recorder =
                    subscribe(member("two").receive(), 100);
            int before = recorder.count();
            acknowledge(recorder, TWO_0, 10);
            int commits = broker.commits().size();
            group.fail(code);
            heartbeat();

            assertThat(broker.commits()).hasSize(commits);
            GroupHeartbeat join = broker.heartbeats().get(broker.heartbeats().size() - 2);
            assertThat(join.memberEpoch()).isEqualTo(GroupHeartbeat.JOIN);
            assertThat(join.memberId())
                    .as("the same for its whole life")
                    .isEqualTo(group.last().memberId());
            assertThat(recorder.count()).as("everything comes again").isEqualTo(2 * before);
            assertThat(recorder.items().get(11).acknowledge())
                    .as("of the former life")
                    .isFalse();
            cancel(recorder);
            assertThat(committed()).isEqualTo(Map.of(TWO_0, 0L, TWO_1, 0L));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"UNKNOWN_MEMBER_ID", "GROUP_ID_NOT_FOUND"})
    void aCommitThatSaysTheMemberIsUnknownIsAsGoodAsAHeartbeat(ErrorCode code) {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_0, 10);
        broker.failNextCommit(new MqException(code, "as the test says"));
        group.loseAnswer();
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(recorder.count()).isEqualTo(40);
        assertThat(broker.heartbeats())
                .filteredOn(h -> h.memberEpoch() == GroupHeartbeat.JOIN)
                .hasSize(2);
        cancel(recorder);
    }

    @Test
    void whoIsFencedAgainAndAgainDoesNotHurry() {
        for (int i = 0; i < 50; i++) {
            group.fail(ErrorCode.UNKNOWN_MEMBER_ID);
        }
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(broker.heartbeats()).hasSizeBetween(8, 20);
        cancel(recorder);
    }

    @Test
    void aCommitWithAStaleEpochIsRepeatedWithTheNewOne() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_0, 10);
        broker.failNextCommit(new MqException(ErrorCode.STALE_MEMBER_EPOCH, "as the test says"));
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(committed()).isEmpty();
        runtime.advanceBy(Duration.ofMillis(100));

        assertThat(committed()).containsEntry(TWO_0, 10L);
        assertThat(recorder.isEnded()).isFalse();
        cancel(recorder);
    }

    @Test
    void heartbeatsThatFailAreRepeatedWithoutHasteAndTheOwnedSetWithThem() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        int before = broker.heartbeats().size();
        for (int i = 0; i < 8; i++) {
            group.fail(ErrorCode.NOT_COORDINATOR);
        }
        heartbeat();
        runtime.advanceBy(Duration.ofSeconds(6));

        List<GroupHeartbeat> since =
                broker.heartbeats().subList(before, broker.heartbeats().size());
        assertThat(since).hasSizeBetween(9, 11);
        assertThat(since.get(1).owned()).containsExactlyInAnyOrder(TWO_0, TWO_1);
        assertThat(since.get(1).memberEpoch()).isEqualTo(1);
        broker.write(TWO_0, Batches.numbered(10, 1));
        runtime.run();
        assertThat(recorder.count()).as("it goes on meanwhile").isEqualTo(21);
        cancel(recorder);
    }

    @Test
    void anAnswerThatIsLostIsAskedForAgainAfterTheRequestTimeout() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        int before = broker.heartbeats().size();
        group.loseAnswer();
        heartbeat();
        runtime.advanceBy(Duration.ofSeconds(29));
        assertThat(broker.heartbeats()).hasSize(before + 1);
        runtime.advanceBy(Duration.ofMillis(1_100));
        assertThat(broker.heartbeats()).hasSize(before + 2);
        cancel(recorder);
    }

    @Test
    void anErrorThatNoRetryCanHelpEndsTheStreamAndWhatIsAcknowledgedIsCommitted() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_0, 3);
        group.fail(ErrorCode.INVALID_GROUP_ID);
        heartbeat();

        assertThat(recorder.error()).isInstanceOf(MqException.class).hasMessageContaining("INVALID_GROUP_ID");
        assertThat(committed()).containsEntry(TWO_0, 3L);
        assertThat(group.last())
                .isEqualTo(GroupHeartbeat.leave("g", group.last().memberId()));
    }

    @Test
    void aCancelledSubscriptionCommitsAndLeaves() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        acknowledge(recorder, TWO_0, 3);
        recorder.items().get(5).acknowledge();

        cancel(recorder);

        assertThat(committed()).isEqualTo(Map.of(TWO_0, 3L, TWO_1, 0L));
        assertThat(group.last().memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE);
        assertThat(recorder.items().get(4).acknowledge()).isFalse();
        assertThat(recorder.isEnded()).isFalse();
        int heartbeats = broker.heartbeats().size();
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(broker.heartbeats()).hasSize(heartbeats);
    }

    @Test
    void acknowledgedOnReturnMeansAllButTheRecordDuringWhichItWasCancelled() {
        Recorder<ReceiverRecord<String, String>> recorder = new Recorder<>(Long.MAX_VALUE);
        recorder.onItem(r -> {
            if (r.offset() == 6) {
                recorder.cancel();
            }
        });
        group.assign(TWO_0);
        subscribe(member("two").receiveAutoAck(), recorder);

        assertThat(recorder.count()).isEqualTo(7);
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 6L));
        assertThat(recorder.items().get(0).acknowledge()).isFalse();
    }

    @Test
    @AllowDropped(value = Dropped.OPERATOR_ERROR, because = "the function throws")
    void aRecordWhoseFunctionThrewIsNotAcknowledged() {
        group.assign(TWO_0);
        Recorder<String> recorder = subscribe(
                member("two").receiveAutoAck().map(r -> {
                    if (r.offset() == 4) {
                        throw new IllegalStateException("as the test says");
                    }
                    return String.valueOf(r.value());
                }),
                100);

        assertThat(recorder.error()).hasMessage("as the test says");
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 4L));
    }

    @Test
    void whatIsNotAcknowledgedHoldsNobodyBackFromLeaving() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("two").receive(), 100);
        cancel(recorder);

        assertThat(group.last().memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE);
        assertThat(runtime.openWorkers()).isZero();
    }

    @Test
    void aBrokerThatNoLongerAnswersDoesNotHoldUpTheEnd() {
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                Receiver.on(
                                new SilentBroker(
                                        broker, () -> broker.heartbeats().size() >= 2),
                                ReceiverOptions.of(
                                        io.reactivemq.Serdes.string(),
                                        io.reactivemq.Serdes.string(),
                                        o -> o.group("g").topics("two")))
                        .receive(),
                100);
        runtime.advanceBy(Duration.ofMinutes(5));
        assertThat(recorder.isEnded()).isFalse();

        recorder.cancel();
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(runtime.openWorkers()).isZero();
        assertThat(runtime.pendingTasks()).isZero();
    }

    @Test
    void heartbeatsDoNotWaitForARowOfSlowRecords() {
        group.assign(TWO_0);
        Recorder<ReceiverRecord<String, String>> recorder = Recorder.unbounded();
        // the time that the subscriber takes for each
        recorder.onItem(r -> runtime.advanceBy(Duration.ofSeconds(1)));
        subscribe(member("two").receiveAutoAck(), recorder);
        // the time that has passed inside is seen by the next call only
        while (recorder.count() < 10
                && runtime.nanoTime() < Duration.ofSeconds(30).toNanos()) {
            runtime.run();
        }

        assertThat(recorder.count()).isEqualTo(10);
        assertThat(broker.heartbeats()).hasSizeBetween(4, 6);
        cancel(recorder);
    }

    @Test
    void handlersThatTakeTheirTimeOnTheWorkerDoNotHoldUpHeartbeats() {
        Recorder<Outcome> recorder = subscribe(
                member("two").process(r -> {
                    runtime.advanceBy(Duration.ofSeconds(1));
                    return Mono.empty();
                }),
                100);
        // the time that has passed inside is seen by the next call only
        while (recorder.count() < 20
                && runtime.nanoTime() < Duration.ofSeconds(30).toNanos()) {
            runtime.run();
        }

        assertThat(recorder.count()).isEqualTo(20);
        assertThat(broker.heartbeats()).hasSizeBetween(7, 10);
        cancel(recorder);
    }

    @Test
    @DisplayName(
            "K08 who blocks in onNext blocks the heartbeats, too: it is fenced by its session, never by maxPollInterval, and its record comes again")
    void whoBlocksTheWorkerIsFencedByItsSession() {
        group.assign(TWO_0);
        Recorder<ReceiverRecord<String, String>> recorder = new Recorder<>(Long.MAX_VALUE);
        int[] whileBlocked = {-1};
        recorder.onItem(r -> {
            if (whileBlocked[0] < 0) {
                int before = broker.heartbeats().size();
                runtime.advanceBy(Duration.ofHours(1));
                whileBlocked[0] = broker.heartbeats().size() - before;
                // what the broker says behind the session; the commit is what it is asked first
                broker.failNextCommit(new MqException(ErrorCode.UNKNOWN_MEMBER_ID, "as the test says"));
            }
        });
        subscribe(member("two").receiveAutoAck(), recorder);
        runtime.advanceBy(Duration.ofSeconds(10));

        assertThat(whileBlocked[0]).as("heartbeats in that hour").isZero();
        assertThat(broker.heartbeats())
                .as("it did not leave by itself")
                .noneMatch(heartbeat -> heartbeat.memberEpoch() < 0);
        assertThat(broker.heartbeats())
                .filteredOn(heartbeat -> heartbeat.memberEpoch() == GroupHeartbeat.JOIN)
                .as("joined, and joined anew")
                .hasSize(2);
        assertThat(recorder.items()).filteredOn(r -> r.offset() == 0).hasSize(2);
        cancel(recorder);
    }

    @Test
    void theLastCommitGetsTheEpochThatAHeartbeatUnderWayBrings() {
        Sinks.Empty<Void> gate = Sinks.empty();
        broker.onHeartbeat(heartbeat -> {
            boolean joins = heartbeat.memberEpoch() == GroupHeartbeat.JOIN;
            Mono<GroupHeartbeatResult> answer = Mono.just(new GroupHeartbeatResult(
                    heartbeat.memberId(), joins ? 1 : 2, ScriptedGroup.INTERVAL, joins ? Set.of(ONE_0) : null));
            return joins || heartbeat.memberEpoch() == GroupHeartbeat.LEAVE
                    ? answer
                    : gate.asMono().then(answer);
        });
        Broker strict = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
                return commit.memberEpoch() == 2
                        ? super.commitOffsets(caller, commit)
                        : Mono.create(sink ->
                                sink.error(new MqException(ErrorCode.STALE_MEMBER_EPOCH, "epoch 2 is the newest")));
            }
        };
        broker.write(ONE_0, Batches.numbered(0, 3));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                Receiver.on(
                                strict,
                                ReceiverOptions.of(
                                        Serdes.string(),
                                        Serdes.string(),
                                        o -> o.group("g").topics("one")))
                        .receive(),
                3);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        recorder.items().forEach(ReceiverRecord::acknowledge);
        recorder.cancel();
        runtime.run();
        gate.tryEmitEmpty().orThrow();
        runtime.advanceBy(Duration.ofSeconds(2));
        assertThat(committed()).containsEntry(ONE_0, 3L);
        assertThat(broker.heartbeats())
                .last()
                .satisfies(last -> assertThat(last.memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE));
    }
}
