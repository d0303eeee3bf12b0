package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.broker.CommittedOffset;
import io.reactivemq.broker.EpochEnd;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Offsets are committed with the leader epoch of the record before them, and are good as long as the log still has that record (KIP-320). */
@DisplayName("leader epochs of committed offsets")
class LeaderEpochTest extends ReceiverFixture {

    private static final Duration COMMIT_INTERVAL = Duration.ofSeconds(1);

    /** Two epochs, ten records each. */
    @BeforeEach
    void aLogOfTwoEpochs() {
        ScriptedGroup unused = new ScriptedGroup(broker, ONE_0);
        broker.write(ONE_0, Batches.inEpoch(3, 0, 10));
        broker.write(ONE_0, Batches.inEpoch(5, 10, 10));
    }

    private Receiver<String, String> member(Consumer<? super ReceiverOptions.Builder> options) {
        return receiver(o -> options.accept(o.group("g").topics("one").commitInterval(COMMIT_INTERVAL)));
    }

    private @Nullable CommittedOffset committedOffset() {
        return broker.committed("g").get(ONE_0);
    }

    @Test
    @DisplayName("K03 each offset is committed with the epoch of the record before it, where more is read already")
    void theEpochOfTheRecordBefore() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member(o -> {}).receive(), 20);
        for (int i = 0; i < 20; i++) {
            assertThat(recorder.items().get(i).acknowledge()).isTrue();
            runtime.advanceBy(COMMIT_INTERVAL);
            assertThat(committedOffset()).isEqualTo(new CommittedOffset(i + 1, i < 10 ? 3 : 5, ""));
        }
        cancel(recorder);
    }

    @Test
    @DisplayName("K03 an offset that is committed before it is read has the epoch that is known, or none")
    void aheadOfWhatIsRead() {
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member(o -> {}).receiveAtmostOnce(), 12);
        runtime.advanceBy(COMMIT_INTERVAL);
        assertThat(recorder.items()).hasSize(12);
        assertThat(committedOffset()).isEqualTo(new CommittedOffset(12, 5, ""));
        recorder.request(100);
        runtime.advanceBy(COMMIT_INTERVAL);
        assertThat(recorder.items()).hasSize(20);
        assertThat(committedOffset()).isIn(new CommittedOffset(20, 5, ""), new CommittedOffset(20, -1, ""));
        cancel(recorder);
    }

    @Test
    @DisplayName("K03 after a seek the epoch is that of what is read from there")
    void afterASeek() {
        Receiver<String, String> receiver = member(o -> {});
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 20);
        subscribe(receiver.seek(ONE_0, 4).flux(), 1);
        runtime.advanceBy(COMMIT_INTERVAL);
        assertThat(committedOffset()).isEqualTo(new CommittedOffset(4, -1, ""));
        recorder.request(1);
        runtime.run();
        assertThat(recorder.items().get(20).acknowledge()).isTrue();
        runtime.advanceBy(COMMIT_INTERVAL);
        assertThat(committedOffset()).isEqualTo(new CommittedOffset(5, 3, ""));
        cancel(recorder);
    }

    @Test
    @DisplayName("K03 a committed offset whose record the log has lost: it is read on from where the log was cut")
    void whereTheLogWasCut() {
        broker.commit("g", ONE_0, new CommittedOffset(14, 3, ""));
        broker.epochEnds(ONE_0, 3, new EpochEnd(3, 10));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member(o -> {}).receive(), 1);
        assertThat(offsetsOf(recorder)).containsExactly(10L);
        assertThat(recorder.items().get(0).acknowledge()).isTrue();
        runtime.advanceBy(COMMIT_INTERVAL);
        assertThat(committedOffset()).isEqualTo(new CommittedOffset(11, 5, ""));
        cancel(recorder);
    }

    @Test
    @DisplayName("K03 none: a committed offset whose record the log has lost is an error that says so")
    void whereThatIsAnError() {
        broker.commit("g", ONE_0, new CommittedOffset(14, 4, ""));
        broker.epochEnds(ONE_0, 4, new EpochEnd(3, 10));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member(ReceiverOptions.Builder::startFromNone).receive(), 1);
        assertThat(recorder.items()).isEmpty();
        assertThat(recorder.error())
                .isInstanceOfSatisfying(
                        MqException.class,
                        error -> assertThat(error.errorCode()).isEqualTo(ErrorCode.OFFSET_OUT_OF_RANGE))
                .hasMessageContainingAll("one-0", "offset 14", "leader epoch 4", "offset 10", "startFromNone");
    }

    @Test
    @DisplayName("K03 a committed offset that the log has, or whose epoch nobody knows, is where it goes on")
    void whereTheLogHasIt() {
        for (EpochEnd end : List.of(new EpochEnd(5, 20), new EpochEnd(5, 14), EpochEnd.UNKNOWN)) {
            broker.commit("g", ONE_0, new CommittedOffset(14, 5, ""));
            broker.epochEnds(ONE_0, 5, end);
            Recorder<ReceiverRecord<String, String>> recorder =
                    subscribe(member(o -> {}).receive(), 1);
            assertThat(offsetsOf(recorder)).as("%s", end).containsExactly(14L);
            cancel(recorder);
            assertThat(committedOffset()).isEqualTo(new CommittedOffset(14, 5, ""));
        }
    }
}
