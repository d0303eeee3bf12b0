package io.reactivemq.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * CPU time used so far, by a process and by the whole machine, in seconds. Zero where there is no {@code /proc}.
 *
 * @param processSeconds by the process
 * @param processUserSeconds of that in user mode
 * @param machineSeconds by everything that runs
 */
record Cpu(double processSeconds, double processUserSeconds, double machineSeconds) {

    private static final double TICKS_PER_SECOND = 100;

    private static final Path MACHINE = Path.of("/proc/stat");

    /** Of this process. */
    static Cpu now() {
        return of(Path.of("/proc/self/stat"));
    }

    static Cpu of(long pid) {
        return of(Path.of("/proc/" + pid + "/stat"));
    }

    private static Cpu of(Path stat) {
        if (!Files.isReadable(stat) || !Files.isReadable(MACHINE)) {
            return new Cpu(0, 0, 0);
        }
        try {
            // the name in parentheses may hold spaces; utime and stime are the 14th and 15th field
            String process = Files.readString(stat);
            String[] fields = process.substring(process.lastIndexOf(')') + 2).split(" ", -1);
            double user = Double.parseDouble(fields[11]) / TICKS_PER_SECOND;
            double system = Double.parseDouble(fields[12]) / TICKS_PER_SECOND;
            // cpu user nice system idle iowait irq softirq steal
            String[] machine = Files.readAllLines(MACHINE).get(0).trim().split("\\s+", -1);
            double busy = 0;
            for (int i = 1; i <= 8; i++) {
                if (i != 4 && i != 5) {
                    busy += Double.parseDouble(machine[i]) / TICKS_PER_SECOND;
                }
            }
            return new Cpu(user + system, user, busy);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Cpu minus(Cpu before) {
        return new Cpu(
                processSeconds - before.processSeconds,
                processUserSeconds - before.processUserSeconds,
                machineSeconds - before.machineSeconds);
    }

    /** What other processes used. */
    double othersSeconds() {
        return Math.max(0, machineSeconds - processSeconds);
    }
}
