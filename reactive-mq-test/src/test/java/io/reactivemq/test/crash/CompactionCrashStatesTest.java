package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.test.crash.PlantedBug.Phase;
import io.reactivemq.test.simulation.CrashState;
import io.reactivemq.test.simulation.CrashStates;
import io.reactivemq.test.simulation.DiskImage;
import io.reactivemq.test.simulation.RecordingStore;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("K09 In every state that a crash can leave of a log that is being compacted")
@Tag("files")
class CompactionCrashStatesTest {

    private static final int STATES = Integer.getInteger("reactivemq.compaction.states", 20_000);
    private static final int STATES_FOR_BUG = 10_000;

    /** Looks at states until there were enough. */
    private static final class Run {

        private final Supplier<PlantedBug> bugs;
        private final int statesMax;
        private final Map<CrashState.Kind, Integer> byKind = new EnumMap<>(CrashState.Kind.class);
        private int states;
        private int inRecovery;
        private int compactions;

        Run(Supplier<PlantedBug> bugs, int statesMax) {
            this.bugs = bugs;
            this.statesMax = statesMax;
        }

        void life(long seed) {
            RecordingStore store = new RecordingStore(DiskImage.empty());
            CompactedLife life = new CompactedLife(store, bugs.get(), new Random(seed));
            try {
                life.live(40);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("seed " + seed + ", before any crash: " + e, e);
            }
            compactions += life.compactions();
            crashes(store, life, 8, 1, "seed " + seed, new HashSet<>());
        }

        private void crashes(
                RecordingStore store, CompactedLife life, int oneIn, int depth, String story, Set<Long> seen) {
            new CrashStates(store, new Random(depth), oneIn).forEach(0, state -> {
                if (states < statesMax
                        && seen.add(state.image().fingerprint() * 31 + life.durableAt(state.changesDone()))) {
                    states++;
                    inRecovery += depth - 1;
                    byKind.merge(state.kind(), 1, Integer::sum);
                    recover(state, life, depth, story + ", " + state, seen);
                }
            });
        }

        private void recover(CrashState state, CompactedLife before, int depth, String story, Set<Long> seen) {
            RecordingStore disk = new RecordingStore(state.image());
            CompactedLife life = before.after(state.changesDone(), disk, bugs.get());
            int number = states;
            try {
                life.open();
                life.check(before.durableAt(state.changesDone()));
                if (number % 3 == 0) {
                    life.goOn();
                }
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("state " + number + ": " + story + ": " + e, e);
            }
            if (depth == 1 && number % 256 == 0) {
                crashes(disk, life, 64, 2, story + ", recovered", seen);
            }
        }
    }

    @Test
    @DisplayName(
            "there is the last value of each key that was acknowledged, nothing else than was sent, and the log goes on")
    void holds() {
        Run run = new Run(PlantedBug::new, STATES);
        long seed = 0;
        Long replay = Long.getLong("reactivemq.seed");
        if (replay != null) {
            run.life(replay);
            return;
        }
        while (run.states < STATES) {
            run.life(++seed);
        }
        System.out.printf(
                "Crash states of a log that is compacted: %d, %d of them after a crash of a recovery; %d compactions, seeds 1 to %d; by kind %s%n",
                run.states, run.inRecovery, run.compactions, seed, run.byKind);
        assertThat(run.compactions).isPositive();
    }

    @Test
    @DisplayName("each mistake planted under a compaction is caught within 10,000 states")
    void mistakes() {
        Map<String, Supplier<PlantedBug>> bugs = new LinkedHashMap<>();
        bugs.put("does not force the compacted segment", SkipsForce::new);
        bugs.put("does not force the directory behind a rename", () -> new SkipsDirectory(Integer.MAX_VALUE));
        bugs.put("does not force the directory behind .swap", () -> new SkipsDirectory(1));
        bugs.put("does not force the directory behind .deleted", () -> new SkipsDirectory(2));
        bugs.put("puts the new segment in place while the old ones are still there", InPlaceFirst::new);
        bugs.put("throws a .swap away that an opening finds", ForgetsSwap::new);
        bugs.put("leaves what was replaced", LeavesReplaced::new);
        StringBuilder report = new StringBuilder("Bugs planted under compaction, and the state that catches each:\n");
        bugs.forEach((name, bug) -> report.append("  ")
                .append(name)
                .append(": ")
                .append(caught(bug))
                .append('\n'));
        System.out.print(report);
        assertThat(report.toString()).doesNotContain(": null");
    }

    private static @Nullable String caught(Supplier<PlantedBug> bug) {
        Run run = new Run(bug, STATES_FOR_BUG);
        for (long seed = 1; run.states < STATES_FOR_BUG; seed++) {
            try {
                run.life(seed);
            } catch (AssertionError e) {
                String message = String.valueOf(e.getMessage());
                return message.length() <= 200 ? message : message.substring(0, 200) + "...";
            }
        }
        return null;
    }

    private static boolean endsWith(Path path, String end) {
        return path.toString().endsWith(end);
    }

    private static final class SkipsForce extends PlantedBug {
        @Override
        void force(StoredFile file) {
            if (!isIn(Phase.COMPACT) || !endsWith(file.path(), ".cleaned")) {
                file.force();
            }
        }
    }

    /** The so many-th force of the directory of each replacement, or all of them. */
    private static final class SkipsDirectory extends PlantedBug {
        private final int which;
        private int step;

        SkipsDirectory(int which) {
            this.which = which;
        }

        @Override
        void rename(StoredFile file, Path to) {
            step = endsWith(to, ".swap") ? 1 : endsWith(to, ".deleted") ? 2 : 3;
            file.rename(to);
        }

        @Override
        void forceDirectory(FileStore store, Path directory) {
            if (!isIn(Phase.COMPACT) || (which != step && which != Integer.MAX_VALUE)) {
                store.forceDirectory(directory);
            }
        }
    }

    private static final class InPlaceFirst extends PlantedBug {
        @Override
        void rename(StoredFile file, Path to) {
            if (endsWith(to, ".swap")) {
                Path log = to.resolveSibling(to.getFileName().toString().replace(".swap", ""));
                file.rename(log); // in its place at once, with the others behind it still there
            } else if (!endsWith(to, ".log")) {
                file.rename(to);
            }
        }
    }

    private static final class ForgetsSwap extends PlantedBug {
        @Override
        void rename(FileStore store, Path from, Path to) {
            if (isIn(Phase.OPEN) && endsWith(from, ".swap")) {
                store.delete(from);
            } else {
                store.rename(from, to);
            }
        }
    }

    private static final class LeavesReplaced extends PlantedBug {
        @Override
        void delete(FileStore store, Path path) {
            if (!endsWith(path, ".deleted")) {
                store.delete(path);
            }
        }
    }
}
