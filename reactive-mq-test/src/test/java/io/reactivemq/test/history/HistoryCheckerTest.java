package io.reactivemq.test.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.reactivemq.TopicPartition;
import io.reactivemq.broker.IsolationLevel;
import io.reactivemq.test.history.Anomaly.Kind;
import io.reactivemq.test.history.Operation.Origin;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Each anomaly in a history that has it, and next to it one that is as close as a correct broker comes. */
@DisplayName("The history checker")
class HistoryCheckerTest {

    private static final TopicPartition P = new TopicPartition("t", 0);
    private static final TopicPartition Q = new TopicPartition("t", 1);

    private int clock;
    private final History history = new History(() -> clock++);
    private final ProducerHistory plain = history.producer("plain", Guarantee.AT_LEAST_ONCE);
    private final ProducerHistory idempotent = history.producer("idempotent", Guarantee.IDEMPOTENT);
    private final ProducerHistory tx = history.producer("tx", Guarantee.TRANSACTIONAL);
    private final ConsumerHistory all = history.consumer("all", null, IsolationLevel.READ_UNCOMMITTED);
    private final ConsumerHistory committed = history.consumer("committed", null, IsolationLevel.READ_COMMITTED);
    private final ConsumerHistory a = history.consumer("a", "g", IsolationLevel.READ_UNCOMMITTED);
    private final ConsumerHistory b = history.consumer("b", "g", IsolationLevel.READ_UNCOMMITTED);

    private void assertClean() {
        assertThat(history.check()).as(history.toString()).isEmpty();
    }

    /** That it finds this and nothing else, and says where and who, what was expected and what was. */
    private void assertFinds(Kind kind, String... words) {
        List<Anomaly> found = history.check();
        assertThat(found).as(history.toString()).extracting(Anomaly::kind).containsExactly(kind);
        assertThat(found.get(0).toString()).contains(kind.name(), "expected").contains(words);
    }

    private void send(ProducerHistory producer, String value, TopicPartition partition, long offset) {
        producer.sending("t", value);
        producer.sent(value, partition, offset);
    }

    private void sendIn(String transaction, String value, TopicPartition partition, long offset) {
        tx.sending("t", value, transaction);
        tx.sent(value, partition, offset);
    }

    private void commit(String transaction) {
        tx.committing(transaction);
        tx.committed(transaction);
    }

    private void acknowledge(ConsumerHistory consumer, TopicPartition partition, long offset) {
        consumer.acknowledging(partition, offset);
        consumer.acknowledged(partition, offset);
    }

    private void commitOffset(ConsumerHistory consumer, int generation, TopicPartition partition, long offset) {
        consumer.committing(generation, partition, offset);
        consumer.committed(generation, partition, offset);
    }

    private void lookUp(ConsumerHistory consumer, TopicPartition partition, long offset) {
        consumer.lookingUp(partition);
        consumer.lookedUp(partition, offset);
    }

    private void sendMany(int count) {
        for (int i = 0; i < count; i++) {
            send(plain, "v" + i, P, i);
        }
    }

    private void poll(ConsumerHistory consumer, int from, int to) {
        for (int i = from; i < to; i++) {
            consumer.polled(P, i, "v" + i);
        }
    }

    @Test
    void tells_nothing_of_values_that_are_sent_twice() {
        plain.sending("t", "v");
        idempotent.sending("t", "v");
        assertThatThrownBy(history::check)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'v' is sent twice");
    }

    @Test
    void shows_a_history_line_by_line() {
        send(idempotent, "v", P, 7);
        sendIn("t1", "w", Q, 0);
        commit("t1");
        history.note("broker", "crashes");
        assertThat(history.toString().lines())
                .containsExactly(
                        "    0.000 idempotent     invoked send 'v' to t",
                        "    0.001 idempotent     ok      send 'v' to t-0@7",
                        "    0.002 tx             invoked send 'w' to t in t1",
                        "    0.003 tx             ok      send 'w' to t-1@0 in t1",
                        "    0.004 tx             invoked commit t1",
                        "    0.005 tx             ok      commit t1",
                        "    0.006 broker         ok      crashes");
    }

    @Nested
    class Sends {

        @Test
        void two_values_at_one_offset() {
            send(plain, "v", P, 3);
            send(idempotent, "w", P, 3);
            assertFinds(
                    Kind.INCONSISTENT_OFFSET, "t-0@3", "idempotent", "'v', as before", "'w' was acknowledged there");
        }

        @Test
        void two_readers_that_get_different_values() {
            plain.sending("t", "v");
            idempotent.sending("t", "w");
            all.polled(P, 3, "v");
            committed.polled(P, 3, "w");
            assertFinds(Kind.INCONSISTENT_OFFSET, "t-0@3", "committed", "'w' was read there");
        }

        @Test
        void one_value_read_by_two_at_its_offset() {
            send(plain, "v", P, 3);
            send(idempotent, "w", Q, 3);
            all.polled(P, 3, "v");
            committed.polled(P, 3, "v");
            all.polled(Q, 3, "w");
            assertClean();
        }

        @Test
        void a_value_that_nobody_sent() {
            all.polled(P, 0, "v");
            assertFinds(Kind.PHANTOM, "t-0@0", "all", "which nobody sent");
        }

        @Test
        void a_value_whose_send_was_refused() {
            plain.sending("t", "v");
            plain.failed("v");
            all.polled(P, 0, "v");
            assertFinds(Kind.PHANTOM, "whose send plain was refused");
        }

        @Test
        void a_value_whose_send_may_have_failed() {
            plain.sending("t", "v");
            plain.unknown("v");
            all.polled(P, 0, "v");
            assertClean();
        }

        @Test
        void a_value_of_an_idempotent_producer_at_two_offsets() {
            send(idempotent, "v", P, 0);
            all.polled(P, 0, "v");
            all.polled(P, 1, "v");
            assertFinds(Kind.DUPLICATE, "'v' of idempotent in one place", "t-0@0", "t-0@1");
        }

        @Test
        void a_value_of_another_producer_at_two_offsets() {
            send(plain, "v", P, 1);
            all.polled(P, 0, "v");
            all.polled(P, 1, "v");
            assertClean();
        }

        @Test
        void sends_that_are_not_in_order() {
            send(idempotent, "v", P, 1);
            send(idempotent, "w", P, 0);
            assertFinds(Kind.NON_MONOTONIC_SEND, "t-0@0", "'w' behind 'v'", "that is at 1");
        }

        @Test
        void sends_that_are_in_order_in_each_partition_and_of_each_producer() {
            send(idempotent, "v", P, 1);
            send(idempotent, "w", Q, 0);
            send(plain, "x", P, 0);
            send(idempotent, "y", P, 2);
            assertClean();
        }

        @Test
        void a_lost_write() {
            sendMany(3);
            committed.polled(P, 0, "v0");
            all.assigned(P);
            all.polled(P, 2, "v2");
            assertFinds(Kind.LOST_WRITE, "t-0@1", "plain", "'v1', which was acknowledged", "offset 2 was read");
        }

        @Test
        void writes_behind_what_was_read() {
            sendMany(3);
            all.polled(P, 0, "v0");
            assertClean();
        }

        @Test
        void a_write_that_is_not_there_when_all_was_read() {
            sendMany(3);
            poll(all, 0, 2);
            all.drained(P);
            assertFinds(Kind.UNSEEN, "t-0@2", "all", "'v2' of plain", "not among the 2 values");
        }

        @Test
        void a_write_that_was_not_acknowledged_and_is_not_there_when_all_was_read() {
            sendMany(2);
            plain.sending("t", "v2");
            send(idempotent, "q", Q, 0);
            poll(all, 0, 2);
            all.drained(P);
            assertClean();
        }
    }

    @Nested
    class Transactions {

        @Test
        void an_aborted_record_that_is_read() {
            sendIn("t1", "v", P, 0);
            tx.aborted("t1");
            committed.polled(P, 0, "v");
            assertFinds(Kind.ABORTED_READ, "t-0@0", "committed", "'v' of t1 was read, which was aborted");
        }

        @Test
        void an_aborted_record_that_is_read_by_who_reads_all() {
            sendIn("t1", "v", P, 0);
            tx.aborted("t1");
            all.polled(P, 0, "v");
            committed.drained(P);
            assertClean();
        }

        @Test
        void a_record_that_is_read_before_its_commit() {
            sendIn("t1", "v", P, 0);
            committed.polled(P, 0, "v");
            commit("t1");
            assertFinds(Kind.ABORTED_READ, "whose commit tx had not asked for yet");
        }

        @Test
        void a_record_that_is_read_before_its_commit_is_answered() {
            sendIn("t1", "v", P, 0);
            tx.committing("t1");
            committed.polled(P, 0, "v");
            tx.unknownEnd("t1");
            assertClean();
        }

        @Test
        void half_a_transaction() {
            sendIn("t1", "v", P, 0);
            sendIn("t1", "w", Q, 0);
            tx.committing("t1");
            committed.polled(P, 0, "v");
            committed.drained(P);
            committed.drained(Q);
            assertFinds(Kind.TORN_TRANSACTION, "t1", "tx", "all 2 records, or none", "[v] are there, and [w] are not");
        }

        @Test
        void a_transaction_whose_commit_is_open_and_nothing_of_it_is_there() {
            sendIn("t1", "v", P, 0);
            sendIn("t1", "w", Q, 0);
            tx.committing("t1");
            committed.drained(P);
            committed.drained(Q);
            assertClean();
        }

        @Test
        void half_a_transaction_as_long_as_the_other_half_is_not_read() {
            sendIn("t1", "v", P, 0);
            sendIn("t1", "w", Q, 0);
            tx.committing("t1");
            committed.polled(P, 0, "v");
            committed.drained(P);
            assertClean();
        }

        @Test
        void a_committed_transaction_of_which_nothing_is_there() {
            sendIn("t1", "v", P, 0);
            commit("t1");
            committed.drained(P);
            assertFinds(Kind.UNSEEN, "t-0@0", "'v' of tx");
        }

        @Test
        void a_send_of_a_producer_that_is_fenced() {
            sendIn("t1", "v", P, 0);
            tx.fenced("newer");
            sendIn("t2", "w", P, 1);
            assertFinds(Kind.FENCED_WRITE, "t-0@1", "tx", "after newer had taken its place", "'w' was acknowledged");
        }

        @Test
        void a_send_that_was_under_way_when_its_producer_was_fenced() {
            tx.sending("t", "v", "t1");
            tx.fenced("newer");
            tx.sent("v", P, 0);
            tx.sending("t", "w", "t1");
            tx.unknown("w");
            assertClean();
        }

        @Test
        void a_commit_of_a_producer_that_is_fenced() {
            sendIn("t1", "v", P, 0);
            tx.fenced("newer");
            commit("t1");
            assertFinds(Kind.FENCED_WRITE, "t1", "it was committed");
        }

        private void process(String value, String transaction) {
            tx.sending("out", value, transaction, new Origin("g", P, 0));
        }

        @Test
        void a_record_that_is_processed_twice() {
            send(plain, "in", P, 0);
            a.polled(P, 0, "in");
            process("out1", "t1");
            commit("t1");
            process("out2", "t2");
            commit("t2");
            committed.polled(Q, 0, "out1");
            committed.polled(Q, 1, "out2");
            assertFinds(Kind.DUPLICATE, "t-0@0", "g", "[t1, t2] are committed");
        }

        @Test
        void a_record_that_is_processed_again_after_an_abort() {
            send(plain, "in", P, 0);
            a.polled(P, 0, "in");
            process("out1", "t1");
            tx.aborted("t1");
            process("out2", "t2");
            commit("t2");
            committed.polled(P, 0, "in");
            committed.polled(Q, 1, "out2");
            committed.drained(P);
            lookUp(a, P, 1);
            assertClean();
        }

        @Test
        void an_offset_without_its_records() {
            send(plain, "in", P, 0);
            a.polled(P, 0, "in");
            committed.polled(P, 0, "in");
            process("out1", "t1");
            tx.aborted("t1");
            committed.drained(P);
            lookUp(a, P, 1);
            assertFinds(Kind.TORN_TRANSACTION, "t-0@0", "g", "since offset 1 is committed", "nothing of it is there");
        }

        @Test
        void records_without_their_offset() {
            send(plain, "in", P, 0);
            a.polled(P, 0, "in");
            committed.polled(P, 0, "in");
            process("out1", "t1");
            commit("t1");
            committed.polled(Q, 0, "out1");
            committed.drained(P);
            lookUp(a, P, -1);
            assertFinds(Kind.TORN_TRANSACTION, "an offset beyond it, since [t1] is there", "offset 0 is committed");
        }
    }

    @Nested
    class Polls {

        @Test
        void a_record_that_is_skipped() {
            sendMany(3);
            poll(committed, 0, 3);
            all.polled(P, 0, "v0");
            all.polled(P, 2, "v2");
            assertFinds(Kind.SKIPPED_POLL, "t-0@1", "all", "'v1'", "it went on from 0 at 2");
        }

        @Test
        void an_aborted_record_that_is_skipped() {
            sendIn("t1", "v0", P, 0);
            commit("t1");
            sendIn("t2", "v2", P, 2);
            tx.aborted("t2");
            sendIn("t3", "v4", P, 4);
            commit("t3");
            all.polled(P, 2, "v2");
            committed.polled(P, 0, "v0");
            committed.polled(P, 4, "v4");
            assertClean();
        }

        @Test
        void a_reader_that_goes_back() {
            sendMany(2);
            poll(all, 0, 2);
            poll(all, 1, 2);
            assertFinds(Kind.NON_MONOTONIC_POLL, "t-0@1", "all", "an offset above 1", "'v1' at 1 was read");
        }

        @Test
        void a_reader_that_goes_back_when_it_begins_anew_or_seeks() {
            sendMany(3);
            poll(all, 0, 2);
            all.assigned(P);
            poll(all, 1, 3);
            all.sought(P);
            poll(all, 0, 2);
            assertClean();
        }

        @Test
        void a_record_that_was_acknowledged_too_late_is_not_done() {
            sendMany(3);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 0);
            b.assigned(P);
            a.acknowledging(P, 1);
            a.acknowledgedTooLate(P, 1);
            poll(b, 2, 3);
            assertFinds(
                    Kind.SKIPPED_POLL, "t-0@1", "b", "which nobody of g had acknowledged", "its reading began at 2");
        }

        @Test
        void a_member_that_begins_behind_a_record_that_is_not_done() {
            sendMany(3);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 0);
            b.assigned(P);
            poll(b, 2, 3);
            assertFinds(
                    Kind.SKIPPED_POLL, "t-0@1", "b", "which nobody of g had acknowledged", "its reading began at 2");
        }

        @Test
        void a_member_that_leaves_out_what_others_have_acknowledged() {
            sendMany(4);
            a.assigned(P);
            poll(a, 0, 3);
            acknowledge(a, P, 0);
            acknowledge(a, P, 2);
            b.assigned(P);
            poll(b, 1, 2);
            poll(b, 3, 4);
            assertClean();
        }
    }

    @Nested
    class Groups {

        @Test
        void a_partition_that_two_work_on() {
            sendMany(2);
            a.assigned(P);
            poll(a, 0, 1);
            b.assigned(P);
            acknowledge(a, P, 0);
            assertFinds(Kind.SHARED_PARTITION, "t-0@0", "a", "before b of g got it", "acknowledged this afterwards");
        }

        @Test
        void a_member_that_is_too_late_or_cut_off() {
            sendMany(2);
            a.assigned(P);
            poll(a, 0, 1);
            b.assigned(P);
            a.acknowledging(P, 0);
            a.acknowledgedTooLate(P, 0);
            b.cutOff();
            a.assigned(P);
            poll(b, 0, 1);
            assertClean();
        }

        @Test
        void a_commit_beyond_what_was_acknowledged_too_late() {
            sendMany(2);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 0);
            a.acknowledging(P, 1);
            a.acknowledgedTooLate(P, 1);
            commitOffset(a, 1, P, 2);
            assertFinds(Kind.UNACKNOWLEDGED_COMMIT, "t-0", "a", "'v1' acknowledged by somebody of g before");
        }

        @Test
        void a_committed_offset_that_goes_back_within_a_generation() {
            sendMany(2);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 0);
            acknowledge(a, P, 1);
            commitOffset(a, 1, P, 2);
            commitOffset(a, 1, P, 1);
            assertFinds(Kind.OFFSET_REGRESSION, "t-0", "a", "2 or more", "generation 1", "1 was committed for g");
        }

        @Test
        void a_committed_offset_that_goes_back_after_a_seek_or_for_another_group() {
            ConsumerHistory other = history.consumer("o", "h", IsolationLevel.READ_UNCOMMITTED);
            sendMany(2);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 0);
            acknowledge(a, P, 1);
            commitOffset(a, 1, P, 2);
            commitOffset(other, 1, P, 1);
            a.sought(P);
            commitOffset(a, 1, P, 1);
            lookUp(a, P, 1);
            assertClean();
        }

        @Test
        void a_commit_that_is_forgotten() {
            commitOffset(a, 1, P, 2);
            lookUp(b, P, 1);
            assertFinds(Kind.OFFSET_REGRESSION, "t-0", "b", "2 or more, which g had committed", "1 is committed");
        }

        @Test
        void a_commit_that_is_taken_while_somebody_looks() {
            commitOffset(a, 1, P, 1);
            b.lookingUp(P);
            commitOffset(a, 1, P, 2);
            b.lookedUp(P, 1);
            a.committing(1, P, 5);
            lookUp(b, P, 2);
            assertClean();
        }

        @Test
        void a_commit_of_a_member_that_has_lost_the_partition() {
            a.assigned(P);
            b.assigned(P);
            commitOffset(a, 1, P, 2);
            assertFinds(Kind.STALE_COMMIT, "t-0@2", "a", "since b of g had the partition", "generation 1 was taken");
        }

        @Test
        void a_commit_that_is_refused_or_was_under_way() {
            a.assigned(P);
            a.committing(1, P, 2);
            b.assigned(P);
            a.committed(1, P, 2);
            a.committing(2, P, 3);
            a.commitFailed(2, P, 3);
            assertClean();
        }

        @Test
        void a_commit_beyond_what_is_done() {
            sendMany(3);
            a.assigned(P);
            poll(a, 0, 3);
            acknowledge(a, P, 0);
            acknowledge(a, P, 2);
            commitOffset(a, 1, P, 2);
            assertFinds(Kind.UNACKNOWLEDGED_COMMIT, "t-0@1", "a", "'v1' acknowledged by somebody of g", "nobody had");
        }

        @Test
        void a_commit_of_what_several_have_done() {
            sendMany(3);
            a.assigned(P);
            poll(a, 0, 2);
            acknowledge(a, P, 1);
            b.assigned(P);
            poll(b, 0, 1);
            acknowledge(b, P, 0);
            commitOffset(b, 2, P, 2);
            assertClean();
        }
    }
}
