package io.reactivemq.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What runs of one thing gave, ours and the peer's in turns: a line with both medians, least and most, and the ratio of the medians. */
final class Versus {

    private final String what;
    private final String unit;
    private final List<Double> ours = new ArrayList<>();
    private final List<Double> peers = new ArrayList<>();
    private final List<Double> others = new ArrayList<>();

    Versus(String what, String unit) {
        this.what = what;
        this.unit = unit;
    }

    /** A run's figure, and what processes that are no part of it used of a core meanwhile. */
    void add(boolean our, double figure, double other) {
        (our ? ours : peers).add(figure);
        others.add(other);
    }

    List<Double> ours() {
        return List.copyOf(ours);
    }

    static void printHeading() {
        System.out.printf(
                Locale.ROOT,
                "%-46s %4s %30s %30s %-10s %7s %7s%n",
                "what",
                "runs",
                "ours, median (least - most)",
                "Kafka",
                "",
                "ratio",
                "others");
    }

    String line() {
        return String.format(
                Locale.ROOT,
                "%-46s %4d %30s %30s %-10s %7s %6.0f%%",
                what,
                ours.size(),
                spread(ours),
                spread(peers),
                unit,
                ratio(),
                100 * Samples.median(array(others)));
    }

    /** Ours to the peer's. */
    private String ratio() {
        if (ours.isEmpty() || peers.isEmpty()) {
            return "";
        }
        return String.format(Locale.ROOT, "%.2f", Samples.median(array(ours)) / Samples.median(array(peers)));
    }

    private static String spread(List<Double> figures) {
        if (figures.isEmpty()) {
            return "";
        }
        double median = Samples.median(array(figures));
        return Samples.spread(median >= 100 ? "%.0f" : median >= 1 ? "%.2f" : "%.3f", array(figures));
    }

    private static double[] array(List<Double> figures) {
        return figures.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
