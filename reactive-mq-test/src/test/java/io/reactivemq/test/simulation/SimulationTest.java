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

    private static final int SEEDS = 500;
    private static final int TWICE = 50;
    private static final int FAILURES_SHOWN = 3;

    @Test
    @DisplayName("lose nothing, repeat nothing and show nothing that they must not, whatever a seed does to them")
    void nothing_is_wrong() {
        long begin = System.nanoTime();
        List<String> failures = new ArrayList<>();
        long[] sums = new long[6];
        boolean one = Long.getLong("reactivemq.seed") != null;
        Seeds.upTo(SEEDS).forEach(seed -> {
            Simulation run = Simulation.of(seed, new Mistake());
            if (one) {
                System.out.println(run.history());
            }
            if (!run.wrong().isEmpty()) {
                failures.add(run.report());
            }
            Simulation.Figures figures = run.figures();
            sums[0]++;
            sums[1] += figures.events();
            sums[2] += figures.steps();
            sums[3] += figures.simulatedMs();
            sums[4] += figures.kills();
            sums[5] += figures.powerLosses();
        });
        System.out.printf(
                "Simulated worlds: %d seeds, %d events, %d tasks, %d s of simulated time, %d kills, %d losses of power, %d ms%n",
                sums[0], sums[1], sums[2], sums[3] / 1000, sums[4], sums[5], (System.nanoTime() - begin) / 1_000_000);
        assertThat(failures.stream().limit(FAILURES_SHOWN))
                .as("%d of %d seeds", failures.size(), sums[0])
                .isEmpty();
    }

    @Test
    @DisplayName("do the same for the same seed, in another process too")
    void the_same_in_another_process() throws Exception {
        List<String> seeds = new ArrayList<>();
        LongStream.rangeClosed(1, TWICE).forEach(seed -> seeds.add(Long.toString(seed)));
        List<String> here = seeds.stream()
                .map(seed -> Simulation.of(Long.parseLong(seed), new Mistake()).hash())
                .toList();

        assertThat(here).doesNotHaveDuplicates();
        assertThat(ChildJvm.outputOf(Simulation.class, seeds)).isEqualTo(here);
    }
}
