package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("In every state that a crash can leave")
class LogCrashStatesTest {

    private static final long STATES = Long.getLong("reactivemq.crash.states", 100_000);

    @Test
    @DisplayName("what was acknowledged is there, nothing else is, in order, and the log goes on")
    void holds() {
        CrashRun run = new CrashRun(PlantedBug::new, STATES);
        long started = System.nanoTime();
        long seed = 0;
        Long replay = Long.getLong("reactivemq.seed");
        if (replay != null) {
            life(run, replay);
            System.out.printf("Crash states of the log: %s; seed %d%n", run, replay);
            return;
        }
        while (run.states() < STATES) {
            life(run, ++seed);
        }
        System.out.printf(
                "Crash states of the log: %s; seeds 1 to %d, %.1f s%n", run, seed, (System.nanoTime() - started) / 1e9);
        assertThat(run.states()).isGreaterThanOrEqualTo(STATES);
    }

    /** Short lives with every state, in turn with long ones of which a sixteenth is looked at. */
    private static void life(CrashRun run, long seed) {
        if (seed % 2 == 1) {
            run.life(seed, 12, 1);
        } else {
            run.life(seed, 80, 16);
        }
    }
}
