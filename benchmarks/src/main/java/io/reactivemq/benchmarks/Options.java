package io.reactivemq.benchmarks;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** {@code --name value} on a command line. */
final class Options {

    private final Map<String, String> values = new HashMap<>();

    private Options() {}

    static Options of(String... arguments) {
        Options options = new Options();
        for (int i = 0; i < arguments.length; i += 2) {
            if (!arguments[i].startsWith("--") || i + 1 == arguments.length) {
                throw new IllegalArgumentException("expected --option value, got " + arguments[i]);
            }
            options.values.put(arguments[i].substring(2), arguments[i + 1]);
        }
        return options;
    }

    String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        return Integer.parseInt(text(name, String.valueOf(otherwise)));
    }

    /** Of a list with commas. */
    int[] numbers(String name, String otherwise) {
        return Stream.of(text(name, otherwise).split(",", -1))
                .mapToInt(Integer::parseInt)
                .toArray();
    }

    /** Of a list with commas. */
    boolean[] flags(String name, String otherwise) {
        String[] texts = text(name, otherwise).split(",", -1);
        boolean[] flags = new boolean[texts.length];
        for (int i = 0; i < texts.length; i++) {
            flags[i] = Boolean.parseBoolean(texts[i]);
        }
        return flags;
    }

    /** The system's directory for temporary files, if none is named. */
    Path path(String name) {
        return Path.of(text(name, System.getProperty("java.io.tmpdir")));
    }
}
