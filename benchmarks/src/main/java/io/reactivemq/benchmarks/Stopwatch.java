package io.reactivemq.benchmarks;

/** Wall time, and the CPU time of this process and of all others, since it was started. */
final class Stopwatch {

    private final Cpu before = Cpu.now();
    private final long start = System.nanoTime();

    private Stopwatch() {}

    static Stopwatch start() {
        return new Stopwatch();
    }

    double seconds() {
        return (System.nanoTime() - start) / 1e9;
    }

    Cpu used() {
        return Cpu.now().minus(before);
    }

    /** Adds an amount a second to the samples, if this run is measured. */
    void stop(Samples samples, boolean measured, double amount) {
        double seconds = seconds();
        if (measured) {
            samples.add(amount / seconds, used(), seconds, amount);
        }
    }

    /** Adds the time it took, in that unit. */
    void stopTime(Samples samples, boolean measured, double unitsPerSecond) {
        double seconds = seconds();
        if (measured) {
            samples.add(seconds * unitsPerSecond, used(), seconds, 1);
        }
    }
}
