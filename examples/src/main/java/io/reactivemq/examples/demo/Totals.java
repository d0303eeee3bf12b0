package io.reactivemq.examples.demo;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Map.Entry;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Figures for each key. Not thread-safe. */
final class Totals {

    /** What rows without a key are kept under; a real key is never empty. */
    private static final String NO_KEY = "";

    private final Map<String, KeyTotals> byKey = new HashMap<>();
    private long rows;

    void add(@Nullable String key, String text, int delayMinutes) {
        rows++;
        byKey.merge(
                key == null ? NO_KEY : key,
                KeyTotals.ofFirst(text, delayMinutes),
                (before, first) ->
                        key == null ? before.plusInAnyOrder(text, delayMinutes) : before.plus(text, delayMinutes));
    }

    long rows() {
        return rows;
    }

    int keys() {
        return byKey.size();
    }

    /** The keys with the most rows, the busiest first; of equals the one that sorts first. */
    List<Entry<String, KeyTotals>> busiest(int count) {
        Comparator<Entry<String, KeyTotals>> byRows =
                Comparator.comparingLong(e -> -e.getValue().rows());
        return byKey.entrySet().stream()
                .sorted(byRows.thenComparing(Entry.comparingByKey()))
                .limit(count)
                .toList();
    }

    /** Where the figures (rows, delays) are not those of {@code expected}, a line for each key; the order of rows is not looked at. */
    List<String> figuresThatDiffer(Totals expected) {
        return differences(expected, KeyTotals::sameFigures, KeyTotals::figures);
    }

    /** Where the rows of a key came in another order, or with another text, than in {@code expected}, a line for each key. */
    List<String> ordersThatDiffer(Totals expected) {
        return differences(
                expected,
                (actual, wanted) -> actual.orderHash() == wanted.orderHash(),
                totals -> "order " + Long.toHexString(totals.orderHash()));
    }

    private List<String> differences(Totals expected, Same same, Shown shown) {
        List<String> different = new ArrayList<>();
        TreeSet<String> keys = new TreeSet<>(byKey.keySet());
        keys.addAll(expected.byKey.keySet());
        for (String key : keys) {
            KeyTotals wanted = expected.byKey.getOrDefault(key, KeyTotals.NONE);
            KeyTotals actual = byKey.getOrDefault(key, KeyTotals.NONE);
            if (!same.test(actual, wanted)) {
                different.add(label(key) + ": expected " + shown.of(wanted) + ", was " + shown.of(actual));
            }
        }
        return different;
    }

    /** How a key of {@link #busiest} is shown. */
    static String label(String key) {
        return key.isEmpty() ? "(none)" : key;
    }

    private interface Same {
        boolean test(KeyTotals actual, KeyTotals wanted);
    }

    private interface Shown {
        String of(KeyTotals totals);
    }
}
