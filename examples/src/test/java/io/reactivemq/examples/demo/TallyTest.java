package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TallyTest {

    private static final TopicPartition P0 = new TopicPartition("t", 0);
    private static final TopicPartition P1 = new TopicPartition("t", 1);

    private final Tally tally = new Tally();

    private void handled(String member, TopicPartition partition, long offset) {
        tally.handled(member, partition, offset, new Sample("k", 7), "text " + partition + " " + offset);
    }

    @Test
    void aRecordThatComesAgainIsCountedAndNotAddedTwice() {
        handled("a", P0, 0);
        handled("a", P0, 1);
        handled("b", P0, 1);
        handled("b", P0, 2);

        assertThat(tally.done()).isEqualTo(3);
        assertThat(tally.result().totals().rows()).isEqualTo(3);
        assertThat(tally.result().redelivered()).containsOnly(Map.entry("a", 1L));
    }

    @Test
    void whoHandledARecordFirstIsKnownAcrossSeveralMoves() {
        handled("a", P0, 0);
        handled("b", P0, 1);
        handled("b", P0, 2);
        handled("c", P0, 3);
        for (int offset = 0; offset < 4; offset++) {
            handled("d", P0, offset);
        }

        assertThat(tally.result().redelivered())
                .containsOnly(Map.entry("a", 1L), Map.entry("b", 2L), Map.entry("c", 1L));
    }

    @Test
    void theSameOffsetOfAnotherPartitionIsAnotherRecord() {
        handled("a", P0, 0);
        handled("a", P1, 0);

        assertThat(tally.done()).isEqualTo(2);
        assertThat(tally.result().redeliveredInAll()).isZero();
    }

    @Test
    void aSkippedOffsetIsAGap() {
        handled("a", P0, 0);
        handled("a", P0, 2);
        handled("a", P1, 0);

        assertThat(tally.result().gaps()).containsOnly(Map.entry(P0, 1));
    }

    @Test
    void aDeadLetterIsDoneButNotAdded() {
        handled("a", P0, 0);
        tally.deadLettered("a", P0, 1);
        tally.deadLettered("b", P0, 1);

        assertThat(tally.done(List.of(P0, P1))).isEqualTo(2);
        assertThat(tally.result().totals().rows()).isEqualTo(1);
        assertThat(tally.result().gaps()).isEmpty();
        assertThat(tally.result().redeliveredInAll()).isEqualTo(1);
    }
}
