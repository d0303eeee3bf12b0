package io.reactivemq.examples.demo;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Supplier;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * What the demo shows while it runs: a line for each thing that happens, with the time since the start, and how far the rows are:
 * as a bar on a terminal, else as a plain line for each tenth.
 */
final class Progress implements AutoCloseable {

    private static final int BAR_WIDTH = 78;
    private static final int REDRAW_EVERY_MS = 100;

    /** Back to the first column, and clear the line. */
    private static final String CLEAR_LINE = "\r\u001b[K";

    private final PrintWriter out;
    private final boolean terminal;
    private final Supplier<Duration> elapsed;
    private @Nullable ProgressBar bar;
    private long total;
    private long tenthsSaid;

    Progress(PrintWriter out, boolean terminal, Supplier<Duration> elapsed) {
        this.out = out;
        this.terminal = terminal;
        this.elapsed = elapsed;
    }

    /** Something happened. */
    synchronized void say(String line) {
        out.println((bar == null ? "" : CLEAR_LINE) + stamp() + line);
        out.flush();
    }

    private String stamp() {
        return String.format(Locale.ROOT, "%5.1f s  ", elapsed.get().toMillis() / 1000.0);
    }

    /** From now on progress is counted, up to {@code total}. */
    synchronized void begin(String task, long total) {
        this.total = total;
        tenthsSaid = 0;
        if (terminal) {
            bar = new ProgressBarBuilder()
                    .setTaskName(task)
                    .setInitialMax(total)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setUpdateIntervalMillis(REDRAW_EVERY_MS)
                    .setConsumer(new DelegatingProgressBarConsumer(this::draw, BAR_WIDTH))
                    .build();
        }
    }

    /** Called by the progress bar's own thread too. */
    private synchronized void draw(String rendered) {
        out.print(CLEAR_LINE + rendered);
        out.flush();
    }

    /** So many are done by now. */
    synchronized void at(long done) {
        if (bar != null) {
            bar.stepTo(done);
            return;
        }
        long tenths = total == 0 ? 0 : Math.min(10, done * 10 / total);
        if (tenths > tenthsSaid) {
            tenthsSaid = tenths;
            say(String.format(Locale.ROOT, "%3d %%  %,d of %,d rows done", tenths * 10, done, total));
        }
    }

    /** Takes the bar away. */
    @Override
    public void close() {
        ProgressBar last;
        synchronized (this) {
            last = bar;
        }
        if (last == null) {
            return;
        }
        // outside of the lock: it waits for the bar's thread, which draws once more
        last.close();
        synchronized (this) {
            bar = null;
            out.print(CLEAR_LINE);
            out.flush();
        }
    }
}
