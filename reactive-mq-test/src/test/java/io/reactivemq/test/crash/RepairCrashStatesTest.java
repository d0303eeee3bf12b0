package io.reactivemq.test.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.reactivemq.ErrorCode;
import io.reactivemq.Headers;
import io.reactivemq.MqException;
import io.reactivemq.TopicPartition;
import io.reactivemq.log.LogConfig;
import io.reactivemq.log.LogRepair;
import io.reactivemq.log.PartitionLog;
import io.reactivemq.record.RecordBatchBuilder;
import io.reactivemq.storage.FileStore;
import io.reactivemq.storage.StoredFile;
import io.reactivemq.test.crash.PlantedBug.Phase;
import io.reactivemq.test.simulation.CrashState;
import io.reactivemq.test.simulation.CrashStates;
import io.reactivemq.test.simulation.DiskImage;
import io.reactivemq.test.simulation.RecordingStore;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code LogRepairCrashTest} of the core is the same for a process that is killed. */
@DisplayName("Rule 4: in every state that a loss of power can leave of a log that is being repaired")
@Tag("files")
class RepairCrashStatesTest {

    private static final int STATES = Integer.getInteger("reactivemq.repair.states", 4_000);
    private static final int STATES_FOR_BUG = 4_000;
    private static final int DEPTH_MAX = 2;

    private static final Path DATA = Path.of("/data");
    private static final Path FOLDER = DATA.resolve("t-0");
    private static final Path ASIDE = DATA.resolve("set-aside");
    private static final TopicPartition T0 = new TopicPartition("t", 0);
    private static final LogConfig CONFIG =
            LogConfig.defaults().withSegmentBytes(300).withIndexIntervalBytes(90);
    private static final int RECORDS = 12;

    /** What is wrong with a log, by what that is called; all segments of it were forced. */
    private static Map<String, DiskImage> damages() {
        RecordingStore store = new RecordingStore(DiskImage.empty());
        store.createForcedDirectories(DATA);
        try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
            for (int i = 0; i < RECORDS; i++) {
                log.append(batch(i), 0);
            }
        }
        DiskImage whole = store.now();
        List<Path> segments = whole.files().keySet().stream()
                .filter(path -> path.toString().endsWith(".log"))
                .sorted()
                .toList();
        assertThat(segments).hasSizeGreaterThan(3);
        Path last = segments.get(segments.size() - 1);
        byte[] lastBytes = bytes(whole, last);
        DiskImage shorter = with(whole, last, Arrays.copyOf(lastBytes, lastBytes.length - 10));
        Map<String, DiskImage> damages = new LinkedHashMap<>();
        damages.put("a bit in the middle", flipped(whole, segments.get(1), 150));
        damages.put("a bit at a segment's begin", flipped(whole, segments.get(1), 10));
        damages.put("bytes are missing", shorter);
        damages.put("a bit and missing bytes", flipped(shorter, segments.get(0), 150));
        damages.put("a segment is missing", with(whole, segments.get(2), null));
        return damages;
    }

    private static ByteBuffer batch(int i) {
        RecordBatchBuilder builder = new RecordBatchBuilder(256, 1 << 16);
        builder.tryAppend(0, null, new byte[] {(byte) i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Headers.empty());
        return builder.build();
    }

    private static byte[] bytes(DiskImage image, Path path) {
        return Objects.requireNonNull(image.files().get(path)).clone();
    }

    private static DiskImage flipped(DiskImage image, Path path, int at) {
        byte[] content = bytes(image, path);
        content[at] ^= 1;
        return with(image, path, content);
    }

    private static DiskImage with(DiskImage image, Path path, byte @Nullable [] content) {
        Map<Path, byte[]> files = new HashMap<>(image.files());
        if (content == null) {
            files.remove(path);
        } else {
            files.put(path, content);
        }
        return new DiskImage(image.directories(), files);
    }

    /** Both kinds of repairs, of all damages. */
    private static final class Run {

        private final Supplier<PlantedBug> bugs;
        private final int statesMax;
        private final int oneIn;
        private final Map<CrashState.Kind, Integer> byKind = new EnumMap<>(CrashState.Kind.class);
        private int states;
        private int again;
        private int refused;

        Run(Supplier<PlantedBug> bugs, int statesMax, int oneIn) {
            this.bugs = bugs;
            this.statesMax = statesMax;
            this.oneIn = oneIn;
        }

        void all(long seed) {
            damages().forEach((what, damaged) -> {
                for (boolean cut : new boolean[] {true, false}) {
                    RecordingStore store = new RecordingStore(damaged);
                    repair(store, cut);
                    String story = "seed " + seed + ", " + what + ", " + (cut ? "--cut" : "--set-aside");
                    crashes(store, damaged, 1, story, new Random(seed), new HashSet<>());
                }
            });
        }

        private LogRepair.Report repair(RecordingStore store, boolean cut) {
            PlantedBug bug = bugs.get();
            bug.phase(Phase.OPEN);
            LogRepair repair = new LogRepair(new TappedStore(store, bug), FOLDER);
            return cut ? repair.cut() : repair.setAside(0);
        }

        private void crashes(
                RecordingStore store, DiskImage damaged, int depth, String story, Random random, Set<Long> seen) {
            new CrashStates(store, random, oneIn << (4 * (depth - 1))).forEach(0, state -> {
                if (states >= statesMax || !seen.add(state.image().fingerprint())) {
                    return;
                }
                int number = ++states;
                again += depth - 1;
                byKind.merge(state.kind(), 1, Integer::sum);
                String where = story + ", " + state;
                try {
                    check(state, damaged, random.nextBoolean(), depth, where, random, seen);
                } catch (RuntimeException | AssertionError e) {
                    throw new AssertionError("state " + number + ": " + e + ": " + where, e);
                }
            });
        }

        /** A broker may come first, and then either kind of repair does. */
        private void check(
                CrashState state,
                DiskImage damaged,
                boolean cut,
                int depth,
                String story,
                Random random,
                Set<Long> seen) {
            if (state.image().files().keySet().stream()
                    .anyMatch(path -> path.startsWith(FOLDER) && path.toString().endsWith(".log"))) {
                asABroker(new RecordingStore(state.image()));
            }
            RecordingStore store = new RecordingStore(state.image());
            LogRepair.Report report;
            try {
                report = repair(store, cut);
            } catch (MqException hopeless) {
                LogLife.check(cut && hopeless.errorCode() == ErrorCode.CORRUPT_MESSAGE, "refused: " + hopeless);
                report = repair(store, false);
            }
            LogLife.check(report.nextOffset() == RECORDS, "not where the log ended: " + report);
            checkNothingIsLost(store.now(), damaged);
            if (depth < DEPTH_MAX && states % 128 == 0) {
                crashes(store, damaged, depth + 1, story + ", again", random, seen);
            }
            try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
                log.verify();
                LogLife.check(log.leaderEpoch() > 0, () -> "no new epoch: " + log);
                long offset = log.append(batch(RECORDS), 0).baseOffset();
                LogLife.check(offset == RECORDS, "given out: " + offset);
            }
        }

        /** Who opens it is refused, or has what the whole repair would have left. */
        private void asABroker(RecordingStore store) {
            try (PartitionLog log = PartitionLog.open(store, FOLDER, T0, CONFIG)) {
                log.verify();
                LogLife.check(log.logEndOffset() == RECORDS, () -> "a broker serves it: " + log);
                LogLife.check(log.leaderEpoch() > 0, () -> "a broker serves it in its former epoch: " + log);
            } catch (MqException damage) {
                LogLife.check(damage.errorCode() == ErrorCode.CORRUPT_MESSAGE, "not for damage: " + damage);
                refused++;
            }
        }
    }

    /** Every byte of the segments is in the folder or beside it. */
    private static void checkNothingIsLost(DiskImage now, DiskImage before) {
        before.files().forEach((path, whole) -> {
            if (path.toString().endsWith(".log")) {
                String name = path.getFileName().toString();
                List<byte[]> begins = new ArrayList<>();
                Map<Integer, List<byte[]>> rests = new HashMap<>();
                now.files().forEach((place, bytes) -> {
                    String there = place.getFileName().toString();
                    if (there.startsWith(name + ".from-")) {
                        int from = Integer.parseInt(there.substring(name.length() + 6));
                        rests.computeIfAbsent(from, none -> new ArrayList<>()).add(bytes);
                    } else if (there.startsWith(name)) {
                        begins.add(bytes);
                    }
                });
                boolean isThere = begins.stream().anyMatch(begin -> startsWith(begin, whole))
                        || rests.entrySet().stream()
                                .anyMatch(rest -> begins.stream()
                                                .anyMatch(
                                                        begin -> startsWith(begin, Arrays.copyOf(whole, rest.getKey())))
                                        && rest.getValue().stream()
                                                .anyMatch(bytes -> startsWith(
                                                        bytes,
                                                        Arrays.copyOfRange(whole, rest.getKey(), whole.length))));
                LogLife.check(isThere, () -> "lost: bytes of " + path);
            }
        });
    }

    private static boolean startsWith(byte[] bytes, byte[] with) {
        return bytes.length >= with.length && Arrays.equals(bytes, 0, with.length, with, 0, with.length);
    }

    @Test
    @DisplayName(
            "no byte is lost, no broker serves it before it is whole, and a repair that is run again goes on where the log ended")
    void holds() {
        Run run = new Run(
                PlantedBug::new, Integer.MAX_VALUE, 24); // all of a seed's, so that no kind of damage is left out
        long seed = 0;
        do {
            run.all(++seed);
        } while (run.states < STATES);
        System.out.printf(
                "Crash states of repairs: %d, %d of them after a crash of a repair that was run again, %d that a broker refuses; seeds 1 to %d; by kind %s%n",
                run.states, run.again, run.refused, seed, run.byKind);
        assertThat(run.again).isPositive();
        assertThat(run.byKind).containsKeys(CrashState.Kind.SUBSET, CrashState.Kind.NAME_MISSING);
    }

    @Test
    @DisplayName("each mistake planted under a repair is caught")
    void mistakes() {
        Map<String, Supplier<PlantedBug>> bugs = new LinkedHashMap<>();
        bugs.put("forces no directory", () -> new SkipsDirectory(FOLDER, ASIDE, DATA));
        bugs.put("does not force what it has copied", SkipsForceOfCopy::new);
        bugs.put("does not force where it has moved to", () -> new SkipsDirectory(ASIDE));
        StringBuilder report = new StringBuilder("Bugs planted under repairs, and the state that catches each:\n");
        bugs.forEach((name, bug) -> report.append("  ")
                .append(name)
                .append(": ")
                .append(caught(bug))
                .append('\n'));
        System.out.print(report);
        assertThat(report.toString()).doesNotContain(": null");
    }

    private static @Nullable String caught(Supplier<PlantedBug> bug) {
        Run run = new Run(bug, STATES_FOR_BUG, 4);
        for (long seed = 1; run.states < STATES_FOR_BUG; seed++) {
            try {
                run.all(seed);
            } catch (AssertionError e) {
                String message = String.valueOf(e.getMessage());
                return message.length() <= 200 ? message : message.substring(0, 200) + "...";
            }
        }
        return null;
    }

    private static final class SkipsForceOfCopy extends PlantedBug {
        @Override
        void force(StoredFile file) {
            if (!file.path().toString().contains(".from-")) {
                file.force();
            }
        }
    }

    /** Of those directories, and what is in the one set aside. */
    private static final class SkipsDirectory extends PlantedBug {
        private final List<Path> which;

        SkipsDirectory(Path... which) {
            this.which = List.of(which);
        }

        @Override
        void forceDirectory(FileStore store, Path directory) {
            if (!which.contains(directory) && !(which.contains(ASIDE) && ASIDE.equals(directory.getParent()))) {
                store.forceDirectory(directory);
            }
        }
    }
}
