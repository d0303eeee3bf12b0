package io.reactivemq.test.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import io.reactivemq.test.ChildJvm;
import io.reactivemq.test.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Broker and clients from seeds; {@link World} says what happens to them, and the history checker whether it may. */
@DisplayName("Broker and clients in a simulated world")
@AllowDropped(
        value = {Dropped.OPERATOR_ERROR, Dropped.ERROR, Dropped.NEXT},
        because = "clients are cancelled and brokers killed with requests under way")
class SimulationTest {

    private static final int SEEDS = Integer.getInteger("reactivemq.worlds", 500);
    private static final int TWICE = 50;
    private static final int FAILURES_SHOWN = 3;

    @Test
    @DisplayName("lose nothing, repeat nothing and show nothing that they must not, whatever a seed does to them")
    void nothing_is_wrong() {
        long begin = System.nanoTime();
        Sums sums = new Sums();
        List<String> failures = Long.getLong("reactivemq.seed") == null ? runQuietly(sums) : runAndShow(sums);
        System.out.printf("Simulated worlds: %s, %d ms%n", sums, (System.nanoTime() - begin) / 1_000_000);
        assertThat(failures.stream().limit(FAILURES_SHOWN))
                .as("%d of %d seeds", failures.size(), sums.seeds)
                .isEmpty();
    }

    private static List<String> runQuietly(Sums sums) {
        List<String> failures = new ArrayList<>();
        Seeds.upTo(SEEDS).forEach(seed -> {
            Simulation run = Quiet.during(() -> Simulation.of(seed, new Mistake()));
            sums.add(run.figures());
            if (!run.wrong().isEmpty()) {
                failures.add(run.report());
            }
        });
        return failures;
    }

    /** One seed: its history, and what is logged meanwhile. */
    private static List<String> runAndShow(Sums sums) {
        List<String> failures = new ArrayList<>();
        Seeds.upTo(1).forEach(seed -> {
            Simulation run = Simulation.of(seed, new Mistake());
            sums.add(run.figures());
            System.out.println(run.history());
            failures.addAll(run.wrong());
        });
        return failures;
    }

    @Test
    @DisplayName("do the same for the same seed, in another process too")
    void the_same_in_another_process() throws Exception {
        List<String> seeds = new ArrayList<>();
        LongStream.rangeClosed(1, TWICE).forEach(seed -> seeds.add(Long.toString(seed)));
        List<String> here = seeds.stream()
                .map(seed -> Quiet.during(() -> Simulation.of(Long.parseLong(seed), new Mistake()))
                        .hash())
                .toList();

        assertThat(here).doesNotHaveDuplicates();
        assertThat(ChildJvm.outputOf(Simulation.class, seeds)).isEqualTo(here);
    }

    private static final class Sums {
        private int seeds;
        private long events;
        private long tasks;
        private long simulatedMs;
        private long kills;
        private long powerLosses;
        private long refusals;

        void add(Simulation.Figures figures) {
            seeds++;
            events += figures.events();
            tasks += figures.steps();
            simulatedMs += figures.simulatedMs();
            kills += figures.kills();
            powerLosses += figures.powerLosses();
            refusals += figures.refusals();
        }

        @Override
        public String toString() {
            return seeds + " seeds, " + events + " events, " + tasks + " tasks, " + simulatedMs / 1000
                    + " s of simulated time, " + kills + " kills, " + powerLosses + " losses of power, of whose disks "
                    + refusals + " were refused";
        }
    }
}
