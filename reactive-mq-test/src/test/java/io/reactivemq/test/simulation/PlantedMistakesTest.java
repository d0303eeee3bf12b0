package io.reactivemq.test.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.guards.AllowDropped;
import io.reactivemq.guards.Dropped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Each mistake planted around the broker")
@AllowDropped(
        value = {Dropped.OPERATOR_ERROR, Dropped.ERROR, Dropped.NEXT},
        because = "the broker is wrong, and is killed with requests under way")
class PlantedMistakesTest {

    private static final int SEEDS_MAX = 200;
    private static final int SHOWN_MAX = 220;

    @Test
    @DisplayName("is caught within 200 seeds")
    void caught() {
        List<String> missed = new ArrayList<>();
        StringBuilder report =
                new StringBuilder("Mistakes planted around the broker, and the seed that catches each:\n");
        Map<String, Supplier<Mistake>> mistakes = PlantedMistakes.all();
        for (Map.Entry<String, Supplier<Mistake>> mistake : mistakes.entrySet()) {
            String caught = catchIt(mistake.getValue());
            if (caught == null) {
                missed.add(mistake.getKey());
            }
            report.append("  ")
                    .append(mistake.getKey())
                    .append(": ")
                    .append(caught)
                    .append('\n');
        }
        System.out.print(report);
        assertThat(missed).isEmpty();
        assertThat(mistakes).hasSizeGreaterThanOrEqualTo(15);
    }

    private static @Nullable String catchIt(Supplier<Mistake> mistake) {
        for (long seed = 1; seed <= SEEDS_MAX; seed++) {
            long next = seed;
            List<String> wrong =
                    Quiet.during(() -> Simulation.of(next, mistake.get())).wrong();
            if (!wrong.isEmpty()) {
                String first = wrong.get(0).lines().findFirst().orElse("");
                return "seed " + seed + ": "
                        + (first.length() <= SHOWN_MAX ? first : first.substring(0, SHOWN_MAX) + "...");
            }
        }
        return null;
    }
}
