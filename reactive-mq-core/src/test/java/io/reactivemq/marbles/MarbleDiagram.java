package io.reactivemq.marbles;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A marble diagram, written as text and drawn as SVG. A line of the text is a track, and a column of it a moment:
 *
 * <pre>
 * source:    1  2  3  4  .  .  |
 * = dropOldest(1)
 * demand:    .  .  .  .  +2 .  .
 * result:    .  .  .  .  4  .  |
 * let go:    .  -1 -2 -3 .  .  .
 * </pre>
 *
 * <p>{@code .} nothing, {@code |} completion, {@code !} error, {@code x} cancellation, {@code +n} a request of n, {@code -a} element a
 * let go, {@code ?word} a word; all else is an element. An element has the colour of its first letter or digit. A line that begins with
 * {@code =} is an operator, drawn as a box over the whole width.
 */
final class MarbleDiagram {

    private static final int COLUMN = 40;
    private static final int ROW = 44;
    private static final int LABELS = 110;
    private static final int MARGIN = 12;
    private static final int RADIUS = 14;
    private static final String INK = "#24292f";
    private static final Pattern TRACK = Pattern.compile("([^:=]+):\\s+(.*)");
    private static final List<String> COLOURS = List.of(
            "#8ecae6", "#ffb703", "#90be6d", "#f28482", "#cdb4db", "#f9c74f", "#84dcc6", "#ffafcc", "#a0c4ff",
            "#d4a373");

    private final StringBuilder svg = new StringBuilder();
    private final List<String> lines;
    private final int width;

    private MarbleDiagram(String text) {
        this.lines = text.lines().filter(line -> !line.isBlank()).toList();
        int columns = lines.stream()
                .filter(line -> !line.startsWith("="))
                .mapToInt(line -> signals(line).size())
                .max()
                .orElseThrow();
        this.width = LABELS + columns * COLUMN + 2 * MARGIN;
    }

    /** Draws the diagram. */
    static String svg(String text) {
        return new MarbleDiagram(text).draw();
    }

    private static List<String> signals(String line) {
        return List.of(match(line).group(2).trim().split("\\s+"));
    }

    private static Matcher match(String line) {
        Matcher track = TRACK.matcher(line);
        if (!track.matches()) {
            throw new IllegalArgumentException("expected 'label: signals' or '= operator', was '" + line + "'");
        }
        return track;
    }

    private String draw() {
        int height = lines.size() * ROW + 2 * MARGIN;
        add(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\""
                        + " font-family=\"sans-serif\" font-size=\"13\">",
                width, height, width, height);
        add("<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#ffffff\"/>", width, height);
        int y = MARGIN + ROW / 2;
        for (String line : lines) {
            if (line.startsWith("=")) {
                drawOperator(line.substring(1).trim(), y);
            } else {
                drawTrack(match(line).group(1).trim(), signals(line), y);
            }
            y += ROW;
        }
        add("</svg>");
        return svg.toString();
    }

    private void drawOperator(String operator, int y) {
        add(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"30\" rx=\"4\" fill=\"#f6f8fa\" stroke=\"%s\"/>",
                MARGIN, y - 15, width - 2 * MARGIN, INK);
        text(width / 2, y, "middle", INK, operator, " font-family=\"monospace\"");
    }

    private void drawTrack(String label, List<String> signals, int y) {
        text(MARGIN, y, "start", INK, label, "");
        int end = signals.size();
        for (int i = 0; i < signals.size(); i++) {
            if (List.of("|", "!", "x").contains(signals.get(i))) {
                end = i;
            }
        }
        boolean flows = signals.stream().noneMatch(signal -> signal.startsWith("+") || signal.startsWith("-"));
        add(
                "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\"%s/>",
                LABELS,
                y,
                end == signals.size() ? width - MARGIN : x(end),
                y,
                INK,
                flows ? "" : " stroke-dasharray=\"2 5\"");
        for (int i = 0; i < signals.size(); i++) {
            drawSignal(signals.get(i), x(i), y);
        }
    }

    private static int x(int column) {
        return LABELS + column * COLUMN + COLUMN / 2;
    }

    private void drawSignal(String signal, int x, int y) {
        switch (signal.charAt(0)) {
            case '.' -> {}
            case '|' ->
                add(
                        "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"3\"/>",
                        x, y - 12, x, y + 12, INK);
            case '!' -> cross(x, y, "#cf222e");
            case '+' -> request(signal, x, y);
            case '?' -> text(x, y - 14, "middle", INK, signal.substring(1), "");
            case '-' -> marble(signal.substring(1), x, y, " stroke-dasharray=\"3 3\" fill-opacity=\"0.25\"");
            default -> {
                if (signal.equals("x")) {
                    cross(x, y, INK);
                } else {
                    marble(signal, x, y, "");
                }
            }
        }
    }

    private void cross(int x, int y, String colour) {
        add(
                "<path d=\"M%d %d L%d %d M%d %d L%d %d\" stroke=\"%s\" stroke-width=\"3\"/>",
                x - 9, y - 9, x + 9, y + 9, x - 9, y + 9, x + 9, y - 9, colour);
    }

    private void request(String signal, int x, int y) {
        int half = 4 + signal.length() * 5;
        add(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"20\" rx=\"3\" fill=\"#ffffff\" stroke=\"#0969da\"/>",
                x - half, y - 10, 2 * half);
        text(x, y, "middle", "#0969da", signal, "");
    }

    private void marble(String element, int x, int y, String style) {
        int half = Math.max(RADIUS, 4 + element.length() * 4);
        add(
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"%s\"%s/>",
                x - half, y - RADIUS, 2 * half, 2 * RADIUS, RADIUS, colour(element), INK, style);
        text(x, y, "middle", INK, element, "");
    }

    private static String colour(String element) {
        int named = element.chars()
                .filter(Character::isLetterOrDigit)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("an element needs a letter or digit: " + element));
        return COLOURS.get(named % COLOURS.size());
    }

    private void text(int x, int y, String anchor, String colour, String words, String style) {
        add(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"%s\"%s>%s</text>",
                x, y + 5, anchor, colour, style, escaped(words));
    }

    private static String escaped(String words) {
        return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    private void add(String format, Object... arguments) {
        svg.append(String.format(Locale.ROOT, format, arguments)).append('\n');
    }
}
