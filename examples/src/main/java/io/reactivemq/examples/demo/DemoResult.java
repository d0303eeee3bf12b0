package io.reactivemq.examples.demo;

import io.reactivemq.consume.DrainReport;
import java.time.Duration;
import java.util.List;

/**
 * All that a run came to; {@link #checkAgainst} compares it with the plain loop, {@link Report} prints it.
 *
 * @param sent the acknowledgements
 * @param group what the group that does the work came to
 * @param groupTime how long the group took, from the first row sent to the last row done
 * @param stoppedMember the member that was stopped in good order
 * @param stopped what its drain reports
 * @param cutOffMember the member that was cut off
 * @param movedAtStop partitions that moved when the one was stopped and another joined
 * @param movedAtCut partitions that moved when the other was cut off
 * @param audit what the group {@code audit} came to
 * @param auditTime from its first row to its last
 * @param watcherSeen rows that the slow subscriber was shown
 * @param watcherDropped rows that it let go
 * @param partitions the partitions at the end
 * @param deadLetters the entries of the dead-letter topic
 * @param reopened what was found when the broker was opened again
 */
record DemoResult(
        Sent sent,
        Tally.Result group,
        Duration groupTime,
        String stoppedMember,
        DrainReport stopped,
        String cutOffMember,
        int movedAtStop,
        int movedAtCut,
        Totals audit,
        Duration auditTime,
        long watcherSeen,
        long watcherDropped,
        List<PartitionState> partitions,
        List<DeadLetter> deadLetters,
        Reopened reopened) {

    /**
     * What is there after the broker was closed and opened again.
     *
     * @param replay all rows read anew from the beginning
     * @param partitions the partitions
     * @param deadLetters the entries of the dead-letter topic
     */
    record Reopened(Replay replay, List<PartitionState> partitions, List<DeadLetter> deadLetters) {}

    Checks checkAgainst(Expected expected, Rows rows) {
        Checks checks = new Checks();
        checkSending(checks, expected);
        checkGroup(checks, expected, rows);
        checkAudit(checks, expected);
        checks.equal("watcher: shown and dropped make up all rows", expected.rows(), watcherSeen + watcherDropped);
        checkDeadLetters(checks, expected);
        checkReopened(checks, expected, rows);
        return checks;
    }

    private void checkSending(Checks checks, Expected expected) {
        checks.equal("sent: every row is acknowledged", expected.rows(), sent.rows());
        checks.equal("sent: acknowledgements bring the offsets of a partition one by one", 0L, sent.outOfOrder());
        checks.equal("sent: all rows of a key go to one partition", 0L, sent.keysThatMoved());
        checks.equal(
                "sent: the partitions hold what was acknowledged, nothing more",
                sent.rows(),
                partitions.stream().mapToLong(PartitionState::records).sum());
    }

    private void checkGroup(Checks checks, Expected expected, Rows rows) {
        checks.equal(
                rows.group() + ": rows in all as in the plain loop",
                expected.handled().rows(),
                group.totals().rows());
        checks.none(
                rows.group() + ": " + (rows.haveDelays() ? "flights, mean and worst delay" : "rows") + " of each "
                        + rows.keyNoun() + " as in the plain loop",
                group.totals().figuresThatDiffer(expected.handled()));
        checks.none(
                rows.group() + ": rows of each " + rows.keyNoun() + " in the order of the file",
                group.totals().ordersThatDiffer(expected.handled()));
        checks.equal(rows.group() + ": no offset is skipped", "{}", group.gaps().toString());
        checks.equal(rows.group() + ": every row is handled or dead-lettered", expected.rows(), group.doneInAll());
        checks.equal(
                rows.group() + ": lag is 0 in every partition",
                0L,
                partitions.stream().mapToLong(PartitionState::groupLag).sum());
        checks.atLeast(
                rows.group() + ": partitions moved when a member was stopped and another joined", 1, movedAtStop);
        checks.atLeast(rows.group() + ": partitions moved when a member was cut off", 1, movedAtCut);
        checks.equal(rows.group() + ": the stopped member finished what it had begun", 0L, stopped.abandoned());
        checks.equal(
                rows.group() + ": nothing that the stopped member handled came again",
                0L,
                group.redelivered().getOrDefault(stoppedMember, 0L));
    }

    private void checkAudit(Checks checks, Expected expected) {
        checks.none("audit: every row once, by key, damaged ones too", audit.figuresThatDiffer(expected.delivered()));
        checks.none("audit: rows of each key in the order of the file", audit.ordersThatDiffer(expected.delivered()));
        checks.equal(
                "audit: lag is 0 in every partition",
                0L,
                partitions.stream().mapToLong(PartitionState::auditLag).sum());
    }

    private void checkDeadLetters(Checks checks, Expected expected) {
        // a row whose member was cut off before it could commit may be there twice: it is one and the same by its
        // source
        checks.equal(
                "dead letters: the damaged rows and no others, unchanged",
                expected.damaged().stream().sorted().toList(),
                deadLetters.stream()
                        .map(letter -> List.of(letter.source(), letter.text()))
                        .distinct()
                        .map(sourceAndText -> sourceAndText.get(1))
                        .sorted()
                        .toList());
        checks.equal(
                "dead letters: each was attempted " + Member.ATTEMPTS + " times",
                0L,
                deadLetters.stream()
                        .filter(letter -> letter.attempts() != Member.ATTEMPTS)
                        .count());
    }

    private void checkReopened(Checks checks, Expected expected, Rows rows) {
        Replay replay = reopened.replay();
        checks.none(
                "reopened: a replay comes to the same figures of each " + rows.keyNoun(),
                replay.handled().figuresThatDiffer(group.totals()));
        checks.none(
                "reopened: a replay finds every row, in the order of the file",
                replay.delivered().ordersThatDiffer(expected.delivered()));
        checks.equal("reopened: records and committed offsets as before", partitions, reopened.partitions());
        checks.equal("reopened: dead letters as before", deadLetters, reopened.deadLetters());
    }
}
