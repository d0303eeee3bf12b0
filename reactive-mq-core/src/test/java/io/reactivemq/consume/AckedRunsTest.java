package io.reactivemq.consume;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.CommittedOffset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("3 what is acknowledged beyond the committed offset is kept in the commit's metadata")
class AckedRunsTest extends ReceiverFixture {

    static LongStream seeds() {
        return LongStream.range(0, 40);
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    @DisplayName("3 what is acknowledged between the offset and its metadata makes no run of what is not")
    void acknowledgedMeanwhile(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        TopicPartition partition = new TopicPartition("t", 0);
        long begin = random.nextInt(3);
        int emitted = 2 + random.nextInt(200);
        PartitionLane lane = new PartitionLane(partition, false);
        lane.start(begin, LaneEpochs.NONE, AckedRuns.NONE, new AckWindow(partition, begin, 4_096, () -> {}));
        for (int i = 0; i < emitted; i++) {
            lane.take(begin + i);
        }
        BitSet acked = new BitSet();
        acknowledgeSome(lane, begin, emitted, random, acked);

        long offset = lane.committable();
        BitSet before = (BitSet) acked.clone();
        acknowledgeSome(lane, begin, emitted, random, acked);
        String metadata = lane.committableMetadata(offset);

        AckedRuns runs = AckedRuns.parse(offset, metadata);
        BitSet told = new BitSet();
        for (int i = 0; i < emitted; i++) {
            if (begin + i < offset || runs.contains(begin + i)) {
                told.set(i);
            }
        }
        BitSet unfounded = (BitSet) told.clone();
        unfounded.andNot(acked);
        assertThat(unfounded.isEmpty())
                .as("seed %d, committed %d, acknowledged %s, told %s", seed, offset, acked, told)
                .isTrue();
        // what has come meanwhile may be told or not, but where the offset has moved on it is no run any more
        BitSet missed = (BitSet) before.clone();
        missed.andNot(told);
        int passed = (int) (lane.committable() - begin);
        assertThat(missed.nextSetBit(passed))
                .as("seed %d, missed %s", seed, missed)
                .isEqualTo(-1);
    }

    private static void acknowledgeSome(
            PartitionLane lane, long begin, int emitted, SplittableRandom random, BitSet acked) {
        int runs = random.nextInt(6);
        for (int i = 0; i < runs; i++) {
            int from = random.nextInt(emitted);
            int to = Math.min(emitted, from + 1 + random.nextInt(20));
            for (int j = random.nextBoolean() ? from : 0; j < to; j++) {
                lane.window().acknowledge(begin + j);
                acked.set(j);
            }
        }
    }

    @ParameterizedTest(name = "[seed {0}]")
    @MethodSource("seeds")
    void textAndBack(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long committed = random.nextLong(1L << random.nextInt(1, 60));
        AckWindow window = new AckWindow(new TopicPartition("t", 0), committed, 4_096, () -> {});
        BitSet acked = new BitSet();
        int emitted = 1 + random.nextInt(4_000);
        for (int i = 0; i < emitted; i++) {
            window.emitting(committed + i);
        }
        int density = 1 + random.nextInt(20);
        for (int i = 1; i < emitted; i++) {
            if (random.nextInt(20) < density) {
                window.acknowledge(committed + i);
                acked.set(i);
            }
        }
        AckedRuns.Text text = new AckedRuns.Text(committed);
        window.writeRuns(text);
        String metadata = text.finish();

        assertThat(metadata.getBytes(StandardCharsets.UTF_8)).hasSizeLessThanOrEqualTo(4_096);
        AckedRuns runs = AckedRuns.parse(committed, metadata);
        boolean cutOff = false;
        int last = -1;
        for (int i = 0; i < emitted + 100; i++) {
            boolean found = runs.contains(committed + i);
            if (found && !acked.get(i)) {
                throw new AssertionError("seed " + seed + ": " + i + " was not acknowledged");
            }
            cutOff |= !found && acked.get(i);
            if (found && cutOff) {
                throw new AssertionError("seed " + seed + ": what is left out is the end, and not before " + i);
            }
            last = found ? i : last;
        }
        assertThat(last >= 1_500 || !cutOff)
                .as("seed %d: cut off at %d", seed, last)
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "somebody else's",
                "rmq:acked:",
                "rmq:acked:!!",
                "rmq:acked:AQ",
                "rmq:acked:AAA",
                "rmq:acked:gA",
                "rmq:acked:____________________"
            })
    void whatIsNotOursIsReadAsNone(String metadata) {
        assertThat(AckedRuns.parse(7, metadata)).isSameAs(AckedRuns.NONE);
    }

    @Test
    void aCrashRedeliversOnlyWhatWasNotAcknowledged() {
        broker.write(ONE_0, Batches.numbered(0, 100));
        Recorder<ReceiverRecord<String, String>> first = subscribe(member("one").receive(), 90);
        first.items().stream().filter(r -> r.offset() % 30 != 7).forEach(ReceiverRecord::acknowledge);
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(committed()).containsEntry(ONE_0, 7L);
        CommittedOffset kept = Objects.requireNonNull(broker.committed("g").get(ONE_0));
        cancel(first);

        broker.commit("h", ONE_0, kept);
        Recorder<ReceiverRecord<String, String>> second =
                subscribe(receiver(o -> o.group("h").topics("one")).receive(), 3);
        assertThat(offsetsOf(second)).containsExactly(7L, 37L, 67L);
        // a second crash: what was restored is still known, and what was acknowledged since
        second.items().get(1).acknowledge();
        runtime.advanceBy(Duration.ofSeconds(5));
        broker.commit("i", ONE_0, Objects.requireNonNull(broker.committed("h").get(ONE_0)));
        cancel(second);
        Recorder<ReceiverRecord<String, String>> third =
                subscribe(receiver(o -> o.group("i").topics("one")).receive(), 4);
        assertThat(offsetsOf(third)).containsExactly(7L, 67L, 90L, 91L);
        third.items().forEach(ReceiverRecord::acknowledge);
        cancel(third);
        assertThat(Objects.requireNonNull(broker.committed("i").get(ONE_0))).isEqualTo(CommittedOffset.of(92));
    }

    @Test
    void theMetadataOfOthersIsLeftAloneUntilThereIsSomethingToCommit() {
        broker.write(ONE_0, Batches.numbered(0, 5));
        broker.commit("g", ONE_0, new CommittedOffset(2, 3, "somebody else's"));
        Recorder<ReceiverRecord<String, String>> recorder =
                subscribe(member("one").receive(), 10);
        assertThat(offsetsOf(recorder)).containsExactly(2L, 3L, 4L);
        runtime.advanceBy(Duration.ofSeconds(20));
        assertThat(broker.commits()).isEmpty();
        recorder.items().get(0).acknowledge();
        runtime.advanceBy(Duration.ofSeconds(5));
        assertThat(broker.committed("g")).containsEntry(ONE_0, CommittedOffset.of(3));
        cancel(recorder);
    }

    @Test
    void aSeekForgetsThem() {
        broker.write(ONE_0, Batches.numbered(0, 6));
        Receiver<String, String> receiver = member("one");
        Recorder<ReceiverRecord<String, String>> recorder = subscribe(receiver.receive(), 100);
        List<ReceiverRecord<String, String>> items = new ArrayList<>(recorder.items());
        items.remove(0);
        items.forEach(ReceiverRecord::acknowledge);
        subscribe(receiver.seek(ONE_0, 0).flux(), 1);
        assertThat(offsetsOf(recorder)).containsExactly(0L, 1L, 2L, 3L, 4L, 5L, 0L, 1L, 2L, 3L, 4L, 5L);
        cancel(recorder);
        assertThat(broker.committed("g")).containsEntry(ONE_0, CommittedOffset.of(0));
    }

    @Test
    void aCommitAtTheBeginOfARestoredRunKeepsIt() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Recorder<ReceiverRecord<String, String>> first = subscribe(member("one").receive(), 8);
        first.items().stream().filter(r -> r.offset() != 3).forEach(ReceiverRecord::acknowledge);
        cancel(first);
        assertThat(committed()).containsEntry(ONE_0, 3L);

        Recorder<ReceiverRecord<String, String>> second =
                subscribe(member("one").receive(), 1);
        assertThat(offsetsOf(second)).containsExactly(3L);
        second.items().get(0).acknowledge();
        cancel(second);

        Recorder<ReceiverRecord<String, String>> third = subscribe(member("one").receive(), 100);
        assertThat(offsetsOf(third)).containsExactly(8L, 9L);
        cancel(third);
    }

    @Test
    void whatIsCommittedAheadKeepsThem() {
        broker.write(ONE_0, Batches.numbered(0, 10));
        Recorder<ReceiverRecord<String, String>> first = subscribe(member("one").receive(), 8);
        first.items().stream().filter(r -> r.offset() % 4 != 0).forEach(ReceiverRecord::acknowledge);
        cancel(first);

        Recorder<ReceiverRecord<String, String>> second =
                subscribe(member("one").receiveAtmostOnce(), 1);
        assertThat(offsetsOf(second)).containsExactly(0L);
        CommittedOffset kept = Objects.requireNonNull(broker.committed("g").get(ONE_0));
        broker.commit("h", ONE_0, kept);
        cancel(second);

        Recorder<ReceiverRecord<String, String>> third =
                subscribe(receiver(o -> o.group("h").topics("one")).receive(), 100);
        assertThat(offsetsOf(third)).containsExactly(4L, 8L, 9L);
        cancel(third);
    }
}
