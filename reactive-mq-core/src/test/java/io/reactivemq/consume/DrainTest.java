package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.ErrorCode;
import io.reactivemq.broker.GroupHeartbeat;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;

@DisplayName("drain")
class DrainTest extends ReceiverFixture {

    private static final Duration TIMEOUT = Duration.ofSeconds(8);

    private Recorder<DrainReport> drain(Receiver<?, ?> receiver) {
        Recorder<DrainReport> report = Recorder.unbounded();
        receiver.drain(TIMEOUT).subscribe(report);
        runtime.run();
        return report;
    }

    @Test
    void waitsForWhatIsInFlightCommitsLeavesCompletesAndReports() {
        broker.write(TWO_0, Batches.numbered(0, 10));
        broker.write(TWO_1, Batches.numbered(0, 10));
        Receiver<String, String> receiver = member("two");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 14);
        recorder.items().subList(0, 4).forEach(ReceiverRecord::acknowledge);

        Recorder<DrainReport> report = drain(receiver);
        recorder.request(100);
        runtime.advanceBy(Duration.ofSeconds(7));
        assertThat(recorder.count()).isEqualTo(14);
        assertThat(report.count()).isZero();
        recorder.items().forEach(ReceiverRecord::acknowledge);
        runtime.run();

        assertThat(report.items()).containsExactly(new DrainReport(10, 0, 6, Map.of(TWO_0, 10L, TWO_1, 4L), false));
        assertThat(recorder.isCompleted()).isTrue();
        assertThat(committed()).isEqualTo(Map.of(TWO_0, 10L, TWO_1, 4L));
        assertThat(broker.heartbeats().get(broker.heartbeats().size() - 1).memberEpoch())
                .isEqualTo(GroupHeartbeat.LEAVE);
    }

    @Test
    void givesUpAfterTheTimeoutAndSaysWhatWasLeft() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 6);
        Recorder<DrainReport> report = drain(receiver);
        for (int i : new int[] {0, 1, 3}) {
            recorder.items().get(i).acknowledge();
        }
        runtime.advanceBy(TIMEOUT);

        assertThat(report.items()).containsExactly(new DrainReport(3, 3, 4, Map.of(ONE_0, 2L), true));
        assertThat(recorder.isCompleted()).isTrue();
        assertThat(recorder.items().get(2).acknowledge()).isFalse();
    }

    @Test
    void staysAMemberAndCommitsWhileItWaits() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Receiver<String, String> receiver =
                receiver(o -> o.group("g").topics("one").commitInterval(Duration.ofSeconds(1)));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 6);
        Recorder<DrainReport> report = drain(receiver);
        int heartbeats = broker.heartbeats().size();
        recorder.items().get(0).acknowledge();
        runtime.advanceBy(Duration.ofSeconds(6));

        assertThat(committed()).containsEntry(ONE_0, 1L);
        assertThat(broker.heartbeats()).hasSizeGreaterThan(heartbeats);
        assertThat(report.count()).isZero();
        recorder.items().forEach(ReceiverRecord::acknowledge);
        runtime.run();
        assertThat(report.count()).isEqualTo(1);
    }

    @Test
    @DisplayName("1 a drain lets handlers end, cuts waits between attempts short, and reports what was abandoned")
    void handlersComeToTheirEndAndWaitsBetweenAttemptsAreCutShort() {
        broker.write(TWO_0, Batches.numbered(0, 5));
        broker.write(TWO_1, Batches.numbered(0, 5));
        AtomicInteger started = new AtomicInteger();
        Receiver<String, String> receiver = member("two");
        Recorder<Outcome> recorder = subscribe(
                receiver.process(
                        r -> {
                            started.incrementAndGet();
                            return r.partition() == 0
                                    ? Mono.delay(Duration.ofSeconds(2), runtime.timers())
                                    : Mono.error(new IllegalStateException("as the test says"));
                        },
                        o -> o.retry(RetryPolicy.backoff(2, Duration.ofSeconds(5)))),
                100);
        Recorder<DrainReport> report = drain(receiver);
        runtime.advanceBy(Duration.ofSeconds(2));

        assertThat(report.items()).containsExactly(new DrainReport(1, 1, 8, Map.of(TWO_0, 1L, TWO_1, 0L), false));
        assertThat(recorder.items()).containsExactly(new Outcome(TWO_0, 0, Outcome.Status.PROCESSED, 1, null));
        assertThat(recorder.isCompleted()).isTrue();
        assertThat(started).hasValue(2);
    }

    @Test
    void aHandlerThatDoesNotEndIsCancelledAtTheTimeout() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        AtomicInteger cancelled = new AtomicInteger();
        Receiver<String, String> receiver = member("one");
        Recorder<Outcome> recorder =
                subscribe(receiver.process(r -> Mono.never().doOnCancel(cancelled::incrementAndGet)), 100);
        Recorder<DrainReport> report = drain(receiver);
        assertThat(cancelled).hasValue(0);
        runtime.advanceBy(TIMEOUT);

        assertThat(cancelled).hasValue(1);
        assertThat(report.items()).containsExactly(new DrainReport(0, 1, 4, Map.of(ONE_0, 0L), true));
        assertThat(recorder.isCompleted()).isTrue();
    }

    @Test
    void withNothingInFlightItEndsAtOnceAlsoWithoutAGroup() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = cursor("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receiveAutoAck(), 3);

        Recorder<DrainReport> report = drain(receiver);

        assertThat(report.items()).containsExactly(new DrainReport(0, 0, 2, Map.of(), false));
        assertThat(recorder.isCompleted()).isTrue();
    }

    @Test
    void withoutASubscriptionThereIsNothingToReport() {
        assertThat(drain(member("one")).items()).containsExactly(new DrainReport(0, 0, 0, Map.of(), false));
        assertThatThrownBy(() -> member("one").drain(Duration.ZERO)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void twoDrainsAreOneAndASubscriptionMayFollow() {
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        List<Recorder<DrainReport>> reports = List.of(Recorder.unbounded(), Recorder.unbounded());
        reports.forEach(report -> receiver.drain(TIMEOUT).subscribe(report));
        runtime.run();

        assertThat(reports).allMatch(report -> report.count() == 1);
        assertThat(recorder.isCompleted()).isTrue();
        Recorder<ReceiverRecord<String, String>> next = subscribe(receiver.receive(), 3);
        assertThat(next.isEnded()).isFalse();
        cancel(next);
    }

    @Test
    void aCancellationDuringADrainEndsItAtOnceAndItReports() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        recorder.items().get(0).acknowledge();
        Recorder<DrainReport> report = drain(receiver);

        cancel(recorder);

        assertThat(report.items()).containsExactly(new DrainReport(0, 2, 2, Map.of(ONE_0, 1L), false));
        assertThat(recorder.isEnded()).isFalse();
    }

    @Test
    void aDrainOfAMemberThatIsFencedMeanwhileStillEnds() {
        ScriptedGroup group = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.numbered(0, 5));
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        Recorder<DrainReport> report = drain(receiver);
        group.fail(ErrorCode.FENCED_MEMBER_EPOCH);
        runtime.advanceBy(TIMEOUT);

        assertThat(report.items()).containsExactly(new DrainReport(0, 3, 2, Map.of(), false));
        assertThat(recorder.isCompleted()).isTrue();
    }

    @Test
    void aBrokerThatNoLongerAnswersDoesNotHoldItUp() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        boolean[] cut = new boolean[1];
        Receiver<String, String> receiver = Receiver.on(
                new SilentBroker(broker, () -> cut[0]),
                ReceiverOptions.of(
                        io.reactivemq.Serdes.string(),
                        io.reactivemq.Serdes.string(),
                        o -> o.group("g").topics("one")));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        cut[0] = true;
        Recorder<DrainReport> report = drain(receiver);
        runtime.advanceBy(TIMEOUT);
        assertThat(report.count()).isZero();
        runtime.advanceBy(Duration.ofSeconds(5));

        assertThat(report.items()).containsExactly(new DrainReport(0, 3, 2, Map.of(), true));
        assertThat(recorder.isCompleted()).isTrue();
    }
}
