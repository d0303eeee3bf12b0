package io.reactivemq.examples.demo;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map.Entry;
import java.util.Set;

/** Prints what a run came to. */
final class Report {

    private static final int BUSIEST = 10;
    private static final int DEAD_LETTERS_SHOWN = 10;
    private static final int TEXT_SHOWN = 40;

    private final PrintWriter out;
    private final DemoResult result;
    private final Rows rows;

    Report(PrintWriter out, DemoResult result, Rows rows) {
        this.out = out;
        this.result = result;
        this.rows = rows;
    }

    void print(Checks checks, Pace pace) {
        throughput(pace);
        partitions();
        busiest();
        whatHappened();
        deadLetters();
        line("");
        line("checks");
        checks.all().forEach(check -> line("  " + check));
        line("");
        line(checks.summary());
        out.flush();
    }

    private void throughput(Pace pace) {
        line("");
        line("throughput");
        rate("sent", result.sent().rows(), result.sent().time(), "forced to disk");
        rate("audit", result.audit().rows(), result.auditTime(), "one member, while they are sent");
        rate(rows.group(), result.group().doneInAll(), result.groupTime(), pace.description());
        Replay replay = result.reopened().replay();
        rate("replay", replay.delivered().rows(), replay.time(), "from the beginning, after reopening");
    }

    private void rate(String what, long count, Duration time, String how) {
        double seconds = Math.max(1, time.toNanos()) / 1e9;
        line("  %-8s %,10d rows in %6.2f s %,10.0f rows/s  %s", what, count, seconds, count / seconds, how);
    }

    private void partitions() {
        line("");
        line("partitions      records   lag %s   lag audit", rows.group());
        for (PartitionState partition : result.partitions()) {
            line(
                    "  %-10s %,10d %12d %11d",
                    rows.topic() + "-" + partition.partition(),
                    partition.records(),
                    partition.groupLag(),
                    partition.auditLag());
        }
    }

    private void busiest() {
        line("");
        List<Entry<String, KeyTotals>> busiest = result.group().totals().busiest(BUSIEST);
        int width = busiest.stream()
                .mapToInt(entry -> shown(Totals.label(entry.getKey())).length())
                .reduce(rows.keyNoun().length(), Math::max);
        if (rows.haveDelays()) {
            line("busiest of %,d airports", result.group().totals().keys());
            line("  %-" + width + "s   flights   mean delay   worst delay", rows.keyNoun());
            for (Entry<String, KeyTotals> entry : busiest) {
                KeyTotals totals = entry.getValue();
                line(
                        "  %-" + width + "s %,9d %8.1f min %9d min",
                        shown(Totals.label(entry.getKey())),
                        totals.rows(),
                        totals.meanDelay(),
                        totals.worstDelay());
            }
        } else {
            line("most frequent of %,d keys", result.group().totals().keys());
            line("  %-" + width + "s      rows", shown(rows.keyNoun()));
            for (Entry<String, KeyTotals> entry : busiest) {
                line(
                        "  %-" + width + "s %,9d",
                        shown(Totals.label(entry.getKey())),
                        entry.getValue().rows());
            }
        }
    }

    private void whatHappened() {
        line("");
        line(
                "drops         %,d rows let go by the slow watcher, %,d shown",
                result.watcherDropped(), result.watcherSeen());
        line(
                "rebalances    %d partitions moved when %s was stopped and another joined,",
                result.movedAtStop(), result.stoppedMember());
        line("              %d when %s was cut off", result.movedAtCut(), result.cutOffMember());
        line(
                "redeliveries  %,d rows came again and were not added twice%s",
                result.group().redeliveredInAll(), redeliveredBy());
    }

    private String redeliveredBy() {
        StringBuilder by = new StringBuilder();
        result.group()
                .redelivered()
                .forEach((member, count) -> by.append(by.isEmpty() ? " (" : ", ")
                        .append(String.format(Locale.ROOT, "%,d first handled by %s", count, member)));
        return by.isEmpty() ? "" : by + ")";
    }

    private void deadLetters() {
        List<DeadLetter> letters = once(result.deadLetters());
        int again = result.deadLetters().size() - letters.size();
        line("");
        line(
                "dead letters  %,d in %s%s",
                letters.size(),
                DeadLetters.topicOf(rows),
                again == 0 ? "" : String.format(Locale.ROOT, ", %,d came again", again));
        for (DeadLetter letter : letters.subList(0, Math.min(DEAD_LETTERS_SHOWN, letters.size()))) {
            line("  %-14s %d attempts  %s", letter.source(), letter.attempts(), shown(letter.text()));
            line("  %-14s %s", "", shown(letter.error(), 2 * TEXT_SHOWN));
        }
        if (letters.size() > DEAD_LETTERS_SHOWN) {
            line("  and %,d more", letters.size() - DEAD_LETTERS_SHOWN);
        }
    }

    /** Each row once: one whose member was cut off before it could commit may have come to the dead letters twice. */
    static List<DeadLetter> once(List<DeadLetter> letters) {
        Set<String> sources = new HashSet<>();
        return letters.stream().filter(letter -> sources.add(letter.source())).toList();
    }

    private static String shown(String text) {
        return shown(text, TEXT_SHOWN);
    }

    /** Text on one line: control characters and what has no shape of its own are escaped, what is long is cut. */
    static String shown(String text, int longest) {
        StringBuilder shown = new StringBuilder();
        text.codePoints()
                .forEach(c -> shown.append(
                        switch (c) {
                            case '\n' -> "\\n";
                            case '\r' -> "\\r";
                            case '\t' -> "\\t";
                            default -> isVisible(c) ? Character.toString(c) : String.format("\\u%04x", c);
                        }));
        return shown.codePointCount(0, shown.length()) <= longest
                ? shown.toString()
                : shown.substring(0, shown.offsetByCodePoints(0, longest - 3)) + "...";
    }

    private static boolean isVisible(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }

    private void line(String format, Object... arguments) {
        out.println(arguments.length == 0 ? format : String.format(Locale.ROOT, format, arguments));
    }
}
