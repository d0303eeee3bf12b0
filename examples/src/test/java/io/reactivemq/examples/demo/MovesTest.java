package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MovesTest {

    private final Moves moves = new Moves();

    private void assigned(String member, int... partitions) {
        Set<TopicPartition> set = IntStream.of(partitions)
                .mapToObj(p -> new TopicPartition("t", p))
                .collect(Collectors.toSet());
        moves.assigned(member, set);
    }

    @Test
    void aPartitionMovesWhenAnotherMemberGetsIt() {
        assigned("a", 0, 1);
        moves.chapter("stop");
        assigned("a");
        assigned("b", 0);
        assigned("a", 1);

        assertThat(moves.movesIn("stop")).isEqualTo(1);
    }

    @Test
    void movesCountForTheirChapter() {
        assigned("a", 0);
        moves.chapter("one");
        assigned("b", 0);
        moves.chapter("two");
        assigned("a", 0);
        assigned("b", 0);

        assertThat(moves.movesIn("one")).isEqualTo(1);
        assertThat(moves.movesIn("two")).isEqualTo(2);
        assertThat(moves.movesIn("three")).isZero();
    }

    @Test
    void sharedMeansEachPartitionOnceAndEachMemberSome() {
        assigned("a", 0, 1);
        assigned("b", 1);
        assertThat(moves.shared(2, List.of("a", "b"))).isFalse();
        assigned("a", 0);
        assertThat(moves.shared(2, List.of("a", "b"))).isTrue();
        assertThat(moves.shared(3, List.of("a", "b"))).isFalse();
        assertThat(moves.shared(2, List.of("a"))).isFalse();
        assertThat(moves.shared(2, List.of("a", "b", "c"))).isFalse();
    }
}
