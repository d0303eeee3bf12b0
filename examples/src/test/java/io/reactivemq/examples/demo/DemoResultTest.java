package io.reactivemq.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.TopicPartition;
import io.reactivemq.consume.DrainReport;
import io.reactivemq.examples.demo.DemoResult.Reopened;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Each check passes on a result that is right, and fails on one that is wrong in just its own point. */
class DemoResultTest {

    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Rows ROWS = FlightRows.first(0);

    private static final DeadLetter LETTER = new DeadLetter("t-0@2", "damaged", "IllegalArgumentException: why", 3);

    /** Two rows of one key, one row without a key, which is damaged. */
    private static final Expected EXPECTED = new Expected(delivered(), totals("k=a", "k=b"), List.of(LETTER.text()));

    private static Totals delivered() {
        return totals("k=a", "k=b", "=damaged");
    }

    private static Totals totals(String... keysAndTexts) {
        Totals totals = new Totals();
        for (String keyAndText : keysAndTexts) {
            String[] parts = keyAndText.split("=", -1);
            totals.add(parts[0].isEmpty() ? null : parts[0], parts[1], 0);
        }
        return totals;
    }

    private Sent sent = new Sent(3, 0, 0, SECOND);
    private Totals handled = totals("k=a", "k=b");
    private Map<TopicPartition, Integer> done = Map.of(new TopicPartition("t", 0), 3);
    private Map<TopicPartition, Integer> gaps = Map.of();
    private Map<String, Long> redelivered = Map.of("delays-3", 7L);
    private DrainReport stopped = new DrainReport(2, 0, 5, Map.of(), false);
    private int movedAtStop = 1;
    private int movedAtCut = 1;
    private Totals audit = delivered();
    private long watcherDropped = 2;
    private List<PartitionState> partitions = List.of(new PartitionState(0, 3, 3, 3));
    private List<DeadLetter> deadLetters = List.of(LETTER);
    private Totals replayDelivered = delivered();
    private Totals replayHandled = totals("k=a", "k=b");
    private List<PartitionState> partitionsAfter = partitions;
    private List<DeadLetter> deadLettersAfter = deadLetters;

    private Checks checks() {
        return new DemoResult(
                        sent,
                        new Tally.Result(handled, done, gaps, redelivered),
                        SECOND,
                        "delays-2",
                        stopped,
                        "delays-3",
                        movedAtStop,
                        movedAtCut,
                        audit,
                        SECOND,
                        1,
                        watcherDropped,
                        partitions,
                        deadLetters,
                        new Reopened(
                                new Replay(replayDelivered, replayHandled, SECOND), partitionsAfter, deadLettersAfter))
                .checkAgainst(EXPECTED, ROWS);
    }

    private void assertFails(String... names) {
        assertThat(checks().all())
                .filteredOn(check -> !check.passed())
                .extracting(Checks.Check::name)
                .containsExactly(names);
    }

    @Test
    void allPassOnAResultThatIsRight() {
        assertFails();
        assertThat(checks().summary()).isEqualTo("checks: " + checks().all().size() + " passed, 0 failed");
    }

    @Test
    void aRowThatWasNotAcknowledged() {
        sent = new Sent(2, 0, 0, SECOND);
        assertFails("sent: every row is acknowledged", "sent: the partitions hold what was acknowledged, nothing more");
    }

    @Test
    void acknowledgementsOutOfOrderAndKeysInTwoPartitions() {
        sent = new Sent(3, 1, 1, SECOND);
        assertFails(
                "sent: acknowledgements bring the offsets of a partition one by one",
                "sent: all rows of a key go to one partition");
    }

    @Test
    void aRowTooMuchInAPartition() {
        partitions = List.of(new PartitionState(0, 4, 4, 4));
        partitionsAfter = partitions;
        assertFails("sent: the partitions hold what was acknowledged, nothing more");
    }

    @Test
    void aRowThatTheGroupDidNotHandle() {
        handled = totals("k=a");
        assertFails(
                "delays: rows in all as in the plain loop",
                "delays: flights, mean and worst delay of each airport as in the plain loop",
                "delays: rows of each airport in the order of the file",
                "reopened: a replay comes to the same figures of each airport");
    }

    @Test
    void rowsOfAKeyInAnotherOrder() {
        handled = totals("k=b", "k=a");
        assertFails("delays: rows of each airport in the order of the file");
    }

    @Test
    void aGapAndARowThatIsNotDone() {
        done = Map.of(new TopicPartition("t", 0), 2);
        gaps = Map.of(new TopicPartition("t", 0), 1);
        assertFails("delays: no offset is skipped", "delays: every row is handled or dead-lettered");
    }

    @Test
    void lagThatIsLeft() {
        partitions = List.of(new PartitionState(0, 3, 2, 1));
        partitionsAfter = partitions;
        assertFails("delays: lag is 0 in every partition", "audit: lag is 0 in every partition");
    }

    @Test
    void partitionsThatDidNotMove() {
        movedAtStop = 0;
        movedAtCut = 0;
        assertFails(
                "delays: partitions moved when a member was stopped and another joined",
                "delays: partitions moved when a member was cut off");
    }

    @Test
    void aMemberThatWasNotStoppedInGoodOrder() {
        stopped = new DrainReport(2, 1, 5, Map.of(), true);
        redelivered = Map.of("delays-2", 1L, "delays-3", 7L);
        assertFails(
                "delays: the stopped member finished what it had begun",
                "delays: nothing that the stopped member handled came again");
    }

    @Test
    void whatTheAuditDidNotSeeAndWhatItSawInAnotherOrder() {
        audit = totals("k=b", "k=a", "=damaged", "=more");
        assertFails(
                "audit: every row once, by key, damaged ones too", "audit: rows of each key in the order of the file");
    }

    @Test
    void aRowTheWatcherNeitherSawNorDropped() {
        watcherDropped = 1;
        assertFails("watcher: shown and dropped make up all rows");
    }

    @Test
    void aDeadLetterThatIsMissingChangedOrTooMuch() {
        String name = "dead letters: the damaged rows and no others, unchanged";
        deadLetters = List.of();
        deadLettersAfter = deadLetters;
        assertFails(name);
        deadLetters = List.of(new DeadLetter("t-0@2", "changed", "why", 3));
        deadLettersAfter = deadLetters;
        assertFails(name);
        deadLetters = List.of(LETTER, new DeadLetter("t-0@3", "damaged", "why", 3));
        deadLettersAfter = deadLetters;
        assertFails(name);
    }

    @Test
    void aDeadLetterThatIsThereTwiceBecauseItsMemberWasLostIsOne() {
        deadLetters = List.of(LETTER, LETTER);
        deadLettersAfter = deadLetters;
        assertFails();
    }

    @Test
    void aDeadLetterThatWasNotAttemptedThreeTimes() {
        deadLetters = List.of(new DeadLetter("t-0@2", "damaged", "why", 2));
        deadLettersAfter = deadLetters;
        assertFails("dead letters: each was attempted 3 times");
    }

    @Test
    void aReplayThatFindsSomethingElse() {
        replayHandled = totals("k=a", "k=b", "k=c");
        replayDelivered = totals("k=b", "k=a", "=damaged");
        assertFails(
                "reopened: a replay comes to the same figures of each airport",
                "reopened: a replay finds every row, in the order of the file");
    }

    @Test
    void offsetsAndDeadLettersThatAreNoLongerThere() {
        partitionsAfter = List.of(new PartitionState(0, 3, 0, 3));
        deadLettersAfter = List.of();
        assertFails("reopened: records and committed offsets as before", "reopened: dead letters as before");
    }

    @Test
    void aCheckThatFailsSaysWhatWasExpectedAndWhatFound() {
        watcherDropped = 1;
        assertThat(checks().all())
                .extracting(Checks.Check::toString)
                .contains("FAIL  watcher: shown and dropped make up all rows: expected 3, found 2")
                .contains("ok    sent: every row is acknowledged");
        assertThat(checks().summary()).endsWith(" passed, 1 failed");
    }
}
