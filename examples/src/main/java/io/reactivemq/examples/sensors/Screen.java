package io.reactivemq.examples.sensors;

import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Help.Ansi;

/** Where the dashboard is drawn: over and over on the same lines of a terminal, else as a plain line a second. */
final class Screen {

    private final PrintWriter out;
    private final boolean terminal;
    private final Ansi ansi;
    private int linesDrawn;

    Screen(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
        this.ansi = terminal ? Ansi.ON : Ansi.OFF;
    }

    /**
     * Shows the state as of a tick.
     *
     * @param frame for a terminal, with picocli's markup for colours
     * @param line for everything else
     */
    void show(long tick, List<String> frame, String line) {
        if (terminal) {
            draw(frame);
        } else if (tick % Plan.TICKS_A_SECOND == 0) {
            out.println(line);
            out.flush();
        }
    }

    private void draw(List<String> frame) {
        StringBuilder drawn = new StringBuilder();
        if (linesDrawn > 0) {
            // up to the first line of the last frame
            drawn.append("\u001b[").append(linesDrawn).append('A');
        }
        for (String line : frame) {
            // clear what was there
            drawn.append("\r\u001b[K").append(ansi.string(line)).append(System.lineSeparator());
        }
        linesDrawn = frame.size();
        out.print(drawn);
        out.flush();
    }

    /** Below all that was drawn. */
    void say(String line) {
        out.println(line);
        out.flush();
    }
}
