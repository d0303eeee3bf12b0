package io.reactivemq.examples.sensors;

import io.reactivemq.metrics.BufferDepth;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;

/** The slow subscriber: it asks for as many readings in a tick as it manages, keeps the latest values and has them drawn. */
final class Dashboard extends BaseSubscriber<Reading> {

    private static final int BAR_WIDTH = 32;
    private static final int TRACE_WIDTH = 32;

    /** From low to high. Plain characters, which every terminal has. */
    private static final String LEVELS = "_.-~=+*#%@";

    private final Plan plan;
    private final Screen screen;
    private final BufferDepth depth;
    private final LongSupplier measured;
    private final long[] latest;
    private final List<Deque<Double>> traces = new ArrayList<>();
    private long asked;
    private long shown;
    private long dropped;

    Dashboard(Plan plan, Screen screen, BufferDepth depth, LongSupplier measured) {
        this.plan = plan;
        this.screen = screen;
        this.depth = depth;
        this.measured = measured;
        latest = new long[plan.sensors()];
        Arrays.fill(latest, -1);
        for (int i = 0; i < plan.sensors(); i++) {
            traces.add(new ArrayDeque<>());
        }
    }

    /** Asks for nothing yet: a tick does. */
    @Override
    protected void hookOnSubscribe(Subscription subscription) {}

    @Override
    protected void hookOnNext(Reading reading) {
        shown++;
        latest[reading.sensor()] = reading.number();
        Deque<Double> trace = traces.get(reading.sensor());
        trace.add(reading.value());
        if (trace.size() > TRACE_WIDTH) {
            trace.remove();
        }
    }

    void dropped(Reading reading) {
        dropped++;
    }

    /** Draws what there is, then asks for as much as it manages in this tick. */
    void tick(long tick) {
        screen.show(tick, frame(tick), line(tick));
        long more = plan.shownATick(tick) - (asked - shown);
        if (more > 0) {
            asked += more;
            request(more);
        }
    }

    private String line(long tick) {
        return String.format(
                Locale.ROOT,
                "%5.1f s  measured %,9d   shown %,9d   dropped %,9d   waiting %,d of %,d%s",
                (double) tick / Plan.TICKS_A_SECOND,
                measured.getAsLong(),
                shown,
                dropped,
                depth.getAsLong(),
                plan.capacity(),
                plan.isBusy(tick) ? "   dashboard busy" : "");
    }

    private List<String> frame(long tick) {
        List<String> lines = new ArrayList<>();
        lines.add(line(tick));
        int filled = (int) (depth.getAsLong() * BAR_WIDTH / plan.capacity());
        String style = filled == BAR_WIDTH ? "red" : filled > 0 ? "yellow" : "green";
        lines.add("         buffer   [@|" + style + " " + "#".repeat(filled) + "|@" + " ".repeat(BAR_WIDTH - filled)
                + "]");
        for (int sensor = 0; sensor < traces.size(); sensor++) {
            lines.add(row(sensor));
        }
        return lines;
    }

    private String row(int sensor) {
        StringBuilder trace = new StringBuilder();
        double last = 0;
        for (double value : traces.get(sensor)) {
            trace.append(LEVELS.charAt((int) (value / Sensors.VALUE_MAX * (LEVELS.length() - 1))));
            last = value;
        }
        return String.format(
                Locale.ROOT,
                "         sensor %-2d %-" + TRACE_WIDTH + "s %6.2f   reading %,d",
                sensor,
                trace,
                last,
                latest[sensor]);
    }

    Summary summary() {
        long all = measured.getAsLong();
        boolean latestShown = true;
        for (int sensor = 0; sensor < latest.length; sensor++) {
            // they are read in turn
            long readings = (all - sensor + latest.length - 1) / latest.length;
            latestShown &= latest[sensor] == readings - 1;
        }
        return new Summary(all, shown, dropped, latestShown);
    }
}
