package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.test.crash.CrashRun.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Each mistake planted under the log")
class PlantedBugsTest {

    private static final int STATES_MAX = 10_000;

    @Test
    @DisplayName("is caught within 10,000 crash states")
    void caught() {
        List<String> missed = new ArrayList<>();
        StringBuilder report =
                new StringBuilder("Bugs planted under the log, and the crash state that catches each:\n");
        Map<String, Supplier<PlantedBug>> bugs = PlantedBugs.all();
        for (Map.Entry<String, Supplier<PlantedBug>> bug : bugs.entrySet()) {
            String caught = catchIt(bug.getValue());
            if (caught == null) {
                missed.add(bug.getKey());
            }
            report.append("  ").append(bug.getKey()).append(": ").append(caught).append('\n');
        }
        System.out.print(report);
        assertThat(missed).isEmpty();
        assertThat(bugs).hasSizeGreaterThanOrEqualTo(20);
    }

    private static @Nullable String catchIt(Supplier<PlantedBug> bug) {
        CrashRun run = new CrashRun(bug, STATES_MAX);
        for (long seed = 1; run.states() < STATES_MAX; seed++) {
            try {
                run.life(seed, 40, 32);
            } catch (Violation e) {
                String message = String.valueOf(e.getMessage());
                return message.length() <= 220 ? message : message.substring(0, 220) + "...";
            }
        }
        return null;
    }
}
