package io.reactivemq.examples.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Named comparisons of what came out with what had to. */
final class Checks {

    /** How many of the keys that differ are shown. */
    private static final int DIFFERENCES_SHOWN = 3;

    private final List<Check> all = new ArrayList<>();

    void equal(String name, Object expected, Object actual) {
        all.add(new Check(name, Objects.equals(expected, actual), String.valueOf(expected), String.valueOf(actual)));
    }

    void atLeast(String name, long least, long actual) {
        all.add(new Check(name, actual >= least, "at least " + least, String.valueOf(actual)));
    }

    /** Passes where there are no differences. */
    void none(String name, List<String> differences) {
        String shown = String.join("; ", differences.subList(0, Math.min(DIFFERENCES_SHOWN, differences.size())));
        all.add(new Check(name, differences.isEmpty(), "no difference", differences.size() + ": " + shown));
    }

    List<Check> all() {
        return List.copyOf(all);
    }

    long failed() {
        return all.stream().filter(check -> !check.passed()).count();
    }

    String summary() {
        return "checks: " + (all.size() - failed()) + " passed, " + failed() + " failed";
    }

    /**
     * One comparison.
     *
     * @param name what has to be so
     * @param passed whether it is
     * @param expected what was expected
     * @param actual what was found
     */
    record Check(String name, boolean passed, String expected, String actual) {

        @Override
        public String toString() {
            return passed ? "ok    " + name : "FAIL  " + name + ": expected " + expected + ", found " + actual;
        }
    }
}
