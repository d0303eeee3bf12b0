package io.reactivemq.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Where leader epochs end, by Kafka's rules for OffsetForLeaderEpoch. */
class EpochEndsTest {

    private final LeaderEpochs epochs = new LeaderEpochs(
            List.of(new LeaderEpochs.Entry(2, 0), new LeaderEpochs.Entry(5, 10), new LeaderEpochs.Entry(6, 30)));

    @Test
    void an_epoch_ends_where_the_next_begins_and_the_latest_at_the_end() {
        assertThat(epochs.floor(2)).isEqualTo(2);
        assertThat(epochs.endOf(2, 50)).isEqualTo(10);
        assertThat(epochs.floor(5)).isEqualTo(5);
        assertThat(epochs.endOf(5, 50)).isEqualTo(30);
        assertThat(epochs.floor(6)).isEqualTo(6);
        assertThat(epochs.endOf(6, 50)).isEqualTo(50);
    }

    @Test
    void one_without_records_is_answered_with_the_one_before() {
        assertThat(epochs.floor(4)).isEqualTo(2);
        assertThat(epochs.endOf(4, 50)).isEqualTo(10);
    }

    @Test
    void one_before_the_first_and_one_that_is_still_to_come_are_not_known() {
        assertThat(epochs.floor(1)).isEqualTo(-1);
        assertThat(epochs.floor(-1)).isEqualTo(-1);
        assertThat(epochs.floor(7)).isEqualTo(-1);
    }

    @Test
    void an_epoch_that_readers_do_not_see_yet_ends_at_what_they_see() {
        assertThat(epochs.endOf(5, 20)).isEqualTo(20);
    }
}
