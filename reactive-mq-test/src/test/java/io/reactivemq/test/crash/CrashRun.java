package io.reactivemq.test.crash;

import io.reactivemq.ErrorCode;
import io.reactivemq.MqException;
import io.reactivemq.log.LogConfig;
import io.reactivemq.test.simulation.CrashState;
import io.reactivemq.test.simulation.CrashStates;
import io.reactivemq.test.simulation.DiskImage;
import io.reactivemq.test.simulation.RecordingStore;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The crash states of lives of a log, each looked at: first those of the life, then those of what recovered from it, and so on. */
final class CrashRun {

    /** How many crashes one after the other. */
    private static final int DEPTH_MAX = 3;

    private final Supplier<PlantedBug> bugs;
    private final long statesMax;
    private final Map<CrashState.Kind, Long> byKind = new EnumMap<>(CrashState.Kind.class);
    private final long[] byDepth = new long[DEPTH_MAX + 1];
    private long states;
    private long refused;
    private long repeated;
    private long stale;

    CrashRun(Supplier<PlantedBug> bugs, long statesMax) {
        this.bugs = bugs;
        this.statesMax = statesMax;
    }

    /** Raised by a state in which the log is not as it must be. */
    static final class Violation extends AssertionError {
        private static final long serialVersionUID = 1L;

        Violation(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Ends a run that has seen enough. */
    private static final class Enough extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Enough() {
            super(null, null, false, false);
        }
    }

    /** @param oneIn which share of the states is looked at, by lot */
    void life(long seed, int steps, int oneIn) {
        Random random = new Random(seed);
        LogConfig config = LogLife.config(random);
        RecordingStore store = new RecordingStore(DiskImage.empty());
        LogLife life = new LogLife(store, new Ledger(), bugs.get(), config, random);
        try {
            life.live(steps);
        } catch (RuntimeException | AssertionError e) {
            throw new Violation("seed " + seed + ", before any crash: " + e, e);
        }
        Seen seen = new Seen(seed, config, new HashSet<>(), new HashSet<>());
        try {
            crashes(store, 0, life.ledger(), oneIn, 1, "seed " + seed, seen);
        } catch (Enough e) {
            return;
        }
    }

    /** {@code kinds}: a state counts under each kind it comes up as. */
    private record Seen(long seed, LogConfig config, Set<Long> fingerprints, Set<Long> kinds) {}

    private void crashes(RecordingStore store, int from, Ledger ledger, int oneIn, int depth, String story, Seen seen) {
        Random random = new Random(seen.seed * 31 + depth);
        new CrashStates(store, random, oneIn).forEach(from, state -> {
            Ledger.Promise promise = ledger.at(state.changesDone());
            long fingerprint = state.image().fingerprint() * 31 + keyOf(promise);
            if (seen.kinds.add(fingerprint * 31 + state.kind().name().hashCode())) {
                byKind.merge(state.kind(), 1L, Long::sum);
            }
            if (!seen.fingerprints.add(fingerprint)) {
                repeated++;
                return;
            }
            states++;
            byDepth[depth]++;
            String where = story + (depth == 1 ? ", " : ", recovered, ") + state;
            recover(state, new Ledger(ledger, state.changesDone()), depth, where, seen);
            if (states >= statesMax) {
                throw new Enough();
            }
        });
    }

    private static long keyOf(Ledger.Promise promise) {
        long key = promise.durableEnd();
        key = key * 1_000_003 + promise.writtenEnd();
        key = key * 1_000_003 + promise.startMin();
        key = key * 1_000_003 + promise.startMax();
        return key * 1_000_003 + promise.epochMin();
    }

    private void recover(CrashState state, Ledger ledger, int depth, String story, Seen seen) {
        RecordingStore store = new RecordingStore(state.image());
        Ledger.Promise before = ledger.last();
        LogLife life = new LogLife(store, ledger, bugs.get(), seen.config, new Random(seen.seed ^ state.changesDone()));
        try {
            LogRules.checkWholeCheckpoint(state.image(), LogLife.FOLDER);
            MqException damage = open(life);
            if (damage != null) {
                String why = LogRules.damage(state.image(), LogLife.FOLDER);
                LogLife.check(why != null, () -> "refused without damage: " + damage.getMessage());
                LogLife.check(
                        !isInOrder(state), () -> "refused, though nothing is lost but the end: " + damage.getMessage());
                refused++;
                return;
            }
            life.checkOpened(before);
            if (states % 4 == 0) {
                life.goOn();
            }
            if (states % 8 == 0) {
                stale(state, new Ledger(ledger, 0), before, seen);
            }
        } catch (RuntimeException | AssertionError e) {
            throw new Violation("state " + states + ": " + story + ": " + e, e);
        }
        // In the middle of the recovery, and after it was served and went on.
        if (depth < DEPTH_MAX && states % (depth == 1 ? 128 : 256) == 0) {
            crashes(store, 0, ledger, 16 << depth, depth + 1, story, seen);
        }
    }

    /** Whether all that was written before something is there if that is. */
    private static boolean isInOrder(CrashState state) {
        return switch (state.kind()) {
            case PREFIX, TORN_AT_A_BYTE, TORN_AT_512, TORN_AT_4096, ZERO_TAIL -> true;
            case SUBSET, NAME_MISSING, RENAME_UNDONE, DELETION_UNDONE -> false;
        };
    }

    /** The same with what a former life of the file has left behind its end. */
    private void stale(CrashState state, Ledger ledger, Ledger.Promise before, Seen seen) {
        DiskImage image = LogRules.withStaleBatches(state.image(), LogLife.FOLDER);
        if (image == null) {
            return;
        }
        stale++;
        LogLife life = new LogLife(
                new RecordingStore(image),
                ledger,
                bugs.get(),
                seen.config,
                new Random(seen.seed ^ state.changesDone()));
        MqException damage = open(life);
        LogLife.check(damage == null, () -> "refused for batches of a former life: " + damage);
        life.checkOpened(before);
    }

    /** Null, or why it does not open. */
    private static @Nullable MqException open(LogLife life) {
        try {
            life.open();
            return null;
        } catch (MqException e) {
            if (e.errorCode() == ErrorCode.CORRUPT_MESSAGE) {
                return e;
            }
            throw e;
        }
    }

    long states() {
        return states;
    }

    long refused() {
        return refused;
    }

    @Override
    public String toString() {
        return states + " states (" + byDepth[1] + " after one crash, " + byDepth[2] + " after two, " + byDepth[3]
                + " after three), " + repeated + " came up again, " + refused + " refused as damage, " + stale
                + " looked at once more with batches of a former life behind the end; by kind, of which a state can be more than one: "
                + byKind;
    }
}
