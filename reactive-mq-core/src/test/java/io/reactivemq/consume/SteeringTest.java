package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.Serdes;
import io.reactivemq.TopicPartition;
import io.reactivemq.broker.Broker;
import io.reactivemq.broker.Caller;
import io.reactivemq.broker.ForwardingBroker;
import io.reactivemq.broker.GroupHeartbeat;
import io.reactivemq.broker.OffsetCommit;
import io.reactivemq.broker.OffsetSpec;
import io.reactivemq.broker.testing.ManualRuntime;
import io.reactivemq.produce.TransactionInput;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

@DisplayName("pause, seek, where partitions come from")
class SteeringTest extends ReceiverFixture {

    private void run(Mono<Void> command) {
        Recorder<Void> done = subscribe(command.flux(), 1);
        assertThat(done.error()).isNull();
        assertThat(done.isCompleted()).isTrue();
    }

    private ReceiverHealth.Partition health(Receiver<?, ?> receiver, TopicPartition partition) {
        return subscribe(receiver.health().flux(), 1).last().partitions().stream()
                .filter(p -> p.partition().equals(partition))
                .findFirst()
                .orElseThrow();
    }

    // ---------------------------------------------------------------- pause

    @Test
    @DisplayName(
            "4 the user's pause and that for want of demand are separate, and a partition is paused while there is one of them")
    void reasonsAreSeparate() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 0);
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.DEMAND);
        run(receiver.pause(Set.of(TWO_0)));
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactlyInAnyOrder(PauseReason.USER, PauseReason.DEMAND);

        recorder.request(100);
        runtime.run();
        assertThat(recorder.items()).hasSize(5).allMatch(r -> r.partition() == 1);
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.USER);
        assertThat(health(receiver, TWO_1).pausedBy()).isEmpty();
        assertThat(broker.fetches())
                .allMatch(f ->
                        f.partitions().stream().noneMatch(p -> p.partition().equals(TWO_0)));
        run(receiver.resume(Set.of(TWO_0)));
        assertThat(recorder.count()).isEqualTo(10);
        cancel(recorder);
    }

    @Test
    @DisplayName("4 a transaction under way is a reason of its own, for all partitions, and the user's pause another")
    void aTransactionIsAReasonOfItsOwn() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<? extends TransactionInput.Batch<ReceiverRecord<String, String>>> batches =
                subscribe(receiver.transactionBatches(), 0);
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.DEMAND);
        batches.request(1);
        runtime.run();
        assertThat(batches.count()).isEqualTo(1);
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.TRANSACTION);
        assertThat(health(receiver, TWO_1).pausedBy()).containsExactly(PauseReason.TRANSACTION);
        run(receiver.pause(Set.of(TWO_1)));
        assertThat(health(receiver, TWO_1).pausedBy())
                .containsExactlyInAnyOrder(PauseReason.USER, PauseReason.TRANSACTION);

        batches.last().committed();
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.DEMAND);
        batches.request(1);
        runtime.run();
        assertThat(health(receiver, TWO_0).pausedBy()).isEmpty();
        assertThat(health(receiver, TWO_1).pausedBy()).containsExactly(PauseReason.USER);
        cancel(batches);
    }

    @Test
    @DisplayName(
            "4 a transaction under way is the reason until its subscriber asks again, also where its partition is sought meanwhile")
    void aTransactionWhosePartitionIsSought() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<? extends TransactionInput.Batch<ReceiverRecord<String, String>>> batches =
                subscribe(receiver.transactionBatches(), 1);
        assertThat(batches.count()).isEqualTo(1);
        TopicPartition open = batches.last().records().get(0).topicPartition();
        run(receiver.seek(open, 0));
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.TRANSACTION);
        assertThat(health(receiver, TWO_1).pausedBy()).containsExactly(PauseReason.TRANSACTION);

        // it is aborted, and the next one begins and ends
        batches.request(1);
        runtime.run();
        assertThat(batches.count()).isEqualTo(2);
        batches.last().committed();
        assertThat(health(receiver, TWO_0).pausedBy()).containsExactly(PauseReason.DEMAND);
        assertThat(health(receiver, TWO_1).pausedBy()).containsExactly(PauseReason.DEMAND);
        cancel(batches);
    }

    @Test
    @DisplayName("4 demand of one at a time does not make the fetches flap")
    void fetchesDoNotFlap() {
        for (int i = 0; i < 100; i++) {
            broker.write(ONE_0, Batches.numbered(i * 10, 10));
        }
        Receiver<String, String> receiver = cursor("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 1);
        for (int i = 1; i < 1_000; i++) {
            recorder.request(1);
            runtime.run();
        }
        assertThat(recorder.count()).isEqualTo(1_000);
        assertThat(broker.fetches()).hasSizeLessThan(10);
        cancel(recorder);
    }

    @Test
    void aPauseOfAllHoldsForWhatIsAssignedLater() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0);
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("two");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        run(receiver.pause());
        recorder.request(100);
        group.assign(TWO_0, TWO_1);
        runtime.advanceBy(Duration.ofSeconds(10));
        assertThat(recorder.count()).isEqualTo(3);
        run(receiver.resume());
        assertThat(recorder.count()).isEqualTo(10);
        cancel(recorder);
    }

    @Test
    void whoIsNotThereCanNotBePaused() {
        Receiver<String, String> receiver = cursor("one");
        assertThat(subscribe(receiver.pause().flux(), 1).error()).hasMessageContaining("no active subscription");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        assertThat(subscribe(receiver.pause(Set.of(TWO_0)).flux(), 1).error())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("two-0 is not assigned");
        cancel(recorder);
    }

    // ---------------------------------------------------------------- seek

    @Test
    @DisplayName("M13 seek to an offset, the begin, the end and a time")
    void seeks() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 1_000);
        ReceiverRecord<String, String> early = recorder.items().get(0);
        run(receiver.seek(ONE_0, 3));
        assertThat(offsetsOf(recorder)).endsWith(4L, 3L, 4L);
        assertThat(early.acknowledge()).as("of what was before").isFalse();
        run(receiver.seek(OffsetSpec.earliest()));
        assertThat(offsetsOf(recorder)).endsWith(4L, 0L, 1L, 2L, 3L, 4L);
        run(receiver.seek(ONE_0, OffsetSpec.latest()));
        broker.write(ONE_0, Batches.numbered(5, 1));
        runtime.run();
        assertThat(offsetsOf(recorder)).endsWith(4L, 5L);
        run(receiver.seek(ONE_0, OffsetSpec.atOrAfter(0)));
        assertThat(offsetsOf(recorder)).endsWith(5L, 0L, 1L, 2L, 3L, 4L, 5L);
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 0L);
    }

    @Test
    void theAnswerToAFetchFromBeforeASeekIsLetGo() {
        Receiver<String, String> receiver = cursor("one");
        broker.write(ONE_0, Batches.numbered(0, 5));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 1_000);
        assertThat(broker.waitingFetches()).as("from offset 5").isEqualTo(1);
        Recorder<Void> seek = new Recorder<>(1);
        receiver.seek(ONE_0, 1).flux().subscribe(seek);
        broker.write(ONE_0, Batches.numbered(5, 2));
        runtime.run();
        assertThat(offsetsOf(recorder)).containsExactly(0L, 1L, 2L, 3L, 4L, 1L, 2L, 3L, 4L, 5L, 6L);
        cancel(recorder);
    }

    @Test
    void aSeekCancelsHandlersAndTheirRecordsComeAgain() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("one");
        List<Long> cancelled = new ArrayList<>();
        List<Long> started = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                receiver.process(
                        r -> {
                            started.add(r.offset());
                            return Mono.never().doOnCancel(() -> cancelled.add(r.offset()));
                        },
                        o -> o.keyOrdered(r -> "all").concurrency(2)),
                10);
        run(receiver.seek(ONE_0, 0));
        assertThat(cancelled).containsExactly(0L);
        assertThat(started).containsExactly(0L, 0L);
        cancel(recorder);
    }

    @Test
    void aSeekCountsMoreThanANewStartThatWasBeingLookedFor() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver =
                receiver(o -> o.group("g").topics("one").startFrom(OffsetSpec.latest()));
        broker.commit("g", ONE_0, 0);
        // out of range twice in a row: the second time the new start is looked for after a wait
        broker.failNextFetch(ONE_0, new MqException(ErrorCode.OFFSET_OUT_OF_RANGE, "gone"));
        broker.failNextFetch(ONE_0, new MqException(ErrorCode.OFFSET_OUT_OF_RANGE, "gone"));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 1_000);
        assertThat(recorder.items()).isEmpty();
        run(receiver.seek(ONE_0, 1));
        assertThat(offsetsOf(recorder)).containsExactly(1L, 2L, 3L, 4L);
        runtime.advanceBy(Duration.ofSeconds(30));
        recorder.items().forEach(r -> assertThat(r.acknowledge()).as("of %s", r).isTrue());
        cancel(recorder);
        assertThat(committed()).containsEntry(ONE_0, 5L);
    }

    @Test
    @DisplayName("M07 at most once: a commit from before a seek says nothing about the records behind the seek")
    void aCommitFromBeforeASeek() {
        Deque<Sinks.Empty<Void>> gates = new ArrayDeque<>();
        Broker slow = new ForwardingBroker(broker) {
            @Override
            protected <T> Mono<T> forward(Mono<T> request) {
                return request;
            }

            @Override
            public Mono<Map<TopicPartition, ErrorCode>> commitOffsets(Caller caller, OffsetCommit commit) {
                Mono<Map<TopicPartition, ErrorCode>> now = Mono.defer(() -> super.commitOffsets(caller, commit));
                Sinks.Empty<Void> gate = gates.poll();
                return gate == null ? now : gate.asMono().then(now);
            }
        };
        broker.write(ONE_0, Batches.numbered(0, 100));
        Receiver<String, String> receiver = Receiver.on(
                slow,
                ReceiverOptions.of(
                        Serdes.string(), Serdes.string(), o -> o.group("g").topics("one")));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receiveAtmostOnce(), 10);
        Sinks.Empty<Void> first = Sinks.empty();
        Sinks.Empty<Void> second = Sinks.empty();
        gates.add(first);
        gates.add(second);
        recorder.request(10);
        runtime.run();
        run(receiver.seek(ONE_0, 0));
        first.tryEmitEmpty().orThrow();
        runtime.run();
        assertThat(committed()).as("that from before the seek").containsEntry(ONE_0, 20L);
        run(receiver.pause());
        run(receiver.resume());
        recorder.request(5);
        runtime.run();
        assertThat(recorder.count()).as("behind the seek, before its commit").isEqualTo(10);
        second.tryEmitEmpty().orThrow();
        runtime.run();
        assertThat(recorder.last().offset()).isEqualTo(14);
        assertThat(committed()).as("what a crash would go on from").containsEntry(ONE_0, 15L);
        cancel(recorder);
    }

    // ---------------------------------------------------------------- where to begin

    @Test
    @DisplayName("K03 none: to have no committed offset is an error")
    void startFromNone() {
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").startFromNone()).receive(), 1);
        assertThat(recorder.error())
                .isInstanceOfSatisfying(
                        MqException.class, e -> assertThat(e.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE));
        broker.write(ONE_0, Batches.numbered(0, 5));
        broker.commit("g", ONE_0, 4);
        Recorder<ReceiverRecord<String, String>> second = subscribe(
                receiver(o -> o.group("g").topics("one").startFromNone()).receive(), 1);
        assertThat(offsetsOf(second)).containsExactly(4L);
        cancel(second);
    }

    @Test
    void beginningAtATimeAgoIsCountedFromNow() {
        assertThat(ReceiverOptions.of(
                                Serdes.string(),
                                Serdes.string(),
                                o -> o.topics("one").startFrom(Duration.ofHours(1)))
                        .startFrom(ManualRuntime.START_MILLIS))
                .isEqualTo(OffsetSpec.atOrAfter(ManualRuntime.START_MILLIS - 3_600_000));
    }

    // ---------------------------------------------------------------- where partitions come from

    private static final class Told implements RebalanceListener {
        private final List<String> calls = new ArrayList<>();

        @Override
        public void assigned(Collection<TopicPartition> partitions) {
            calls.add("assigned " + partitions);
        }

        @Override
        public void revoked(Collection<TopicPartition> partitions) {
            calls.add("revoked " + partitions);
        }

        @Override
        public void lost(Collection<TopicPartition> partitions) {
            calls.add("lost " + partitions);
        }
    }

    @Test
    void aListenerIsToldWhatComesAndGoes() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        Told told = new Told();
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("two").rebalanceListener(told))
                        .receive(),
                1);
        group.assign(TWO_1);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        group.fail(ErrorCode.UNKNOWN_MEMBER_ID);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        assertThat(told.calls)
                .containsExactly("assigned [two-0, two-1]", "revoked [two-0]", "lost [two-1]", "assigned [two-1]");
        cancel(recorder);
    }

    @Test
    void partitionsCanBeAssignedByHandAndCommittedFor() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        broker.commit("g", TWO_1, 2);
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(receiver(o -> o.group("g").partitions(TWO_1)).receiveAutoAck(), 100);
        assertThat(recorder.items()).hasSize(3).allMatch(r -> r.partition() == 1);
        assertThat(broker.heartbeats()).isEmpty();
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(committed()).isEqualTo(Map.of(TWO_1, 5L));
        assertThat(broker.commits()).allMatch(c -> c.memberId().isEmpty() && c.memberEpoch() == -1);
        cancel(recorder);

        Recorder<ReceiverRecord<String, String>> alone =
                subscribe(receiver(o -> o.partitions(TWO_0)).receiveAutoAck(), 100);
        assertThat(alone.count()).isEqualTo(5);
        cancel(alone);
    }

    @Test
    @DisplayName("K16 a static member signs its heartbeats, and leaves for a while only")
    void aStaticMember() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").instanceId("left")).receive(), 1);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        cancel(recorder);
        assertThat(broker.heartbeats()).allMatch(h -> "left".equals(h.instanceId()));
        assertThat(group.last().memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE_FOR_A_WHILE);
    }

    @Test
    void topicsAreOneOfNamesPatternAndPartitions() {
        assertThatThrownBy(() -> receiver(o -> o.topics("one").partitions(TWO_0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one of the three");
    }

    @Test
    void aPatternTakesInTopicsAsTheyCome() {
        broker.write(TWO_0, Batches.numbered(0, 2));
        Recorder<ReceiverRecord<String, String>> alone =
                subscribe(receiver(o -> o.topicPattern(Pattern.compile("t.*"))).receive(), 100);
        Recorder<ReceiverRecord<String, String>> member = subscribe(
                receiver(o -> o.group("g").topicPattern(Pattern.compile("t.*"))).receive(), 100);
        assertThat(alone.count()).isEqualTo(2);
        assertThat(member.count()).isEqualTo(2);
        broker.topic("three", 1);
        broker.write(new TopicPartition("three", 0), Batches.numbered(0, 1));
        runtime.advanceBy(Duration.ofSeconds(30));
        assertThat(alone.count()).isEqualTo(3);
        assertThat(broker.heartbeats().stream().map(h -> h.subscribedTopics()).filter(t -> t != null))
                .containsExactly(Set.of("two"), Set.of("two", "three"));
        cancel(alone);
        cancel(member);
    }

    @Test
    void aPatternForgetsTopicsThatAreGone() {
        broker.topic("three", 2);
        TopicPartition three = new TopicPartition("three", 1);
        broker.write(three, Batches.numbered(0, 2));
        Receiver<String, String> receiver = receiver(o -> o.topicPattern(Pattern.compile("t.*")));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 100);
        assertThat(recorder.count()).isEqualTo(2);
        recorder.items().forEach(ReceiverRecord::acknowledge);
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "three").subscribe();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(subscribe(receiver.assignments(), 1).last()).containsExactlyInAnyOrder(TWO_0, TWO_1);
        long asked = asked("three");
        runtime.advanceBy(Duration.ofMinutes(5));
        assertThat(asked("three")).as("asked for once it is gone").isEqualTo(asked);

        broker.topic("three", 2);
        broker.write(three, Batches.numbered(0, 3));
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(recorder.count()).as("it has come back").isEqualTo(5);
        cancel(recorder);
    }

    @Test
    void aPatternGivesUpPartitionsThatAreGone() {
        Receiver<String, String> receiver = receiver(o -> o.topicPattern(Pattern.compile("two")));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 100);
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "two").subscribe();
        broker.topic("two", 1);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(subscribe(receiver.assignments(), 1).last()).containsExactly(TWO_0);
        cancel(recorder);
    }

    @Test
    void aTopicThatWasMadeAnewIsReadAnew() {
        broker.write(TWO_0, Batches.numbered(0, 2));
        broker.write(TWO_1, Batches.numbered(0, 1));
        Receiver<String, String> receiver = receiver(o -> o.topicPattern(Pattern.compile("two")));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(receiver.receive().doOnNext(ReceiverRecord::acknowledge), 100);
        assertThat(recorder.count()).isEqualTo(3);
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "two").subscribe();
        broker.topic("two", 2);
        broker.write(TWO_0, Batches.numbered(0, 4));
        runtime.advanceBy(Duration.ofMinutes(1));
        List<ReceiverRecord<String, String>> all = recorder.items();
        assertThat(all.subList(all.size() - 4, all.size()))
                .as("from its begin, not only from where the former one was read")
                .extracting(ReceiverRecord::offset)
                .containsExactly(0L, 1L, 2L, 3L);
        assertThat(subscribe(receiver.assignments(), 1).last()).containsExactlyInAnyOrder(TWO_0, TWO_1);
        cancel(recorder);
    }

    @Test
    void aTopicThatWasMadeAnewIsReadFromItsBeginWhereverSubscriptionsBegin() {
        Receiver<String, String> receiver =
                receiver(o -> o.topicPattern(Pattern.compile("two")).startFrom(OffsetSpec.latest()));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(receiver.receive().doOnNext(ReceiverRecord::acknowledge), 100);
        assertThat(recorder.count()).isZero();
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "two").subscribe();
        broker.topic("two", 2);
        broker.write(TWO_0, Batches.numbered(0, 4));
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(recorder.items())
                .extracting(ReceiverRecord::offset)
                .as("once before it was told, and once behind")
                .containsExactly(0L, 1L, 2L, 3L, 0L, 1L, 2L, 3L);
        cancel(recorder);
    }

    @Test
    void aPatternOfAGroupWaitsForTopicsWhenAllAreGoneAndTheMemberIsFenced() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0);
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(
                receiver(o -> o.group("g").topicPattern(Pattern.compile("t.*"))).receive(), 100);
        runtime.advanceBy(ScriptedGroup.INTERVAL);
        Disposable unused = broker.deleteTopic(Caller.embedded("test"), "two").subscribe();
        runtime.advanceBy(Duration.ofMinutes(1));
        group.fail(ErrorCode.UNKNOWN_MEMBER_ID);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(broker.heartbeats())
                .filteredOn(heartbeat -> heartbeat.memberEpoch() == GroupHeartbeat.JOIN)
                .as("joins for nothing")
                .noneMatch(heartbeat -> Set.of().equals(heartbeat.subscribedTopics()));
        broker.topic("two", 2);
        broker.write(TWO_0, Batches.numbered(0, 2));
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(recorder.count()).isEqualTo(2);
        cancel(recorder);
    }

    private long asked(String topic) {
        return broker.describes().stream().filter(topic::equals).count();
    }

    // ---------------------------------------------------------------- the watchdog

    @Test
    @DisplayName("9 a stuck handler is visible: its partition, its record and its key")
    void aStuckHandlerIsVisible() {
        for (int i = 0; i < 6; i++) {
            broker.write(ONE_0, Batches.of(new byte[] {(byte) ('a' + i % 3)}, new byte[] {1}, Headers.empty()));
        }
        Receiver<String, String> receiver = member("one");
        Recorder<Outcome> recorder = subscribe(
                receiver.process(r -> r.offset() == 1 ? Mono.never() : Mono.empty(), o -> o.keyOrdered()), 100);
        runtime.advanceBy(Duration.ofSeconds(59));
        assertThat(subscribe(receiver.health().flux(), 1).last().isStalled()).isFalse();
        runtime.advanceBy(Duration.ofSeconds(20));
        ReceiverHealth.Partition stuck = health(receiver, ONE_0);
        assertThat(stuck.stalled()).isTrue();
        assertThat(stuck.oldestUnacknowledged()).isEqualTo(1);
        assertThat(stuck.oldestFor()).isGreaterThan(Duration.ofSeconds(60));
        assertThat(stuck.unacknowledged()).isEqualTo(2);
        assertThat(stuck.stalledRecords())
                .containsExactly(new ReceiverHealth.StalledRecord(1, "b", 1, Duration.ofSeconds(79)));
        cancel(recorder);
    }

    @Test
    @DisplayName("K08 a member whose handler makes no progress leaves, and joins anew when it is asked for more")
    void aMemberThatDoesNotMoveLeaves() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 10));
        Receiver<String, String> receiver =
                receiver(o -> o.group("g").topics("one").maxPollInterval(Duration.ofMinutes(2)));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 4);
        recorder.items().get(0).acknowledge();
        runtime.advanceBy(Duration.ofMinutes(1));
        recorder.items().get(1).acknowledge();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(broker.heartbeats()).as("it moved a minute ago").noneMatch(h -> h.memberEpoch() == -1);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(group.last().memberEpoch()).isEqualTo(-1);
        assertThat(committed()).containsEntry(ONE_0, 2L);
        assertThat(recorder.items().get(2).acknowledge()).isFalse();

        recorder.request(1);
        runtime.run();
        assertThat(broker.heartbeats().stream().filter(h -> h.memberEpoch() == 0))
                .hasSize(2);
        assertThat(offsetsOf(recorder)).containsExactly(0L, 1L, 2L, 3L, 2L);
        cancel(recorder);
    }

    @Test
    @DisplayName("K08 a partition whose records only lie ready while others move waits for its turn")
    void aPartitionThatWaitsForItsTurn() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0, TWO_0, TWO_1);
        for (TopicPartition partition : List.of(ONE_0, TWO_0, TWO_1)) {
            broker.write(partition, Batches.numbered(0, 5));
        }
        Receiver<String, String> receiver =
                receiver(o -> o.group("g").topics("one", "two").maxPollInterval(Duration.ofSeconds(90)));
        // all three are known when the first record is asked for, so that they are fetched together
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 0);
        runtime.advanceBy(Duration.ofSeconds(20));
        for (int i = 0; i < 15; i++) {
            recorder.request(1);
            runtime.advanceBy(Duration.ofMinutes(1));
            assertThat(recorder.items()).hasSize(i + 1);
            assertThat(recorder.items().get(i).acknowledge()).isTrue();
        }
        assertThat(subscribe(receiver.health().flux(), 1).last().isStalled()).isFalse();
        assertThat(broker.heartbeats()).noneMatch(h -> h.memberEpoch() == GroupHeartbeat.LEAVE);
        assertThat(group.last().memberEpoch()).isPositive();
        cancel(recorder);
    }

    @Test
    @DisplayName("K08 a member of whose partitions none moves leaves, though its records only lie ready")
    void aMemberWithoutDemandLeaves() {
        ScriptedGroup group = new ScriptedGroup(broker, TWO_0, TWO_1);
        broker.write(TWO_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver =
                receiver(o -> o.group("g").topics("two").maxPollInterval(Duration.ofMinutes(2)));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(receiver.receive().doOnNext(ReceiverRecord::acknowledge), 1);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(group.last().memberEpoch()).isPositive();
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(group.last().memberEpoch()).isEqualTo(GroupHeartbeat.LEAVE);
        cancel(recorder);
    }

    @Test
    @DisplayName("K08 a member that is asked for more while it commits before it leaves joins anew at once")
    void aMemberThatIsAskedWhileItLeaves() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 10));
        Receiver<String, String> receiver = receiver(o -> o.group("g")
                .topics("one")
                .maxPollInterval(Duration.ofMinutes(2))
                .commitInterval(Duration.ofHours(1)));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 4);
        recorder.items().get(0).acknowledge();
        // its commit takes a while
        broker.failNextCommit(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "as the test says"));
        for (int i = 0; i < 100_000 && broker.commits().isEmpty(); i++) {
            runtime.advanceBy(Duration.ofMillis(5));
        }
        assertThat(broker.commits()).hasSize(1);
        assertThat(group.last().memberEpoch()).as("not left yet").isPositive();

        recorder.request(1);
        runtime.advanceBy(Duration.ofSeconds(1));
        assertThat(committed()).containsEntry(ONE_0, 1L);
        assertThat(broker.heartbeats().stream().map(GroupHeartbeat::memberEpoch).filter(epoch -> epoch <= 0))
                .containsExactly(GroupHeartbeat.JOIN, GroupHeartbeat.LEAVE, GroupHeartbeat.JOIN);
        recorder.request(1);
        runtime.run();
        assertThat(offsetsOf(recorder)).containsExactly(0L, 1L, 2L, 3L, 4L, 1L);
        cancel(recorder);
    }

    @Test
    @DisplayName("K08 a member that is fenced while it commits before it leaves joins anew, and stays")
    void aMemberThatIsFencedWhileItLeaves() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 10));
        Receiver<String, String> receiver = receiver(o -> o.group("g")
                .topics("one")
                .maxPollInterval(Duration.ofMinutes(2))
                .commitInterval(Duration.ofHours(1)));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 4);
        recorder.items().get(0).acknowledge();
        for (int i = 0; i < 20; i++) {
            broker.failNextCommit(new MqException(ErrorCode.COORDINATOR_NOT_AVAILABLE, "as the test says"));
        }
        for (int i = 0; i < 100_000 && broker.commits().isEmpty(); i++) {
            runtime.advanceBy(Duration.ofMillis(5));
        }
        assertThat(group.last().memberEpoch()).as("not left yet").isPositive();
        group.fail(ErrorCode.UNKNOWN_MEMBER_ID);
        group.loseAnswer();
        for (int i = 0; i < 10_000 && joins() < 2; i++) {
            runtime.advanceBy(Duration.ofMillis(5));
        }
        assertThat(joins()).isEqualTo(2);

        recorder.request(1);
        runtime.advanceBy(Duration.ofMinutes(1));
        assertThat(group.last().memberEpoch()).isPositive();
        recorder.request(1);
        runtime.run();
        assertThat(broker.heartbeats()).noneMatch(heartbeat -> heartbeat.memberEpoch() == GroupHeartbeat.LEAVE);
        assertThat(offsetsOf(recorder)).startsWith(0L, 1L, 2L, 3L, 0L).hasSize(6);
        cancel(recorder);
        runtime.advanceBy(Duration.ofMinutes(1)); // commits that still fail
    }

    private long joins() {
        return broker.heartbeats().stream()
                .filter(heartbeat -> heartbeat.memberEpoch() == GroupHeartbeat.JOIN)
                .count();
    }

    @Test
    @DisplayName("K08 a handler that never ends is cancelled, and the member comes back after as long again")
    void aHandlerThatNeverEnds() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 2));
        List<Long> cancelled = new ArrayList<>();
        Recorder<Outcome> recorder = subscribe(
                receiver(o -> o.group("g").topics("one").maxPollInterval(Duration.ofMinutes(2)))
                        .process(r -> Mono.never().doOnCancel(() -> cancelled.add(r.offset()))),
                Long.MAX_VALUE);
        runtime.advanceBy(Duration.ofMinutes(3));
        assertThat(cancelled).containsExactly(0L);
        assertThat(group.last().memberEpoch()).isEqualTo(-1);
        runtime.advanceBy(Duration.ofMinutes(2));
        assertThat(broker.heartbeats().stream().filter(h -> h.memberEpoch() == 0))
                .hasSize(2);
        assertThat(recorder.isEnded()).isFalse();
        cancel(recorder);
    }

    @Test
    void whoHasNothingToDoStaysAMember() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 4);
        runtime.advanceBy(Duration.ofMinutes(20));
        run(receiver.pause());
        broker.write(ONE_0, Batches.numbered(0, 2));
        runtime.advanceBy(Duration.ofMinutes(20));
        assertThat(group.last().memberEpoch()).isPositive();
        assertThat(subscribe(receiver.health().flux(), 1).last().isStalled()).isFalse();
        cancel(recorder);
    }
}
