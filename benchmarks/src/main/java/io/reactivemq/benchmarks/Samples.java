package io.reactivemq.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** What several runs of one thing gave: a line with the median, and least and most. */
final class Samples {

    private final String what;
    private final String unit;
    private final List<Sample> samples = new ArrayList<>();

    private record Sample(double figure, double cpuPerAmount, double userPerAmount, double others) {}

    Samples(String what, String unit) {
        this.what = what;
        this.unit = unit;
    }

    void add(double figure, Cpu used, double seconds, double amount) {
        samples.add(new Sample(
                figure,
                used.processSeconds() / amount,
                used.processUserSeconds() / amount,
                used.othersSeconds() / seconds));
    }

    List<Double> figures() {
        return samples.stream().map(Sample::figure).toList();
    }

    double medianFigure() {
        return median(all(Sample::figure));
    }

    static void printHeading() {
        System.out.printf(
                Locale.ROOT,
                "%-52s %4s %32s %-8s %9s %9s %7s%n",
                "what",
                "runs",
                "median (least - most)",
                "",
                "cpu s",
                "user s",
                "others");
    }

    /** The median, and in parentheses least and most. */
    static String spread(String format, double[] figures) {
        double[] sorted = figures.clone();
        Arrays.sort(sorted);
        return String.format(
                Locale.ROOT,
                format + " (" + format + " - " + format + ")",
                median(sorted),
                sorted[0],
                sorted[sorted.length - 1]);
    }

    static double median(double[] figures) {
        double[] sorted = figures.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    String line() {
        return String.format(
                Locale.ROOT,
                "%-52s %4d %32s %-8s %9.3f %9.3f %6.0f%%",
                what,
                samples.size(),
                spread("%.2f", all(Sample::figure)),
                unit,
                median(all(Sample::cpuPerAmount)),
                median(all(Sample::userPerAmount)),
                100 * median(all(Sample::others)));
    }

    private double[] all(ToDoubleFunction<Sample> figure) {
        return samples.stream().mapToDouble(figure).toArray();
    }
}
