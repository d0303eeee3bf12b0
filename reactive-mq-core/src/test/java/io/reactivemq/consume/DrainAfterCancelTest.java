package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A pipeline often ends by cancellation ({@code take(n)}); drain then tells when the last commit is done. */
@DisplayName("drain after a cancellation")
class DrainAfterCancelTest extends ReceiverFixture {

    private static final Duration TIMEOUT = Duration.ofSeconds(8);

    private final Receiver<String, String> receiver = member("one");
    private final Recorder<DrainReport> report = Recorder.unbounded();

    private Recorder<ReceiverRecord<String, String>> acknowledgedThree() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 3);
        recorder.items().forEach(ReceiverRecord::acknowledge);
        return recorder;
    }

    @Test
    void completesWhenWhatIsAcknowledgedIsCommitted() {
        acknowledgedThree().cancel();
        receiver.drain(TIMEOUT).subscribe(report);

        assertThat(report.count()).as("before the commit").isZero();
        runtime.run();
        assertThat(report.count()).isEqualTo(1);
        assertThat(committed()).isEqualTo(Map.of(ONE_0, 3L));
    }

    @Test
    void completesAtOnceWhenThatIsDoneAlready() {
        cancel(acknowledgedThree());
        receiver.drain(TIMEOUT).subscribe(report);

        assertThat(report.items()).containsExactly(DrainReport.NOTHING);
    }

    @Test
    void aNewSubscriptionIsTheOneThatIsDrained() {
        Recorder<ReceiverRecord<String, String>> first = acknowledgedThree();
        first.cancel();
        Recorder<ReceiverRecord<String, String>> second = subscribe(receiver.receive(), 100);
        receiver.drain(TIMEOUT).subscribe(report);
        runtime.run();

        assertThat(second.isCompleted()).isFalse();
        second.items().forEach(ReceiverRecord::acknowledge);
        runtime.run();
        assertThat(second.isCompleted()).isTrue();
        assertThat(report.count()).isEqualTo(1);
        assertThat(committed()).isEqualTo(Map.of(ONE_0, 10L));
    }
}
